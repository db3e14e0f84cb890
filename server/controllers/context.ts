/**
 * What all controllers share; assembled once, at start.
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
import type { Cluster } from "../cluster/cluster.ts";
import { NetsvcError } from "../../lib/api/errors.ts";
import type { State, Stored } from "../model/state.ts";
import type { NetworkRecord } from "../model/records.ts";
import type { AddressPool } from "../ipam/default_pools.ts";
import type { Balancer } from "../sandbox/balance/balancer.ts";
import type { Namespaces } from "../sandbox/netns.ts";
import type { ExitWatch } from "../sandbox/exit_watch.ts";
import type { PortHolders } from "../sandbox/ports/ports.ts";
import type { ReadWriteLock } from "../../lib/async/read_write_lock.ts";
import type { Joined } from "../drivers/local_endpoints.ts";
import type { Locks } from "./locks.ts";
import type { Working } from "./working.ts";
import type { ManagedDrivers } from "../drivers/managed_drivers.ts";

export { newId, now } from "../model/identity.ts";
export { decideAndCommit, tryAgain } from "../model/transaction.ts";

/** The logger of the controllers. */
export const log = getLogger(["netsvc", "controllers"]);

/** Shared state and services of the controllers. */
export interface Context {
  readonly state: State;
  readonly drivers: ManagedDrivers;
  readonly locks: Locks;
  readonly working: Working;
  /**
   * Changes of the kernel share it; the reconciler holds it exclusively: what it compares must not change
   * meanwhile, or it would take a link just made for a leftover.
   */
  readonly gate: ReadWriteLock;
  readonly namespaces: Namespaces;
  readonly exits: ExitWatch;
  readonly ports: PortHolders;
  readonly cluster: Cluster;
  readonly joined: Joined;
  /** Balances connections to services' addresses; absent without a kernel. */
  readonly balancer?: Pick<Balancer, "settled">;
  /** Name of this host. */
  readonly host: string;
  /** Its id: 64 hex digits, as long as its state directory lives. */
  readonly hostId: string;
  /** Name of the default network. */
  readonly defaultNetwork: string;
  readonly addressPools: AddressPool[];
  /** Whether overlay networks are encrypted unless their user says otherwise. */
  readonly encryptByDefault: () => boolean;
}

/** A network and its driver. */
export function networkAndDriver(
  context: Pick<Context, "state" | "drivers">,
  id: string,
): { network: Stored<NetworkRecord>; driver: ReturnType<ManagedDrivers["get"]> } {
  const network = context.state.networks.get(id);
  if (!network) throw new NetsvcError("not_found", `No such network: "${id}"`);
  return { network, driver: context.drivers.get(network.record.driver) };
}
