/**
 * Wires what the controllers share.
 *
 * @module
 */
import { ReadWriteLock } from "../../../lib/async/read_write_lock.ts";
import { Signal } from "../../../lib/async/signal.ts";
import type { Cluster } from "../../cluster/cluster.ts";
import type { Context } from "../../controllers/context.ts";
import { Joined } from "../../drivers/local_endpoints.ts";
import { Locks } from "../../controllers/locks.ts";
import { Working } from "../../controllers/working.ts";
import { IntentLog } from "../../drivers/intent_log.ts";
import { ManagedDrivers } from "../../drivers/managed_drivers.ts";
import { pluginIpams } from "../../drivers/ipam/plugins.ts";
import { Balancer } from "../../sandbox/balance/balancer.ts";
import { Ipams } from "../../drivers/ipam/ipams.ts";
import type { State } from "../../model/state.ts";
import type { Boot } from "../boot.ts";
import { openDrivers } from "../open/drivers.ts";
import type { Host } from "../open/host.ts";
import { addressPools } from "../open/host_values.ts";
import type { Stores } from "../open/stores.ts";

/** What was opened before. */
export interface Opened {
  stores: Stores;
  host: Host;
  cluster: Cluster;
}

/** The context, and what reports to the rounds of plugins. */
export interface ContextParts {
  context: Context;
  /** Requests to plugins whose outcome is open, or that plugins still have to be told of. */
  intents: IntentLog;
  ipams: Ipams;
  balancer: Balancer | undefined;
  /** Emits when a plugin could not be reached and the request is kept for a later attempt. */
  kept: Signal;
}

export async function wireContext(boot: Boot, opened: Opened): Promise<ContextParts> {
  const { plan, plugins } = boot;
  const { settings, defaults } = plan;
  const { stores: { local, shared, state }, host, cluster } = opened;
  const working = new Working();
  const locks = new Locks(working);
  const gate = new ReadWriteLock();
  const drivers = openDrivers(boot, { state, working });
  const ipam = pluginIpams(plugins);
  const kept = new Signal();
  const balancer = openBalancer(boot, { state, host });
  const intents = new IntentLog({
    state,
    locks,
    working,
    drivers,
    ipam,
    loaded: () => shared.loaded,
    onKept: () => kept.emit(),
  });
  const context: Context = {
    state,
    drivers: new ManagedDrivers(drivers, { gate, intents }),
    locks,
    working,
    gate,
    namespaces: host.namespaces,
    exits: host.exits,
    ports: host.ports,
    cluster,
    joined: new Joined(),
    ...balancer && { balancer },
    get host() {
      return cluster.membership.name;
    },
    hostId: state.hostId,
    defaultNetwork: defaults.network,
    addressPools: await addressPools(local, settings),
    // In a cluster that was made by `cluster init` it is on: all its hosts have keys.
    encryptByDefault: () => plan.cluster.state !== undefined,
  };
  return {
    context,
    kept,
    intents,
    balancer,
    ipams: new Ipams({ state, interests: cluster.interests, intents, ipam }),
  };
}

/** What balances connections to services' addresses, where there is a kernel. */
function openBalancer(
  { machine: { runner }, stack }: Boot,
  { state, host }: { state: State; host: Host },
): Balancer | undefined {
  if (!runner) return undefined;
  const balancer = new Balancer({ state, runner, namespaces: host.namespaces });
  stack.defer(() => balancer.close());
  return balancer;
}
