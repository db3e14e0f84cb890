/**
 * What a shared store's folder gives.
 *
 * @module
 */
import type { Renewals } from "./leases/renewal.ts";
import type { Store } from "./store.ts";
import type { StoreUrl } from "./url/store_url.ts";

/** What the module of a shared store exports. */
export interface Backend {
  /**
   * Opens the store. An unreachable server is no failure: the store's calls then reject with
   * `unavailable` or `timeout` within 3 s each, and succeed as soon as the server can be reached.
   *
   * @param url kept up to date by `renewals`, which the store closes with itself, also when it can't be opened
   * @throws {NetsvcError} `unauthorized` for a refused login and for a certificate that isn't
   * trusted, `unsupported` for a server that is no such store
   */
  open(url: StoreUrl, renewals: Renewals): Promise<Store>;
}
