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

/** The requirements of one listener. */
export interface GuardOptions {
  /** Host names that requests may carry besides IP literals and `localhost`; lower case. */
  hosts: string[];
  /** Whether browsers can't connect to the listener: it then refuses a `Host` only if that is a domain. */
  unix?: boolean;
  /** Bearer tokens, one of which a request must carry; `undefined`: requests need no token. */
  tokens?: () => readonly string[] | undefined;
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
    if (tokens !== undefined) {
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
