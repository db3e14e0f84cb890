/**
 * What URLs of a store may contain. Pure.
 *
 * @module
 */

/** A store, as far as its URLs go. */
export interface Traits {
  /** What URLs begin with; with an `s` more for TLS. */
  schemes: readonly string[];
  port: number;
  /** Shown in errors about wrong URLs. */
  example: string;
  login: "password" | "token";
  /** Takes TLS files of the URL. */
  files: boolean;
  /** Variable of the environment that this store's own tools read. */
  tokenVariable?: string;
  /** It is one web server, whose URL may have a path. */
  web?: boolean;
}

/** Makes the error of a wrong URL. */
export type Invalid = (why: string, remedy?: string) => Error;
