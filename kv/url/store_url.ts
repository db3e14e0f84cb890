/**
 * Where a store is, and how to log in.
 *
 * @module
 */
import type { Endpoint } from "./url_parts.ts";

/** Where a store is and how to log in, as its backend gets it. */
export interface StoreUrl {
  /** A row of `kv/providers.ts`, or `local`. */
  provider: string;
  /** At least one; none for `local`. */
  endpoints: Endpoint[];
  /** First segments of all keys, without slashes at its ends. */
  prefix: string;
  /** Of a store that is one web server: its path, with its leading slash, or "". */
  path: string;
  /** PEM texts; there, though empty, when TLS is spoken. */
  tls?: { ca?: string; cert?: string; key?: string };
  username?: string;
  password?: string;
  token?: string;
  /** This URL for logs and messages: nothing in it is secret. */
  display: string;
  /**
   * A store of the certificates' own authority, for it and nobody else: whoever can't show one of that authority's is not
   * the store, and the store is away. Opening it waits for what else is wrong, too.
   */
  own?: boolean;
}

/** Contents that a URL may leave to files. */
export const FILES = ["ca", "cert", "key", "password", "token"] as const;

/** A URL whose files are yet to be read. */
export interface ParsedStoreUrl extends Omit<StoreUrl, "tls"> {
  tls: boolean;
  /** Paths. */
  files: Partial<Record<typeof FILES[number], string>>;
}
