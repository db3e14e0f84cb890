/**
 * Which peers a host's tunnel has, by which key, and where they are looked for. Pure.
 *
 * While a host changes its key it has two: the device knows both as peers, and the host's address belongs to the one with
 * the newer handshake. So it follows the host at the moment at which that uses its new key, whether or not the store is
 * there to say so.
 *
 * @module
 */
import type { ObservedPeer } from "../../../lib/linux/wireguard/dump.ts";
import type { WantedPeer } from "../../../lib/linux/wireguard/plan.ts";
import { tunnelAddress } from "./address.ts";

/** Another host, as the store has it. */
export interface TunnelHost {
  id: string;
  /** Its public key; while it changes it, the next one, too. */
  keys: string[];
  /** ADDRESS:PORT: as it says itself, then as others have seen it. */
  endpoints: string[];
}

/** Where a host was last looked for. */
export interface Sought {
  endpoint: string;
  /** What the host said itself at that time. */
  said: string;
  /** In ms. */
  since: number;
}

/**
 * Age of the last handshake from which on a peer counts as out of reach, in seconds: with keepalives there is a new one
 * after 120 s, and a session ends after 180 s (REKEY_AFTER_TIME, REJECT_AFTER_TIME).
 */
export const STALE_S = 190;
/** How long one endpoint is tried before the next, in ms: three handshakes (REKEY_TIMEOUT). */
export const TRY_MS = 15_000;

/** Hosts with a key or an address that no other has, nor this one. */
export function admitted(
  hosts: TunnelHost[],
  own: { host: string; key: string },
): { good: TunnelHost[]; refused: TunnelHost[] } {
  const owners = new Map<string, number>();
  const marks = ({ id, keys }: TunnelHost) => new Set([...keys, tunnelAddress(id)]);
  const all = hosts.filter(({ id }) => id !== own.host);
  for (
    const mark of [own.key, tunnelAddress(own.host), ...all.flatMap((host) => [...marks(host)])]
  ) {
    owners.set(mark, (owners.get(mark) ?? 0) + 1);
  }
  const isGood = (host: TunnelHost) => [...marks(host)].every((mark) => owners.get(mark) === 1);
  return { good: all.filter(isGood), refused: all.filter((host) => !isGood(host)) };
}

/** What is known when peers are planned. */
export interface PeersSeen {
  seen: ReadonlyMap<string, ObservedPeer>;
  /** By host; what is planned is noted in it. */
  sought: Map<string, Sought>;
  /** In ms since the epoch. */
  now: number;
}

/** The key of a host that its address belongs to. */
export function activeKey(
  { keys }: Pick<TunnelHost, "keys">,
  seen: ReadonlyMap<string, ObservedPeer>,
): string {
  const at = (key: string) => seen.get(key)?.handshake ?? 0;
  // Within one second the next one is the newer: a host never goes back.
  return keys.reduce((best, key) => at(key) > 0 && at(key) >= at(best) ? key : best);
}

/** The peers that these hosts are. */
export function peersOf(hosts: TunnelHost[], around: PeersSeen): WantedPeer[] {
  return hosts.flatMap((host) => {
    const { seen } = around;
    const active = activeKey(host, seen);
    const endpoint = seek(host, active, around);
    return host.keys.map((key): WantedPeer => {
      const isActive = key === active;
      const found = isActive ? endpoint : seen.has(key) ? undefined : seen.get(active)?.endpoint ??
        around.sought.get(host.id)?.endpoint;
      return {
        key,
        allowed: isActive ? [`${tunnelAddress(host.id)}/128`] : [],
        ...found !== undefined && { endpoint: found },
      };
    });
  });
}

/** Where a host is to be looked for from now on; `undefined` to leave the device with what it has. */
function seek(
  { id, endpoints }: TunnelHost,
  key: string,
  { seen, sought, now }: PeersSeen,
): string | undefined {
  const [said] = endpoints;
  if (said === undefined) return undefined;
  const peer = seen.get(key);
  const last = sought.get(id);
  const give = (endpoint: string) => {
    sought.set(id, { endpoint, said, since: now });
    return endpoint;
  };
  if (peer?.endpoint === undefined) return give(said);
  // A daemon that has just started leaves it at what works.
  if (!last) {
    sought.set(id, { endpoint: peer.endpoint, said, since: now });
    return undefined;
  }
  if (last.said !== said) return give(said);
  if (!isStale(peer, now)) {
    sought.set(id, { ...last, since: now });
    return undefined;
  }
  if (now - last.since < TRY_MS) return undefined;
  return give(endpoints[(endpoints.indexOf(last.endpoint) + 1) % endpoints.length]!);
}

/** Whether a peer has had no handshake for too long. */
export function isStale({ handshake }: Pick<ObservedPeer, "handshake">, now: number): boolean {
  return now / 1000 - handshake > STALE_S;
}
