/**
 * What a host may say about itself: one rule for its join, its renewals and its record, since each of them ends in a
 * certificate, in others' tables and in logs.
 *
 * @module
 */
import { z } from "zod";
import { formatIp, isHostIp, tryParseIp } from "../../../lib/ip/cidr.ts";

/** Characters of the longest text of an address. */
const MAX_ADDRESS = 45;

/** The canonical text of an address that others can reach a host at; `undefined` for any other text. */
export function hostAddress(text: string): string | undefined {
  const ip = text.length <= MAX_ADDRESS ? tryParseIp(text) : undefined;
  return ip && isHostIp(ip) ? formatIp(ip) : undefined;
}

/**
 * An address, and nothing else: no name, no zone, no IPv4 address in IPv6, no loopback, no group. It is read in any
 * spelling and kept in the canonical one, so that two hosts can't have one address in two spellings.
 */
export const HostAddress = z.string().transform((text, context) => {
  const address = hostAddress(text);
  if (address !== undefined) return address;
  context.addIssue({ code: "custom", message: "not an address that others reach a host at" });
  return z.NEVER;
});

/** A name: the rule of `--host-name`. It holds nothing that could be a part of a log's line, a path or a command. */
export const HostName = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/);

/** Whether two hosts' names are one, as people take them. */
export function isSameName(one: string, other: string): boolean {
  return one.toLowerCase() === other.toLowerCase();
}
