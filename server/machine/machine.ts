/**
 * What a daemon needs of the machine that it runs on: drivers, namespaces, its address. The simulation
 * in `bench/` gives it one without a kernel.
 *
 * @module
 */
import type { HostGuard } from "../../drivers/bridge/host_guard.ts";
import type { Driver } from "../../drivers/driver.ts";
import type { Plugin } from "../../drivers/remote/plugin/plugin.ts";
import type { RemoteDriver, RemoteDriverOptions } from "../../drivers/remote/remote_driver.ts";
import type { Runner } from "../../lib/linux/tools/runner.ts";
import type { Namespaces } from "../sandbox/netns.ts";
import type { OpenedSockets } from "../sandbox/resolver/resolver_sockets.ts";
import type { Claimant } from "./host_owner.ts";
import type { UnderlayWatch } from "./underlay.ts";

/** A machine. */
export interface Machine {
  /** The address that other hosts reach this one at. */
  readonly underlay: Pick<UnderlayWatch, "current" | "addresses" | "refresh">;
  /** What the machine's network is set up with; absent where there is no kernel. */
  readonly runner?: Runner;
  /** What of all packets others have the host forward: cheap, to poll for changes. */
  othersForward?(): string;
  /** netsvc's tables of the host; absent where there is no kernel. */
  readonly guard?: HostGuard;
  /** By name. Usable as far as they only check until the machine is claimed. */
  readonly drivers: ReadonlyMap<string, Driver>;
  /** The networks of a plugin; absent where there are none. */
  remoteDriver?(plugin: Plugin, options: RemoteDriverOptions): RemoteDriver;
  /**
   * Looks, and changes nothing, whether a daemon with this state may have the machine.
   *
   * @throws {NetsvcError} `in_use`: see {@linkcode lookForOwner}
   */
  refuseOthers(claimant: Claimant): Promise<void>;
  /**
   * Takes the machine for this daemon, until it ends; nothing of it is touched before.
   *
   * @throws {NetsvcError} `in_use`, `unavailable`: see {@linkcode claimHost}, {@linkcode lookForOwner}
   */
  claim(claimant: Claimant): Promise<{ namespaces: Namespaces } & Disposable>;
  /** Opens the sockets of a sandbox's resolver, inside the namespace at `path`. */
  resolverSockets(path: string, hostname?: string, kept?: number): OpenedSockets;
  /** What a namespace that netsvc didn't make has: names of links, and whether there is a way out. */
  look(namespace: string): Promise<{ links: string[]; hasRoute: boolean }>;
}
