/**
 * The Linux machine that the daemon runs on.
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
import { HostGuard } from "../../drivers/bridge/host_guard.ts";
import { lookAtForwarding } from "../../drivers/bridge/sysctls.ts";
import { lookForIpv6 } from "../../lib/linux/net/addr_gen_mode.ts";
import { createDrivers } from "../../drivers/registry.ts";
import type { NamespaceKeeper } from "../../drivers/driver.ts";
import { Tunnel } from "../../drivers/overlay/tunnel/tunnel.ts";
import { LinkNotes } from "../../drivers/remote/link_notes.ts";
import { RemoteDriver } from "../../drivers/remote/remote_driver.ts";
import { Runner } from "../../lib/linux/tools/runner.ts";
import { claimHost, refuseRunning, requireRoot } from "../../lib/linux/processes/host_claim.ts";
import { type Claimant, lookForOwner, noteOwner } from "./host_owner.ts";
import type { Machine } from "./machine.ts";
import { UnderlayWatch } from "./underlay.ts";
import { lookInside } from "../../lib/linux/namespaces/namespace_facts.ts";
import { ResolverThread } from "../dns/thread/resolver_thread.ts";
import { NamespaceStore } from "../sandbox/netns.ts";
import { openResolverSockets } from "../sandbox/resolver/resolver_sockets.ts";
import type { DaemonSettings } from "../../lib/api/settings/settings.ts";

const log = getLogger(["netsvc", "daemon"]);

/** Options of {@linkcode linuxMachine}. */
export interface MachineOptions {
  flags: DaemonSettings;
  /** Addresses that the underlay must reach, most important first. */
  peers: string[];
  /** Called with each tool that ran and its time in milliseconds. */
  onRun: (tool: string, ms: number) => void;
}

/**
 * Opens this machine.
 *
 * @throws {NetsvcError} `forbidden` without root, `invalid` when no link has the `--advertise` address
 */
export async function linuxMachine({ flags, peers, onRun }: MachineOptions): Promise<Machine> {
  requireRoot();
  lookForIpv6();
  const runner = new Runner({ onRun, keep: true });
  const underlay = new UnderlayWatch(runner, flags.advertise, peers);
  await underlay.refresh();
  // Drivers are asked for capabilities before the claim; they use namespaces only after it.
  const opened: { namespaces?: NamespaceStore } = {};
  let leave: ReadonlySet<string> = new Set();
  const guard = new HostGuard(runner);
  const namespaces: NamespaceKeeper = {
    path: (id) => opened.namespaces!.path(id),
    create: (id) => opened.namespaces!.create(id),
    remove: (id) => opened.namespaces!.remove(id),
    alive: (id) => opened.namespaces!.alive(id),
    listOwn: () => opened.namespaces!.listOwn(),
  };
  const host = { underlay: () => underlay.current, namespaces };
  const tunnel = new Tunnel({ runner, ...host });
  const { overlayPort } = flags;
  const drivers = createDrivers(runner, { ...host, overlayPort, tunnel }, () => leave, guard);
  const linkNotes = new LinkNotes(`${flags.runDir}/plugin-links`);
  return {
    runner,
    underlay,
    drivers,
    guard,
    tunnel,
    othersForward: () => lookAtForwarding(runner).others.join(),
    remoteDriver: (plugin, options) =>
      new RemoteDriver(plugin, runner, { notes: linkNotes, ...options }),
    refuseOthers: async (claimant) => {
      refuseRunning(flags.runDir);
      await lookForOwner(runner, claimant);
    },
    claim: async (claimant) => {
      using stack = new DisposableStack();
      stack.use(claimHost(flags.runDir));
      leave = await becomeOwner(runner, claimant);
      const namespaces = opened.namespaces = await NamespaceStore.open(flags.runDir, {
        made: (path) => runner.getReady(path),
        closing: (path) => runner.letGo(path),
      });
      const claim = stack.move();
      return { namespaces, [Symbol.dispose]: () => claim[Symbol.dispose]() };
    },
    serveNames: (names, domainNeeded) => new ResolverThread(names, { domainNeeded }),
    resolverSockets: openResolverSockets,
    look: (namespace) => Promise.resolve(namespace).then(lookInside),
  };
}

/** Records this daemon as the owner of the network namespace; returns the names of others' links. */
async function becomeOwner(runner: Runner, claimant: Claimant): Promise<ReadonlySet<string>> {
  const others = await lookForOwner(runner, claimant);
  if (others.length > 0) {
    log.warn("Leaves {count} links of another state alone ({links}); --take-over removes them", {
      count: others.length,
      links: others.join(", "),
    });
  }
  noteOwner(claimant, others);
  return new Set(others);
}
