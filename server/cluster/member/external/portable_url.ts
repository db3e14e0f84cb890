/**
 * A store's URL that means the same on every host: what it takes from files and from the environment goes along.
 *
 * @module
 */
import { openStore } from "../../../../kv/open.ts";
import type { Store } from "../../../../kv/store.ts";
import { FILES } from "../../../../kv/url/store_url.ts";
import { parseStoreUrl } from "../../../../kv/url/url.ts";
import { readStoreFiles } from "../../../../kv/url/url_files.ts";
import { NetsvcError } from "../../../../lib/api/errors.ts";
import type { ClusterPaths } from "../../files/cluster_paths.ts";
import { writeWhole } from "../../files/write_file.ts";
import { hostPort } from "../store_flags.ts";

/** A store, wherever it is used from. */
export interface PortableUrl {
  /** As `--kv-store` takes it; nothing in it is secret, and it names no files. */
  url: string;
  /** What lies in files beside it, by the names of {@linkcode FILES}. */
  files: Record<string, string>;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** @throws {NetsvcError} `invalid` for a wrong URL, an unreadable file of it, and the store of one host alone */
export async function readPortable(flag: string, env: Environment = {}): Promise<PortableUrl> {
  const parsed = parseStoreUrl(flag, env);
  if (parsed.provider === "local") {
    throw new NetsvcError(
      "invalid",
      `The store "local" is this host's own: name one that other hosts reach, or leave --kv-store out`,
    );
  }
  const { provider, endpoints, path, prefix, username, password, token, tls } =
    await readStoreFiles(parsed);
  const words = new URLSearchParams({ prefix, ...username !== undefined && { username } });
  const hosts = endpoints.map(hostPort).join(",");
  const contents = { ...tls, password, token };
  return {
    url: `${provider}${tls ? "s" : ""}:${hosts}${path}?${query(words)}`,
    files: Object.fromEntries(
      FILES.flatMap((name) => contents[name] === undefined ? [] : [[name, contents[name]!]]),
    ),
  };
}

/** Looks at what a token says. @throws {NetsvcError} `invalid` */
export function checkPortable({ url, files }: PortableUrl): void {
  const known: readonly string[] = FILES;
  const good = typeof url === "string" && typeof files === "object" && files !== null &&
    Object.entries(files).every(([name, text]) => known.includes(name) && typeof text === "string");
  // It names no files of its own: those of a host are nobody else's matter.
  const place = (name: string) => `/${name}`;
  const parsed = good ? parseStoreUrl(withFiles(url, Object.keys(files), place)) : undefined;
  const fits = parsed && parsed.provider !== "local" &&
    Object.entries(parsed.files).every(([name, path]) => name in files && path === place(name));
  if (fits) return;
  throw new NetsvcError(
    "invalid",
    `This is not a join token: it names no store; "netsvc cluster token create" on a member makes one`,
  );
}

/** Writes its files below `STATE/cluster`. @returns the value of `--kv-store` for this host */
export async function writePortable(
  { directory }: ClusterPaths,
  { url, files }: PortableUrl,
): Promise<string> {
  const place = (name: string) => `${directory}/store.${name}`;
  for (const [name, text] of Object.entries(files)) await writeWhole(place(name), text);
  return withFiles(url, Object.keys(files), place);
}

function withFiles(url: string, names: string[], place: (name: string) => string): string {
  if (names.length === 0) return url;
  const words = names.map((name): [string, string] => [
    name === "password" || name === "token" ? `${name}-file` : name,
    place(name),
  ]);
  return `${url}&${query(new URLSearchParams(words))}`;
}

/** Opens it. @throws as `openStore()` */
export async function openPortable(flag: string, { directory }: ClusterPaths): Promise<Store> {
  return await openStore(flag, { stateDir: directory });
}

/** `+` is a plus here, and not a blank. */
function query(words: URLSearchParams): string {
  return [...words].map(([name, value]) => `${name}=${encodeURIComponent(value)}`).join("&");
}
