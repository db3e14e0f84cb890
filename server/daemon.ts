/**
 * The daemon: puts the parts together, starts them in an order in which nothing is served before
 * it is right, and stops them so that containers notice nothing.
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
import { createDrivers } from "../drivers/registry.ts";
import { Runner } from "../drivers/runner.ts";
import { openLocalStore } from "../kv/local/local_store.ts";
import type { Store } from "../kv/store.ts";
import { createApp } from "./app/app.ts";
import { claimHost } from "./claim.ts";
import { Containers } from "./controllers/containers.ts";
import type { Context } from "./controllers/context.ts";
import { Gate } from "./controllers/gate.ts";
import { KeyedLock } from "./controllers/locks.ts";
import { checkDefaultNetwork, Networks } from "./controllers/networks.ts";
import { Processes } from "./controllers/processes.ts";
import { Services } from "./controllers/services.ts";
import { Forwarder } from "./dns/forwarder.ts";
import { HostResolvConf } from "./dns/resolv_conf.ts";
import { ResolverServer } from "./dns/server.ts";
import {
  type AddressPool,
  DEFAULT_IPV4_POOLS,
  parseAddressPool,
  uniqueLocalPool,
} from "./ipam/default_pools.ts";
import { guardFor, listen, planListen } from "./listen.ts";
import { startLogging } from "./logging.ts";
import { Metrics } from "./metrics.ts";
import { Mirror } from "./mirror.ts";
import { Reconciler } from "./reconcile.ts";
import { ExitWatch } from "./sandbox/exit_watch.ts";
import { NamespaceStore } from "./sandbox/netns.ts";
import { PortHolders } from "./sandbox/ports.ts";
import { Sandboxes } from "./sandbox/sandboxes.ts";
import { Views } from "./sandbox/views.ts";
import { keys } from "./state/keys.ts";
import { State } from "./state/state.ts";
import { versionInfo } from "./version.ts";
import { errorChain, NetsvcError } from "./wire/errors.ts";
import type { DaemonFlags } from "./wire/daemon_flags.ts";

const log = getLogger(["netsvc", "daemon"]);

/** The kernel is compared with the store this often, in milliseconds. */
const RECONCILE_MS = 30_000;
/** Requests under way at the end have this long, in milliseconds. */
const SHUTDOWN_MS = 5_000;

/** Splits `DRIVER:NETWORK`. @throws {NetsvcError} `invalid` */
function parseDefaultNetwork(text: string): { driver: string; network: string } {
  const colon = text.indexOf(":");
  const [driver, network] = [text.slice(0, colon), text.slice(colon + 1)];
  if (colon > 0 && network !== "") return { driver, network };
  throw new NetsvcError(
    "invalid",
    `Invalid default network ${JSON.stringify(text)}; write it DRIVER:NETWORK, e.g. bridge:bridge`,
  );
}

/** The daemon's own pools, and IPv6 ones that no other host has (RFC 4193). */
async function addressPools(mirror: Mirror, flags: DaemonFlags): Promise<AddressPool[]> {
  const given = flags.defaultAddressPools.map(parseAddressPool);
  const has = (family: number) => given.some(({ base }) => base.family === family);
  if (!mirror.get(keys.globalId)) {
    const value = crypto.getRandomValues(new Uint8Array(5)).toHex();
    await mirror.commit({
      checks: [{ key: keys.globalId, revision: null }],
      puts: [{ key: keys.globalId, value }],
    });
  }
  const globalId = Uint8Array.fromHex(mirror.get(keys.globalId)!.value);
  return [
    ...given,
    ...has(4) ? [] : DEFAULT_IPV4_POOLS.map(parseAddressPool),
    ...has(6) ? [] : [uniqueLocalPool(globalId)],
  ];
}

function openStore(flags: DaemonFlags): Promise<Store> {
  if (flags.kvStore === "local") return openLocalStore(flags.stateDir);
  throw new NetsvcError(
    "invalid",
    `Unknown store ${JSON.stringify(flags.kvStore.split(":")[0])}; known: local`,
  );
}

