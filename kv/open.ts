/**
 * Opens the store that `--kv-store` names. A backend and its client library are loaded when they
 * are used, and no other.
 *
 * @module
 */
import { looks, Renewals } from "./leases/renewal.ts";
import { PROVIDERS } from "./providers.ts";
import type { Store } from "./store.ts";
import { parseStoreUrl } from "./url/url.ts";
import { readStoreFiles } from "./url/url_files.ts";

/** Options of {@linkcode openStore}. */
export interface OpenOptions {
  /** Where the embedded store lies. */
  stateDir: string;
  /** The environment, for credentials. */
  env?: Readonly<Record<string, string | undefined>>;
  /** It is the one that the authority of its certificates vouches for; see `StoreUrl.own`. */
  own?: boolean;
}

/**
 * Opens a store.
 *
 * @param flag the value of `--kv-store`
 * @throws {NetsvcError} `invalid` for a wrong URL or an unreadable file of it; else as
 * `Backend.open()`, and for the embedded store as `openLocalStore()`
 */
export async function openStore(flag: string, options: OpenOptions): Promise<Store> {
  const parsed = parseStoreUrl(flag, options.env);
  if (parsed.provider === "local") {
    return (await import("./local/local_store.ts")).openLocalStore(options.stateDir);
  }
  const backend = await PROVIDERS[parsed.provider]!.load();
  const seen = await looks(parsed);
  const read = await readStoreFiles(parsed);
  const url = options.own ? { ...read, own: true } : read;
  return await backend.open(url, new Renewals(parsed, url, seen));
}
