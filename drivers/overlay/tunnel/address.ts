/**
 * The addresses of hosts inside the tunnels of encrypted networks. Pure.
 *
 * @module
 */
import { canonicalAddress } from "../../../lib/ip/text.ts";

/** All of them (RFC 4193). It is seen inside the tunnels' namespaces alone, so that it can't meet another network's. */
export const TUNNEL_PREFIX = "fd6e:6574:7376::/48";

/** UDP port of VXLAN inside the tunnels, the same on all hosts. */
export const ENCRYPTED_PORT = 4790;

/**
 * A host's address: the prefix and the first 80 bits of its id, which is random. Two hosts that have the same by a forged
 * record have no tunnel (see `peers.ts`).
 */
export function tunnelAddress(host: string): string {
  const groups = host.slice(0, 20).match(/.{4}/g)!;
  return canonicalAddress(`${TUNNEL_PREFIX.slice(0, -"::/48".length)}:${groups.join(":")}`);
}

/** Name of a host's device: unlike those of other daemons of the machine. */
export function deviceName(host: string): string {
  return `nsw${host.slice(0, 12)}`;
}
