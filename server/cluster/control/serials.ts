/**
 * The certificates that a host has: all that were signed for it and haven't ended, so that each is revoked with it. None
 * is forgotten for there being many; instead, no more than a number are signed. Pure.
 *
 * @module
 */
import { NetsvcError } from "../../../lib/api/errors.ts";

/** A certificate, as it is remembered. */
export interface Issued {
  /** In hexadecimal. */
  serial: string;
  /** When it ends, in milliseconds since 1970. */
  until: number;
}

/** Certificates of one host that are good at one time. */
export const MAX_ISSUED = 64;
/** Clocks of hosts that take a certificate may be behind by so much, in milliseconds. */
const CLOCKS_MS = 86_400_000;

/** Those that somebody might still take. */
export function unexpired(issued: readonly Issued[], now = Date.now()): Issued[] {
  return issued.filter(({ until }) => now < until + CLOCKS_MS);
}

/**
 * One more certificate of a host.
 *
 * @throws {NetsvcError} `exhausted` for a host that has too many: none may be forgotten
 */
export function issue(issued: readonly Issued[], one: Issued, now = Date.now()): Issued[] {
  const good = unexpired(issued, now);
  if (good.length < MAX_ISSUED) return [...good, { serial: one.serial, until: one.until }];
  const next = new Date(Math.min(...good.map(({ until }) => until)) + CLOCKS_MS).toISOString();
  throw new NetsvcError(
    "exhausted",
    `The host has ${good.length} certificates that haven't ended, and gets no other before ${next}; ` +
      `forget it with "netsvc host rm" and have it join again`,
  );
}

/** Certificates aren't forgotten as revoked until so long after their end, in milliseconds: clocks may be wrong. */
const MARGIN_MS = 30 * 86_400_000;

/**
 * Of what was revoked, that which nobody would take any more: a certificate that was signed before it was revoked has
 * ended since.
 *
 * @param lasts how long certificates last, in milliseconds
 */
export function endedSince<T extends { at: number }>(
  revoked: readonly T[],
  { lasts, now = Date.now() }: { lasts: number; now?: number },
): T[] {
  return revoked.filter(({ at }) => now >= at + lasts + MARGIN_MS);
}
