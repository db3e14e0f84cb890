/**
 * How the members of an etcd cluster are reached by calls of its management API.
 *
 * @module
 */
import type { Endpoint } from "../../url/url_parts.ts";
import type { StoreUrl } from "../../url/store_url.ts";

/** How members are reached. */
export interface AdminUrl {
  endpoints: Endpoint[];
  /** PEM texts. */
  tls: NonNullable<StoreUrl["tls"]>;
}

/** Time that a call may take unless given, in milliseconds. */
export const CALL_MS = 5_000;

/** Options of {@linkcode AdminChannels.call}. */
export interface CallOptions {
  /** This member alone; any unless given. */
  at?: Endpoint;
  /** Time for it, in milliseconds. */
  ms?: number;
  /** Whether it changes something: it isn't sent again once it may have arrived. */
  once?: boolean;
}

/** `HOST:PORT`, an IPv6 address in brackets. */
export function endpointText({ host, port }: Endpoint): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

/** The store's name in messages. */
export function displayOf({ endpoints }: Pick<AdminUrl, "endpoints">): string {
  return `etcds:${endpoints.map(endpointText).join(",")}`;
}
