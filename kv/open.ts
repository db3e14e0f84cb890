/**
 * Opens the store that `--kv-store` names. A backend and its client library are loaded when they
 * are used, and no other.
 *
 * @module
 */
import { NetsvcError } from "../lib/api/errors.ts";
import { looks, Renewals } from "./leases/renewal.ts";
import type { Store } from "./store.ts";
import { parseStoreUrl, type Provider, type StoreUrl } from "./url/url.ts";
import { readStoreFiles } from "./url/url_files.ts";

/** What the module of a shared store exports. */
export interface Backend {
  /**
   * Opens the store. An unreachable server is no failure: the store's calls then reject with
   * `unavailable` or `timeout` within 3 s each, and succeed as soon as the server is there.
   *
   * @param url kept up to date by `renewals`, which the store closes with itself, also when it can't be opened
   * @throws {NetsvcError} `unauthorized` for a refused login and for a certificate that isn't
   * trusted, `unsupported` for a server that is no such store
   */
  open(url: StoreUrl, renewals: Renewals): Promise<Store>;
}

// One literal import() each, so that the bundler makes one chunk of each.
const BACKENDS: Partial<Record<Provider, () => Promise<Backend>>> = {
  consul: () => import("./consul/consul_store.ts"),
  denokv: () => import("./denokv/denokv_store.ts"),
  zookeeper: () => import("./zookeeper/zookeeper_store.ts"),
  etcd: () => import("./etcd/etcd_store.ts"),
};

/** Options of {@linkcode openStore}. */
export interface OpenOptions {
  /** Where the embedded store lies. */
  stateDir: string;
  /** The environment, for credentials. */
  env?: Readonly<Record<string, string | undefined>>;
}

/**
 * Opens a store.
 *
 * @param flag the value of `--kv-store`
 * @throws {NetsvcError} `invalid` for a wrong URL or an unreadable file of it; else as
 * {@linkcode Backend.open}, and for the embedded store as `openLocalStore()`
 */
export async function openStore(flag: string, options: OpenOptions): Promise<Store> {
  const parsed = parseStoreUrl(flag, options.env);
  if (parsed.provider === "local") {
    return (await import("./local/local_store.ts")).openLocalStore(options.stateDir);
  }
  const load = BACKENDS[parsed.provider];
  if (!load) {
    throw new NetsvcError("unsupported", `The store "${parsed.provider}" is not built in`);
  }
  const backend = await load();
  const seen = await looks(parsed);
  const url = await readStoreFiles(parsed);
  return await backend.open(url, new Renewals(parsed, url, seen));
}
