/**
 * What the controllers work with; put together once, at start.
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
import type { Driver } from "../../drivers/driver.ts";
import type { Drivers } from "../../drivers/registry.ts";
import type { Transaction } from "../../kv/store.ts";
import type { Cluster } from "../cluster/cluster.ts";
import type { Mirror } from "../model/mirror.ts";
import { NetsvcError } from "../../lib/api/errors.ts";
import type { State, Stored } from "../model/state.ts";
import type { NetworkRecord } from "../model/records.ts";
import type { AddressPool } from "../ipam/default_pools.ts";
import type { Namespaces } from "../sandbox/netns.ts";
import type { ExitWatch } from "../sandbox/exit_watch.ts";
import type { PortHolders } from "../sandbox/ports/ports.ts";
import type { Gate } from "../../lib/async/read_write_lock.ts";
import type { Joined } from "./endpoints/local_endpoints.ts";
import type { KeyedLock } from "../../lib/async/keyed_mutex.ts";
import type { PluginWork } from "../drivers/managed_driver.ts";

/** Decisions taken again after a conflict before it is given up. */
const MAX_TRIES = 12;
/** The mirror may be this much behind the store that refused, in milliseconds; doubles each time. */
const FIRST_PAUSE_MS = 2, LONGEST_PAUSE_MS = 200;

/** The logger of the controllers. */
export const log = getLogger(["netsvc", "controllers"]);

/** Shared state and services of the controllers. */
export interface Context {
  readonly state: State;
  readonly drivers: Drivers;
  /** What plugins were asked for, and decided. */
  readonly plugins: PluginWork;
  readonly locks: KeyedLock;
  readonly gate: Gate;
  readonly namespaces: Namespaces;
  readonly exits: ExitWatch;
  readonly ports: PortHolders;
  readonly cluster: Cluster;
  readonly joined: Joined;
  /** Name of this host. */
  readonly host: string;
  /** Its id: 64 hex digits, as long as its state directory lives. */
  readonly hostId: string;
  /** Name of the default network. */
  readonly defaultNetwork: string;
  readonly addressPools: AddressPool[];
  /** `--run-dir`. */
  readonly runDir: string;
}

/** A network and its driver. */
export function networkAndDriver(
  context: Context,
  id: string,
): { network: Stored<NetworkRecord>; driver: Driver } {
  const network = context.state.networks.get(id);
  if (!network) throw new NetsvcError("not_found", `No such network: "${id}"`);
  return { network, driver: context.drivers.get(network.record.driver) };
}

/**
 * Does something that may come too late, again and again until it comes first.
 *
 * @throws {NetsvcError} `conflict` after twelve conflicts in a row
 */
export async function tryAgain<T>(
  attempt: () => Promise<{ done: T } | { conflict: string }>,
): Promise<T> {
  let conflict = "";
  let pause = FIRST_PAUSE_MS;
  for (let i = 0; i < MAX_TRIES; i++) {
    const outcome = await attempt();
    if ("done" in outcome) return outcome.done;
    conflict = outcome.conflict;
    // What the store has refused by may not be in the mirror yet, and deciding again would be vain.
    const ms = pause * (0.5 + Math.random());
    await new Promise((resolve) => setTimeout(resolve, ms));
    pause = Math.min(pause * 2, LONGEST_PAUSE_MS);
  }
  throw new NetsvcError(
    "conflict",
    `Somebody else kept changing "${conflict}" at the same time; try again`,
  );
}

/**
 * Decides on the state as it is and commits; when somebody else was faster, decides again.
 * `decide` returns the transaction and what to answer; it throws to refuse. It is told the keys that
 * others were faster about, since the mirror may not have them yet.
 *
 * @throws {NetsvcError} `conflict` after twelve conflicts in a row
 */
export function decideAndCommit<T>(
  mirror: Mirror,
  decide: (lost: ReadonlySet<string>) => { transaction: Transaction; result: T },
): Promise<T> {
  const lost = new Set<string>();
  return tryAgain(async () => {
    const { transaction, result } = decide(lost);
    const outcome = await mirror.commit(transaction);
    if (outcome.ok) return { done: result };
    lost.add(outcome.failed);
    return { conflict: outcome.failed };
  });
}

/** A new object id: 64 hex digits. */
export function newId(): string {
  return crypto.getRandomValues(new Uint8Array(32)).toHex();
}

/** The time now, as records hold it. */
export function now(): string {
  return new Date().toISOString();
}
