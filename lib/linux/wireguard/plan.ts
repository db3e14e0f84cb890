/**
 * From the peers that a device should have, and those that it has, to the arguments of `wg set`. Pure.
 *
 * @module
 */
import type { ObservedPeer } from "./dump.ts";

/** A peer as it should be. */
export interface WantedPeer {
  /** Its public key. */
  key: string;
  /** CIDRs, each of one peer alone. */
  allowed: string[];
  /** Where it is to be looked for from now on; what the device has learned stays unless given. */
  endpoint?: string;
}

/** Seconds between keepalives: below the 30 s after which NAT may forget a flow of UDP (RFC 4787, 4.3). */
export const KEEPALIVE = 25;

/** Peers in one call of `wg`: far below what a command line may have. */
export const AT_ONCE = 100;

const same = (a: string[], b: string[]) => a.toSorted().join() === b.toSorted().join();

/** The arguments about peers, one list for each peer that differs. */
export function planPeers(
  seen: ReadonlyMap<string, ObservedPeer>,
  wanted: WantedPeer[],
): string[][] {
  const names = new Set(wanted.map(({ key }) => key));
  const gone = [...seen.keys()].filter((key) => !names.has(key));
  // Peers that get addresses come first: an address is with one of two peers at any moment. Taking all addresses from
  // the other afterwards, or the other itself, leaves it where it is by then.
  const ordered = wanted.toSorted((a, b) => b.allowed.length - a.allowed.length);
  return [
    ...ordered.flatMap((peer) => {
      const args = planPeer(seen.get(peer.key), peer);
      return args.length === 0 && seen.has(peer.key) ? [] : [["peer", peer.key, ...args]];
    }),
    ...gone.map((key) => ["peer", key, "remove"]),
  ];
}

function planPeer(seen: ObservedPeer | undefined, { allowed, endpoint }: WantedPeer): string[] {
  return [
    ...endpoint === undefined ? [] : ["endpoint", endpoint],
    ...seen?.keepalive === KEEPALIVE ? [] : ["persistent-keepalive", String(KEEPALIVE)],
    ...same(seen?.allowed ?? [], allowed) ? [] : ["allowed-ips", allowed.join(",")],
  ];
}
