/**
 * Decides which requests may use the API: on the unix socket, those of every process that can open it; on
 * TCP, those with a token, and none of a browser page (which would send `Origin`, or by DNS rebinding a
 * `Host` that isn't this daemon's).
 *
 * @module
 */
import type { MiddlewareHandler } from "@hono/hono";
import { timingSafeEqual } from "node:crypto";
import { connectionOf } from "./listen/connection.ts";
import { NetsvcError } from "../../lib/api/errors.ts";
import { API_PREFIX, ownPath } from "../../lib/api/paths.ts";

/** The requirements of one listener. */
export interface GuardOptions {
  /** Host names that requests may carry besides IP literals and `localhost`; lower case. */
  hosts: string[];
  /** Whether browsers can't connect to the listener: it then refuses a `Host` only if that is a domain. */
  unix?: boolean;
  /** Bearer tokens, one of which a request must carry; `undefined`: requests need no token. */
  tokens?: () => readonly string[] | undefined;
  /** Which host of the cluster a certificate is of; absent where they aren't asked for. */
  hostOf?: (certificate: Uint8Array) => Promise<string | undefined>;
}

/**
 * What a host of the cluster may ask by its certificate: how this daemon is and whom it knows, in the paths of netsvc's
 * API. It has nothing of what makes a token its holder root of this host.
 */
const FOR_HOSTS = ["/version", "/healthz", "/cluster", "/hosts"].map((path) => API_PREFIX + path);

/** Whether a host may ask this. */
export function isForHosts({ method, url }: Pick<Request, "method" | "url">): boolean {
  const path = ownPath(new URL(url).pathname);
  return method === "GET" && path !== undefined && FOR_HOSTS.includes(path);
}

const IPV4 = /^\d{1,3}(\.\d{1,3}){3}$/;

/** Whether a `Host` header names this daemon and not some page's domain. */
export function isAllowedHost(header: string | null | undefined, hosts: string[]): boolean {
  if (!header) return false;
  const host = header.toLowerCase().replace(/:\d+$/, "");
  // A name can be made to resolve to anything; an address can't be rebound.
  return host === "localhost" || IPV4.test(host) || /^\[[0-9a-f:.]+\]$/.test(host) ||
    hosts.includes(host);
}

/**
 * Whether a `Host` is a domain name. On unix sockets clients send arbitrary values: an empty one, a single
 * word, or the socket's path in hexadecimal or with `%2F`.
 */
function isDomain(header: string | null): boolean {
  return /^[a-z0-9_-]+(\.[a-z0-9_-]+)*\.[a-z][a-z0-9-]*\.?(:\d+)?$/i.test(header ?? "");
}

function sameToken(given: string, wanted: string): boolean {
  const [a, b] = [given, wanted].map((s) => new TextEncoder().encode(s)) as [
    Uint8Array,
    Uint8Array,
  ];
  return a.length === b.length && timingSafeEqual(a, b);
}

/**
 * Whether a request is a host's, by its certificate, and one that a host may make. A request with a token counts by that
 * alone.
 *
 * @throws {NetsvcError} `forbidden` for what wants a token, `unavailable` where nobody knows whether it is a host
 */
async function admitsHost(
  request: Request,
  { hostOf }: Pick<GuardOptions, "hostOf">,
): Promise<boolean> {
  const connection = connectionOf(request);
  const certificate = connection?.certificate;
  if (!hostOf || !certificate || request.headers.has("authorization")) return false;
  const host = await hostOf(certificate);
  if (host === undefined) return false;
  connection.host = host;
  if (isForHosts(request)) return true;
  throw new NetsvcError(
    "forbidden",
    "The certificate of a host of the cluster doesn't open this; give a token with --token-file",
  );
}

/** Refuses requests that may not use the API. */
export function guard(options: GuardOptions): MiddlewareHandler {
  return async (c, next) => {
    const { headers } = c.req.raw;
    // HTTP/2 has `:authority` instead, which is in the URL.
    const host = headers.get("host") ?? new URL(c.req.url).host;
    const foreign = !isAllowedHost(host, options.hosts);
    if (foreign && (!options.unix || isDomain(host))) {
      throw new NetsvcError(
        "forbidden",
        `The host ${JSON.stringify(host)} isn't this daemon's; ` +
          `use its address`,
      );
    }
    const site = headers.get("sec-fetch-site");
    if (headers.has("origin") || (site !== null && site !== "none")) {
      throw new NetsvcError("forbidden", "Requests of browser pages are not served");
    }
    const tokens = options.tokens?.();
    if (tokens !== undefined && !await admitsHost(c.req.raw, options)) {
      const given = headers.get("authorization")?.match(/^Bearer\s+(\S+)$/i)?.[1] ?? "";
      // Compare all tokens, so that the time doesn't reveal which one matched.
      if (!tokens.map((token) => sameToken(given, token)).includes(true)) {
        throw new NetsvcError(
          "unauthorized",
          "The bearer token is missing or wrong; give it with --token-file",
        );
      }
      const connection = connectionOf(c.req.raw);
      if (connection) connection.token = given;
    }
    await next();
  };
}
