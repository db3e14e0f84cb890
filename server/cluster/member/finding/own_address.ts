/**
 * Whether this host has another address than the one that its cluster knows it by. Pure.
 *
 * @module
 */
import { hostAddress } from "../../control/host_text.ts";
import type { ClusterState } from "../../files/cluster_file.ts";

/** What the machine has. */
export interface OwnAddresses {
  /** The address that others reach it at. */
  current: string | undefined;
  /** All of them, as CIDRs. */
  addresses: readonly string[];
}

/**
 * The address that took the place of another one; `undefined` while the machine has that one still, whatever else it has.
 *
 * @param known as the cluster knows it
 */
export function movedTo(known: string, { current, addresses }: OwnAddresses): string | undefined {
  const now = current === undefined ? undefined : hostAddress(current);
  if (now === undefined || now === known) return undefined;
  const still = addresses.some((cidr) => hostAddress(cidr.split("/")[0]!) === known);
  return still ? undefined : now;
}

/** The membership of a host that is at another address: itself, and its etcd where it has one. */
export function atAddress(state: ClusterState, address: string): ClusterState {
  const { host, store } = state;
  const moved = { ...state, host: { ...host, address } };
  if (store.kind !== "own") return moved;
  const endpoints = store.endpoints.map((one) =>
    one.host === host.address ? { ...one, host: address } : one
  );
  return { ...moved, store: { ...store, endpoints } };
}
