/**
 * Endpoints and prefixes of store URLs. Pure.
 *
 * @module
 */
import { isIPv4, isIPv6 } from "node:net";
import { byteLength } from "../keys.ts";

/** A server of a store. */
export interface Endpoint {
  /** Name or address; IPv6 without brackets. */
  host: string;
  port: number;
}

/** Longest prefix, in bytes of UTF-8. */
const MAX_PREFIX_BYTES = 255;

import type { Invalid } from "./traits.ts";

/** How endpoints are read. */
interface EndpointOptions {
  /** Of those that name none. */
  port: number;
  /** Makes the error. */
  invalid: Invalid;
}

/** Parses `HOST[:PORT],…`. */
export function parseEndpoints(text: string, options: EndpointOptions): Endpoint[] {
  const { invalid } = options;
  if (text === "") throw invalid("it has no endpoint");
  return text.split(",").map((one) => {
    if (one === "") throw invalid(`its list ${JSON.stringify(text)} has an empty endpoint`);
    return parseEndpoint(one, options);
  });
}

function parseEndpoint(text: string, { port, invalid }: EndpointOptions): Endpoint {
  const quoted = JSON.stringify(text);
  const bracketed = /^\[([^\]]*)\](?::(.*))?$/s.exec(text);
  if (!bracketed && text.split(":").length > 2) {
    throw invalid(
      `its endpoint ${quoted} is not HOST:PORT`,
      "write an IPv6 address in brackets: [fd00::1]:PORT",
    );
  }
  const [, host = "", digits] = bracketed ?? /^([^:]*)(?::(.*))?$/s.exec(text)!;
  const fits = bracketed ? isIPv6(host) : isHost(host);
  if (!fits) throw invalid(`its endpoint ${quoted} has no valid host`);
  if (digits === undefined) return { host, port };
  if (!/^\d{1,5}$/.test(digits) || Number(digits) < 1 || Number(digits) > 65_535) {
    throw invalid(`its endpoint ${quoted} has no valid port`, "write a port from 1 to 65535");
  }
  return { host, port: Number(digits) };
}

/** A name of DNS, or an IPv4 address. */
function isHost(text: string): boolean {
  if (/^[\d.]+$/.test(text)) return isIPv4(text);
  return text.length <= 253 &&
    text.replace(/\.$/, "").split(".").every((label) =>
      /^[a-z\d_]([a-z\d_-]{0,61}[a-z\d_])?$/i.test(label)
    );
}

/** Checks a prefix by the rules of keys. */
export function checkPrefix(prefix: string, invalid: Invalid): void {
  const quoted = JSON.stringify(prefix.slice(0, 80));
  if (prefix.split("/").includes("")) {
    throw invalid(`its prefix ${quoted} has an empty segment`, "write one slash at a time");
  }
  if (prefix.includes("\0") || !prefix.isWellFormed()) {
    throw invalid(`its prefix ${quoted} is not text`, "choose another");
  }
  if (byteLength(prefix) > MAX_PREFIX_BYTES) {
    throw invalid(`its prefix is longer than ${MAX_PREFIX_BYTES} bytes`, "choose a shorter one");
  }
}
