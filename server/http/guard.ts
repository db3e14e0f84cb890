/**
 * Who may speak to the API: on the unix socket, whoever may open it; on TCP, no browser page (it
 * would send `Origin`, or a `Host` that isn't this daemon's: DNS rebinding) and whoever holds a token.
 *
 * @module
 */
import type { MiddlewareHandler } from "@hono/hono";
import { timingSafeEqual } from "node:crypto";
import { connectionOf } from "./listen/connection.ts";
import { NetsvcError } from "../../lib/api/errors.ts";

/** What one listener demands. */
export interface GuardOptions {
  /** Host names that requests may carry besides IP literals and `localhost`; lower case. */
  hosts: string[];
  /** Whether no browser can come this way; only what is plainly a foreign domain is refused then. */
  unix?: boolean;
  /** Bearer tokens of which one is demanded; none where there are none. */
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
 * Whether a `Host` is the name of a domain. On unix sockets clients write what they like: nothing to
 * speak of, one word, the socket's path in hexadecimal or with `%2F`.
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

/** Refuses what may not speak to the API. */
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
      // All of them: the time tells nothing.
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
