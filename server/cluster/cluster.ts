/**
 * What the controllers need of the cluster.
 *
 * @module
 */
import type { Transaction } from "../../kv/store.ts";
import { keys } from "../model/keys.ts";
import type { NetworkRecord, ServiceRecord } from "../model/records.ts";
import type { State } from "../model/state.ts";
import type { Directory } from "../model/shared/directory.ts";
import type { Interests } from "../model/shared/subscriptions.ts";
import type { Membership } from "./membership.ts";

/** The parts of the cluster's side. */
export interface Cluster {
  readonly membership: Membership;
  readonly interests: Interests;
  readonly directory: Directory;
  /** Whether it is known what this host backs. */
  loaded(): boolean;
}

/**
 * What goes into the transaction that gives a service of a global network a backend on this host:
 * the host is alive there, and knows what it backs. A host that is back by now keeps what it backs.
 *
 * @param before the service with the backend that is replaced, of a host that is gone
 */
export function backendKeys(
  { membership }: Cluster,
  state: State,
  before: ServiceRecord,
): Required<Transaction> {
  const { id, network, backend } = before;
  const own = keys.backend(state.hostId, network, id);
  const gone = backend && backend.hostId !== state.hostId ? [backend.hostId] : [];
  return {
    checks: gone.map((host) => ({ key: keys.member(network, host), revision: null })),
    puts: [membership.memberPut(network), { key: own, value: JSON.stringify(before.name) }],
    deletes: gone.map((host) => keys.backend(host, network, id)),
  };
}

/** Keys that go when a service of a network loses its backend. */
export function lostBackendKeys(
  network: Pick<NetworkRecord, "scope"> | undefined,
  service: ServiceRecord,
): string[] {
  const { id, backend } = service;
  return backend && network?.scope === "global"
    ? [keys.backend(backend.hostId, service.network, id)]
    : [];
}
