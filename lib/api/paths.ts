/**
 * Paths of netsvc's own API. All others on a socket are Docker's, whose clients may leave the version out of
 * their paths: no request can be meant for either.
 *
 * @module
 */

/** What paths of netsvc's own API begin with. */
export const API_PREFIX = "/netsvc/v1";

/** Paths that monitoring expects at the top level and Docker's API doesn't have: the same as under the prefix. */
const AT_THE_TOP = ["/healthz", "/metrics", "/openapi.json"];

/** The path of netsvc's own API that a request asks for; `undefined` for one of Docker's. */
export function ownPath(path: string): string | undefined {
  if (AT_THE_TOP.includes(path)) return API_PREFIX + path;
  return path === "/netsvc" || path.startsWith("/netsvc/") ? path : undefined;
}
