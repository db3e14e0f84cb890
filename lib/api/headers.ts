/**
 * Headers of the API's own.
 *
 * @module
 */

/**
 * Of answers while the shared store doesn't answer the daemon: for how long, in seconds. Data about other
 * hosts is then as of the last answer.
 */
export const STORE_AWAY_HEADER = "netsvc-store-away";

/** Of `GET /hosts`: the clients that may write into the store besides the hosts, percent-encoded. */
export const STORE_EXPOSED_HEADER = "netsvc-store-exposed";