/** Runs the daemon until it is told to stop. @throws {NetsvcError} when it can't start */
export async function runDaemon(flags: DaemonFlags): Promise<void> {
  await startLogging(flags.logLevel);
  const started = performance.now();
  // All that can be wrong in the settings is found before anything is touched.
  const addresses = await planListen(flags);
  const defaults = parseDefaultNetwork(flags.defaultNetwork);
  flags.defaultAddressPools.forEach(parseAddressPool);
  const metrics = new Metrics();
  const drivers = createDrivers(new Runner({ onRun: (tool, ms) => metrics.tool(tool, ms) }));
  const driver = drivers.get(defaults.driver);
  if (!driver) {
    throw new NetsvcError(
      "invalid",
      `Invalid default network "${flags.defaultNetwork}": unknown driver "${defaults.driver}"; ` +
        `known: ${[...drivers.keys()].sort().join(", ")}`,
    );
  }
  checkDefaultNetwork(driver, defaults.network, undefined);

  await using cleanup = new AsyncDisposableStack();
  const store = await openStore(flags);
  cleanup.use(store);
  const mirror = await Mirror.open(store);
  cleanup.defer(() => mirror.close());
  const state = new State(mirror);
  checkDefaultNetwork(driver, defaults.network, state.networkByName(defaults.network));

  cleanup.use(claimHost(flags.runDir));
  const namespaces = await NamespaceStore.open(flags.runDir);
  const hostResolvConf = new HostResolvConf();
  const forwarder = new Forwarder(() =>
    hostResolvConf.current().nameservers.map((hostname) => ({ hostname }))
  );
  cleanup.defer(() => forwarder.close());
  const resolver = new ResolverServer({ forwarder, count: (kind) => metrics.query(kind) });
  const views = new Views(state, flags.dnsTtl);
  const sandboxes = new Sandboxes({
    state,
    namespaces,
    resolver,
    views,
    hostResolvConf,
    runDir: flags.runDir,
  });
  cleanup.defer(() => sandboxes.stop());
  const exits = new ExitWatch();
  cleanup.defer(() => exits.close());
  const ports = new PortHolders();
  cleanup.defer(() => ports.close());
  const host = flags.hostName ?? Deno.hostname();
  const context: Context = {
    state,
    drivers,
    locks: new KeyedLock(),
    gate: new Gate(),
    namespaces,
    exits,
    ports,
    host,
    defaultNetwork: defaults.network,
    addressPools: await addressPools(mirror, flags),
    runDir: flags.runDir,
  };
  const services = new Services(context);
  const networks = new Networks(context, services);
  const containers = new Containers(context, services, sandboxes);
  const processes = new Processes(context, containers, sandboxes);
  const reconciler = new Reconciler(context, containers, sandboxes);

  reconciler.adopt();
  await networks.ensurePredefined(defaults);
  await reconciler.run();
  containers.holdPorts();

  metrics.watch({
    networks: () => state.networks.size,
    services: () => state.services.size,
    attachedServices: () => [...state.services.values()].filter((s) => s.record.backend).length,
    containers: () => state.containers.size,
    sandboxes: () => sandboxes.size,
  });
  const version = versionInfo(flags.defaultNetwork);
  const app = { networks, services, containers, processes, state, metrics, version };
  const servers: Deno.HttpServer[] = [];
  cleanup.defer(() => stopServers(servers));
  for (const address of addresses) {
    servers.push(await listen(address, createApp(app, guardFor(address, host)).fetch));
  }
  const timer = setInterval(() => {
    reconciler.run().catch((error) =>
      log.error("Cannot reconcile: {cause}", { cause: errorChain(error).join(": ") })
    );
  }, RECONCILE_MS);
  cleanup.defer(() => clearInterval(timer));
  log.info("netsvc {version} serves {hosts}, started in {ms} ms", {
    version: version.version,
    hosts: flags.hosts.join(", "),
    ms: Math.round(performance.now() - started),
  });
  const signal = await stopSignal();
  log.info("Stopping after {signal}; containers stay connected", { signal });
}

/** Lets requests end, within bounds. */
async function stopServers(servers: Deno.HttpServer[]): Promise<void> {
  const done = Promise.all(servers.map((server) => server.shutdown()));
  let timer: number | undefined;
  const late = new Promise<void>((resolve) => timer = setTimeout(resolve, SHUTDOWN_MS));
  await Promise.race([done, late]);
  clearTimeout(timer);
}

/** Resolves with the name of the first signal that ends the daemon. */
function stopSignal(): Promise<string> {
  return new Promise((resolve) => {
    for (const signal of ["SIGTERM", "SIGINT"] as const) {
      Deno.addSignalListener(signal, () => resolve(signal));
    }
    // A terminal that closes doesn't end a daemon.
    Deno.addSignalListener("SIGHUP", () => {});
  });
}
