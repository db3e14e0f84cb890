/**
 * What the daemon needs from the machine that it runs on: drivers, namespaces, an address. The simulation
 * in `bench/` implements one without a kernel.
 *
 * @module
 */
import type { HostGuard } from "../../drivers/bridge/host_guard.ts";
import type { Tunnel } from "../../drivers/overlay/tunnel/tunnel.ts";
import type { Driver } from "../../drivers/driver.ts";
import type { Plugin } from "../../drivers/remote/plugin/plugin.ts";
import type { RemoteDriver, RemoteDriverOptions } from "../../drivers/remote/remote_driver.ts";
import type { Runner } from "../../lib/linux/tools/runner.ts";
import type { NamesServer, NamesSource } from "../dns/thread/resolver_thread.ts";
import type { Namespaces } from "../sandbox/netns.ts";
import type { OpenedSockets } from "../sandbox/resolver/resolver_sockets.ts";
import type { Claimant } from "./host_owner.ts";
import type { UnderlayWatch } from "./underlay.ts";

export interface Machine {
  /** The address that other hosts reach this one at. */
  readonly underlay: Pick<UnderlayWatch, "current" | "addresses" | "refresh">;
  /** Runs the tools that configure the network; absent on a machine without a kernel. */
  readonly runner?: Runner;
  /** The address families that other programs have the host forward; cheap enough to poll for changes. */
  othersForward?(): string;
  /** netsvc's nftables tables of the host; absent on a machine without a kernel. */
  readonly guard?: HostGuard;
  /** Carries encrypted networks; absent on a machine without a kernel. */
  readonly tunnel?: Tunnel;
  /** By name. Until the machine is claimed, only methods that check something may be called. */
  readonly drivers: ReadonlyMap<string, Driver>;
  /** The driver of a plugin's networks; absent on a machine without plugins. */
  remoteDriver?(plugin: Plugin, options: RemoteDriverOptions): RemoteDriver;
  /**
   * Refuses a daemon with this state if another one has the machine; changes nothing.
   *
   * @throws {NetsvcError} `in_use`: see {@linkcode lookForOwner}
   */
  refuseOthers(claimant: Claimant): Promise<void>;
  /**
   * Claims the machine for this daemon until the claim is disposed; nothing is changed before.
   *
   * @throws {NetsvcError} `in_use`, `unavailable`: see {@linkcode claimHost}, {@linkcode lookForOwner}
   */
  claim(claimant: Claimant): Promise<{ namespaces: Namespaces } & Disposable>;
  /** Begins to serve names. @param domainNeeded single words are never asked outside without a domain */
  serveNames(names: NamesSource, domainNeeded: boolean): NamesServer;
  /** Opens the sockets of a sandbox's resolver, inside the namespace at `path`. */
  resolverSockets(path: string, hostname?: string, kept?: number): OpenedSockets;
  /** Inspects a namespace that netsvc didn't make: the names of its links, and whether it has a route. */
  look(namespace: string): Promise<{ links: string[]; hasRoute: boolean }>;
}
