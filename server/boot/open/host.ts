/**
 * Claims the host and opens its sandboxes.
 *
 * @module
 */
import { vethName } from "../../../drivers/links/names.ts";
import { namespaceNumber } from "../../../lib/linux/namespaces/namespace_identity.ts";
import { bootId } from "../../../lib/linux/processes/process_table.ts";
import { HostResolvConf } from "../../dns/files/resolv_conf.ts";
import type { NamesServer } from "../../dns/thread/resolver_thread.ts";
import { Views } from "../../dns/zones/views.ts";
import { networkSpec } from "../../drivers/network_spec.ts";
import { hostFacts } from "../../model/repository/host_facts.ts";
import type { State } from "../../model/state.ts";
import { ExitWatch } from "../../sandbox/exit_watch.ts";
import type { Namespaces } from "../../sandbox/netns.ts";
import { PortHolders } from "../../sandbox/ports/ports.ts";
import { Sandboxes } from "../../sandbox/sandboxes.ts";
import type { Boot } from "../boot.ts";
import { checkDefaultExisting } from "./default_network.ts";
import { note } from "./host_values.ts";
import type { Stores } from "./stores.ts";

/** The claimed host. */
export interface Host {
  namespaces: Namespaces;
  /** Whether the last daemon with this host's id may have run on another machine. */
  suspect: boolean;
  resolvConf: HostResolvConf;
  names: NamesServer;
  sandboxes: Sandboxes;
  exits: ExitWatch;
  ports: PortHolders;
}

/**
 * Claims the host. Its sandboxes' resolvers don't answer yet.
 *
 * @throws {NetsvcError} `in_use`: another daemon has the host; `invalid` about the default network
 */
export async function openHost(boot: Boot, { local, state }: Stores): Promise<Host> {
  const { plan: { settings }, stack } = boot;
  await checkDefaultExisting(boot, state);
  const formerRunDir = hostFacts.get(local, "runDir");
  const { namespaces } = stack.use(
    await boot.machine.claim({
      state: state.hostId,
      stateDir: settings.stateDir,
      runDir: settings.runDir,
      takeOver: settings.takeOver,
      knowsLink: linksOf(boot, state),
      knowsContainer: (id) => state.containers.has(id),
      ...formerRunDir !== undefined && { formerRunDir },
    }),
  );
  await note(local, { fact: "runDir", value: settings.runDir });
  // A copied machine has another boot id, or at least another network namespace.
  const instance = `${bootId()} ${
    namespaceNumber("/proc/thread-self/ns/net")
  } ${settings.stateDir}`;
  const suspect = await note(local, { fact: "instance", value: instance }) !== instance;
  const sandboxes = openSandboxes(boot, state, namespaces);
  const exits = new ExitWatch();
  stack.defer(() => exits.close());
  const ports = new PortHolders();
  stack.defer(() => ports.close());
  return { namespaces, suspect, ...sandboxes, exits, ports };
}

/** Opens the sandboxes, and the DNS server that answers them. */
function openSandboxes(boot: Boot, state: State, namespaces: Namespaces) {
  const { plan: { settings }, machine, metrics, stack } = boot;
  const resolvConf = new HostResolvConf();
  const views = new Views(state, settings.dnsTtl);
  const names = machine.serveNames(views, settings.dnsDomainNeeded);
  stack.defer(() => names.close());
  metrics.countQueries(() => names.counts());
  const sandboxes = new Sandboxes({
    ...{ state, namespaces, names, views },
    resolverSockets: machine.resolverSockets,
    hostResolvConf: resolvConf,
    runDir: settings.runDir,
  });
  stack.defer(() => sandboxes.stop());
  return { resolvConf, names, sandboxes };
}

/** Makes the predicate that says whether a link of this host belongs to something in its state. */
function linksOf({ machine }: Boot, state: State): (name: string) => boolean {
  const names = new Set([
    ...[...state.networks.values()].map(({ record }) =>
      machine.drivers.get(record.driver)?.hostLink?.(networkSpec(record))
    ),
    ...[...state.services.keys()].map(vethName),
  ]);
  return (name) => names.has(name);
}
