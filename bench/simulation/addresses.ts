/**
 * Names, ids and addresses in a simulated cluster: made from indices, so that whoever needs one
 * knows it without asking.
 *
 * @module
 */

/** Networks are `10.N.0.0/16`. */
export const MAX_NETWORKS = 200;
/** Low addresses are the services' that are there from the start. */
export const MAX_SERVICES_PER_NETWORK = 60_000;

/** 64 hex digits from a kind and indices. */
export function idOf(kind: number, ...indices: number[]): string {
  // The first digits are what short ids and MACs are made from: they differ.
  const text = [...indices.toReversed(), kind].map((n) => n.toString(16).padStart(4, "0")).join("");
  return text.padEnd(64, "0");
}

export const networkId = (network: number): string => idOf(1, network);
export const networkName = (network: number): string => `net${network}`;
export const hostId = (daemon: number): string => idOf(2, daemon);
export const hostName = (daemon: number): string => `host-${daemon}`;
export const containerId = (daemon: number, container: number): string =>
  idOf(3, daemon, container);
export const serviceId = (network: number, index: number): string => idOf(4, network, index);

/** Address of a daemon's tunnels; nothing is ever sent there. */
export const underlayOf = (daemon: number): string => `192.0.2.${daemon % 250 + 1}`;

export const subnetOf = (network: number): string => `10.${network}.0.0/16`;

/** Address of a network's service, with prefix length. */
export function cidrOf(network: number, index: number): string {
  const host = index + 2;
  return `10.${network}.${host >> 8}.${host & 255}/16`;
}
