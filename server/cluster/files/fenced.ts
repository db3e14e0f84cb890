/**
 * What containers have no business with: the store of the cluster, and where hosts join it. Pure.
 *
 * @module
 */
import type { ClusterState } from "./cluster_file.ts";
import { ETCD_CLIENT_PORT, ETCD_PEER_PORT, JOIN_PORT } from "./ports.ts";

const PORTS = [JOIN_PORT, ETCD_CLIENT_PORT, ETCD_PEER_PORT];

/**
 * All ports of the voters as they are known now; of a store that isn't the cluster's own, its endpoints.
 *
 * @param given as the store's URL names them
 */
export function fencedEndpoints(
  state: Pick<ClusterState, "store"> | undefined,
  given: readonly { host: string; port: number }[],
): readonly { host: string; port: number }[] {
  if (state?.store.kind !== "own") return given;
  return state.store.endpoints.flatMap(({ host }) => PORTS.map((port) => ({ host, port })));
}
