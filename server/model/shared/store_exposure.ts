/**
 * Whether others than the cluster's hosts can write into the shared store, as far as its URL shows, and what that
 * means. Pure.
 *
 * @module
 */
import type { ParsedStoreUrl } from "../../../kv/url/store_url.ts";

const LOOPBACK = /^(localhost|127\.\d+\.\d+\.\d+|::1)$/;

/** Whether an endpoint is on this machine only. */
export function isLoopback(host: string): boolean {
  return LOOPBACK.test(host);
}

/**
 * What a store without TLS or without a login allows others, in one line of ASCII; `undefined` when it has both, or is
 * on loopback only.
 */
export function storeExposure(
  { provider, endpoints, tls, files, username, password, token, display }: ParsedStoreUrl,
): string | undefined {
  if (provider === "local" || endpoints.every(({ host }) => isLoopback(host))) return undefined;
  const login = files.cert !== undefined || token !== undefined || files.token !== undefined ||
    username !== undefined && (password !== undefined || files.password !== undefined);
  if (tls && login) return undefined;
  const lacks = !tls && !login
    ? "without TLS and without a login"
    : tls
    ? "without a login"
    : "without TLS";
  const who = login
    ? "anyone on the path reads the login, and can then"
    : "anyone who reaches its port can";
  return `The store ${
    JSON.stringify(display)
  } is used ${lacks}: ${who} take names, addresses and traffic ` +
    `of all global networks on all hosts, and end their services`;
}

/** The remedy. */
export const EXPOSURE_REMEDY =
  "Give the store TLS and a login, and write e.g. --kv-store=etcds://USER@HOST:2379?ca=FILE&" +
  "password-file=FILE, as docs/stores.md says; until then let a firewall admit the hosts alone to its port";
