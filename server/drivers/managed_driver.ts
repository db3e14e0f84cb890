/**
 * Calls of drivers as controllers make them. A plugin is another program, which may be slow or dead:
 * nothing that it does is waited for by anybody but who asked for it.
 *
 * @module
 */
import type { Driver, EndpointSpec, Join, NetworkSpec } from "../../drivers/driver.ts";
import type { Drivers } from "../../drivers/registry.ts";
import { discoverPlugin, type PluginPlaces } from "../../drivers/remote/plugin/discovery.ts";
import type { Plugins } from "../../drivers/remote/plugin/plugins.ts";
import { type Decided, RemoteDriver } from "../../drivers/remote/remote_driver.ts";
import { RemoteIpam } from "../../drivers/remote/remote_ipam.ts";
import { errorChain, isAway, NetsvcError } from "../../lib/api/errors.ts";
import type { State } from "../model/state.ts";
import type { NetworkRecord } from "../model/records.ts";
import type { ReadWriteLock } from "../../lib/async/read_write_lock.ts";
import { type Intent, Intents, type ServiceLock } from "./intent_log.ts";
import { log } from "../controllers/context.ts";

/** What plugins are found and remembered by. */
export interface PluginWork {
  readonly intents: Intents;
  /** What plugins decided about endpoints that are being attached; taken by who attaches. */
  readonly decided: Map<string, Decided>;
  /** A plugin's IPAM. @throws {NetsvcError} `invalid` when no plugin can have such a name */
  ipam(name: string): RemoteIpam;
}

/** What {@linkcode pluginWork} is made of. */
export interface PluginWorkOptions {
  plugins: Plugins;
  state: State;
  locks: ServiceLock;
  working: { has(id: string): boolean };
  drivers: Drivers;
  decided: Map<string, Decided>;
  loaded: () => boolean;
  onKept: () => void;
}

/** Puts it together. */
export function pluginWork({ plugins, decided, ...options }: PluginWorkOptions): PluginWork {
  const ipams = new Map<string, RemoteIpam>();
  const ipam = (name: string) => {
    const known = ipams.get(name) ?? new RemoteIpam(plugins.get(name));
    ipams.set(name, known);
    return known;
  };
  return { intents: new Intents({ ...options, ipam }), decided, ipam };
}

/** Whether a driver is a plugin's. */
export function isRemote(driver: Driver): driver is RemoteDriver {
  return driver instanceof RemoteDriver;
}

/**
 * Changes something of a driver's beside the others, but never beside the reconciler. A plugin's
 * networks have no part in that: the gate would be held as long as the plugin takes to answer, and
 * its driver doesn't need it.
 */
export function gated<T>(
  { gate }: { gate: ReadWriteLock },
  driver: Driver,
  action: () => Promise<T>,
): Promise<T> {
  return isRemote(driver) ? action() : gate.shared(action);
}

/** A network and the driver that makes it. */
export interface Driven {
  driver: Driver;
  network: Pick<NetworkRecord, "name" | "scope">;
  spec: NetworkSpec;
}

/** Notes a network that a plugin is about to be asked for, or to lose. */
export async function noteNetwork(
  { plugins }: { plugins: PluginWork },
  of: Driven,
): Promise<string[]> {
  return isRemote(of.driver) ? [await plugins.intents.note(intentOf(of, undefined))] : [];
}

/** Does something about an endpoint, or a network, noted before where the driver is a plugin's. */
export function noted<T>(
  { plugins }: { plugins: PluginWork },
  of: Driven,
  join: Join | undefined,
  action: (keep: () => void) => Promise<T>,
): Promise<T> {
  return isRemote(of.driver)
    ? plugins.intents.during(intentOf(of, join), action)
    : action(() => {});
}

function intentOf({ driver, network, spec }: Driven, join: Join | undefined): Intent {
  const whose = { plugin: driver.name, scope: network.scope, network: spec };
  return join ? { ...whose, kind: "endpoint", join } : { ...whose, kind: "network" };
}

/**
 * Unplugs. A plugin that isn't there is no reason to fail: the container is off the network all the
 * same, and `keep` sees to it that the plugin is told when it is back.
 */
export async function unplug({ driver, network, spec }: Driven, join: Join, keep: () => void) {
  await tolerant(driver, network, keep, () => driver.leave(spec, join));
}

/** Ends an endpoint; the same holds, and whoever unplugged it has seen to it. */
export async function endEndpoint({ driver, network, spec }: Driven, endpoint: EndpointSpec) {
  await tolerant(driver, network, () => {}, () => driver.deleteEndpoint(spec, endpoint));
}

/** Removes a network of a driver's; the same holds. */
export async function unmake({ driver, network, spec }: Driven, keep: () => void) {
  await tolerant(driver, network, keep, () => driver.deleteNetwork(spec));
}

async function tolerant(
  driver: Driver,
  { name }: { name: string },
  keep: () => void,
  action: () => Promise<void>,
): Promise<void> {
  try {
    await action();
  } catch (error) {
    if (!isRemote(driver) || !isAway(error)) throw error;
    keep();
    log.warn("The plugin of network {name} is told later: {cause}", {
      name,
      cause: errorChain(error).join(": "),
    });
  }
}

/**
 * Makes sure that a plugin is there before anything is decided about a network of its.
 *
 * @throws {NetsvcError} `not_found` naming the drivers there are and the places that were looked at
 */
export async function activate(drivers: Drivers, driver: Driver): Promise<void> {
  if (!isRemote(driver)) return;
  try {
    await driver.activate();
  } catch (error) {
    if (!(error instanceof NetsvcError) || error.code !== "not_found") throw error;
    drivers.forget(driver.name);
    throw unknownDriver(drivers, driver.name, error);
  }
}

/**
 * Looks for the plugin of a driver without calling it.
 *
 * @throws {NetsvcError} `not_found` as {@linkcode activate}; `invalid` about the plugin's file
 */
export async function findPlugin(
  drivers: Drivers,
  driver: Driver,
  places?: PluginPlaces,
): Promise<void> {
  if (!isRemote(driver)) return;
  try {
    await discoverPlugin(driver.name, places);
  } catch (error) {
    if (!(error instanceof NetsvcError) || error.code !== "not_found") throw error;
    throw unknownDriver(drivers, driver.name, error);
  }
}

function unknownDriver(drivers: Drivers, name: string, { message }: NetsvcError): NetsvcError {
  const meant = drivers.meant(name);
  // Where plugins are looked for is of no interest to somebody who mistyped.
  if (meant !== "") {
    return new NetsvcError("not_found", `Unknown driver ${JSON.stringify(name)}${meant}`);
  }
  const looked = message.slice(message.indexOf("looked for"));
  return new NetsvcError("not_found", `${drivers.unknown(name)}; no such plugin either: ${looked}`);
}
