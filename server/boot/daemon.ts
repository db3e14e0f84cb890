/**
 * The daemon: puts the parts together, starts them in an order in which nothing is served before
 * it is right, and stops them so that containers notice nothing.
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
import { ProbeListener } from "../../drivers/overlay/probe/probe_listener.ts";
import { bridgeOptions } from "../../drivers/bridge/options.ts";
import { vethName } from "../../drivers/links/names.ts";
import { Runner } from "../../lib/linux/tools/runner.ts";
import { existsSync } from "node:fs";
import { tmpdir as tempDir } from "node:os";
import { openLocalStore } from "../../kv/local/local_store.ts";
import { parseStoreUrl } from "../../kv/url/url.ts";
import { Drivers } from "../../drivers/registry.ts";
import { PLUGIN_PLACES, type PluginPlaces } from "../../drivers/remote/plugin/discovery.ts";
import { Plugins } from "../../drivers/remote/plugin/plugins.ts";
import type { RemoteDriverOptions } from "../../drivers/remote/remote_driver.ts";
import { createApp } from "../http/app.ts";
import { patient } from "../http/patience.ts";
import { EventLog } from "../http/events.ts";
import type { Cluster } from "../cluster/cluster.ts";
import { Converger } from "../reconcile/peers.ts";
import { Directory } from "../model/shared/directory.ts";
import { HostAddresses } from "../cluster/host_addresses.ts";
import { storeExposure } from "../model/shared/store_exposure.ts";
import { StoreFence } from "../model/shared/store_fence.ts";
import { SharedStore } from "../model/shared/shared_store.ts";
import { Membership } from "../cluster/membership.ts";
import { Backends } from "../controllers/adopted/backends.ts";
import { Attachments } from "../controllers/endpoints/attachments.ts";
import { Containers } from "../controllers/containers/containers.ts";
import type { Context } from "../controllers/context.ts";
import { Foreign } from "../controllers/adopted/adopted.ts";
import { ReadWriteLock } from "../../lib/async/read_write_lock.ts";
import { Hosts } from "../controllers/hosts/hosts.ts";
import { Ipams, pluginIpams } from "../drivers/plugin_ipam.ts";
import { Joined } from "../drivers/local_endpoints.ts";
import { Locks } from "../controllers/locks.ts";
import { Working } from "../controllers/working.ts";
import { checkDefaultNetwork } from "../controllers/networks/names.ts";
import { Networks } from "../controllers/networks/networks.ts";
import { findPlugin } from "../drivers/find_plugin.ts";
import { IntentLog } from "../drivers/intent_log.ts";
import { ManagedDrivers } from "../drivers/managed_drivers.ts";
import { Processes } from "../controllers/containers/processes.ts";
import { Renames } from "../controllers/containers/renames.ts";
import { Restarts } from "../controllers/containers/restarts.ts";
import { Services } from "../controllers/services/services.ts";
import { DockerPlugin } from "../docker/plugin/plugin.ts";
import { Doctor } from "../doctor/doctor.ts";
import { fullSize } from "../doctor/probes/full_size.ts";
import { Probes } from "../doctor/probes/probes.ts";
import { DockerApi } from "../docker/api/docker_api.ts";
import { Docker } from "../engines/docker/docker.ts";
import { Forwarder } from "../dns/upstream/forwarder.ts";
import { HostResolvConf } from "../dns/files/resolv_conf.ts";
import { ResolverServer } from "../dns/server.ts";
import { Engines } from "../engines/engines.ts";
import { netnsEngine } from "../engines/kernel/netns.ts";
import { pidEngine } from "../engines/kernel/pid.ts";
import { podmanEngine } from "../engines/podman/podman.ts";
import {
  type AddressPool,
  DEFAULT_IPV4_POOLS,
  parseAddressPool,
  uniqueLocalPool,
} from "../ipam/default_pools.ts";
import { SingleFlight } from "../../lib/async/single_flight.ts";
import { CredentialWatch } from "../http/listen/credentials.ts";
import type { Handler, UnixServer } from "../http/listen/server.ts";
import { guardFor, listenUnix, planListen, TcpApi } from "../http/listen/listen.ts";
import { startLogging } from "./logging.ts";
import { linuxMachine, type MachineOptions } from "../machine/linux_machine.ts";
import type { Machine } from "../machine/machine.ts";
import { Metrics } from "../http/metrics.ts";
import { Mirror } from "../model/mirror.ts";
import { PluginRounds } from "../reconcile/plugins.ts";
import { Reconciler } from "../reconcile/host.ts";
import { namespaceNumber } from "../../lib/linux/namespaces/namespace_identity.ts";
import { ExitWatch } from "../sandbox/exit_watch.ts";
import { bootId } from "../../lib/linux/processes/process_table.ts";
import { PortHolders } from "../sandbox/ports/ports.ts";
import { ContainerLogs } from "../sandbox/logs/container_logs.ts";
import { Sandboxes } from "../sandbox/sandboxes.ts";
import { Views } from "../dns/zones/views.ts";
import { type HostFact, hostFacts } from "../model/repository/host_facts.ts";
import type { HostRecord } from "../model/records.ts";
import { State } from "../model/state.ts";
import { versionInfo } from "./version.ts";
import { errorChain, isAway, NetsvcError } from "../../lib/api/errors.ts";
import type { DaemonSettings } from "../../lib/api/settings/settings.ts";
import { findProgram, installHint } from "../../lib/linux/tools/tools.ts";

const log = getLogger(["netsvc", "daemon"]);

/** The kernel is compared with the store this often, in milliseconds. */
const RECONCILE_MS = 30_000;
/** It is looked this often who has the host forward, in milliseconds. */
const FORWARD_MS = 1_000;
/** Requests under way at the end have this long, in milliseconds. */
const SHUTDOWN_MS = 5_000;

/** Programs without which there are no networks. */
const NEEDED_TOOLS = ["ip", "bridge", "nft"];

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

/** Looks for the driver of the default network; what is wrong with it is said of the setting. */
async function forDefault<T>(
  { defaultNetwork }: DaemonSettings,
  find: () => T | Promise<T>,
): Promise<T> {
  try {
    return await find();
  } catch (error) {
    if (!(error instanceof NetsvcError)) throw error;
    const [first, ...rest] = error.message;
    throw new NetsvcError(
      "invalid",
      `Invalid default network "${defaultNetwork}": ${first!.toLowerCase()}${rest.join("")}`,
      { cause: error.cause },
    );
  }
}

/** Where plugins are looked for. */
function pluginPlaces({ pluginDirs }: DaemonSettings): PluginPlaces {
  return pluginDirs.length === 0 ? PLUGIN_PLACES : { sockets: pluginDirs, specs: pluginDirs };
}

/** A value of this host's own that is made up once and kept in its store. */
async function ownValue(mirror: Mirror, fact: HostFact, make: () => string): Promise<string> {
  if (hostFacts.get(mirror, fact) === undefined) {
    await mirror.commit(hostFacts.create(fact, make()));
  }
  return hostFacts.get(mirror, fact)!;
}

/** Notes something of this host's for the next daemon, where its store takes it. */
async function note(local: Mirror, fact: HostFact, value: string): Promise<void> {
  try {
    await local.commit(hostFacts.put(fact, value));
  } catch (error) {
    if (!isAway(error)) throw error;
    log.warn("Cannot note the host's {fact}: {cause}", { fact, cause: errorChain(error)[0] });
  }
}

/** Tells which links of this host's belong to what its state has. */
function linksOf(state: State): (name: string) => boolean {
  const bridges = [...state.networks.values()].filter(({ record }) => record.driver === "bridge");
  const names = new Set([
    ...bridges.map(({ record }) => bridgeOptions(record).name),
    ...[...state.services.keys()].map(vethName),
  ]);
  return (name) => names.has(name);
}

/** The daemon's own pools, and IPv6 ones that no other host has (RFC 4193). */
async function addressPools(mirror: Mirror, flags: DaemonSettings): Promise<AddressPool[]> {
  const given = flags.defaultAddressPools.map(parseAddressPool);
  const has = (family: number) => given.some(({ base }) => base.family === family);
  const globalId = await ownValue(
    mirror,
    "globalId",
    () => crypto.getRandomValues(new Uint8Array(5)).toHex(),
  );
  return [
    ...given,
    ...has(4) ? [] : DEFAULT_IPV4_POOLS.map(parseAddressPool),
    ...has(6) ? [] : [uniqueLocalPool(Uint8Array.fromHex(globalId))],
  ];
}

/**
 * Runs the daemon until it is told to stop.
 *
 * @throws {NetsvcError} when it can't start
 */
export async function runDaemon(
  flags: DaemonSettings,
  openMachine: (options: MachineOptions) => Promise<Machine> = linuxMachine,
): Promise<void> {
  // What the daemon writes is nobody else's, unless it says so.
  Deno.umask(0o077);
  await startLogging(flags.logLevel);
  const started = performance.now();
  // All that can be wrong in the settings is found before anything is touched.
  const { addresses, credentials: read } = await planListen(flags);
  const defaults = parseDefaultNetwork(flags.defaultNetwork);
  flags.defaultAddressPools.forEach(parseAddressPool);
  const storeUrl = parseStoreUrl(flags.kvStore, Deno.env.toObject());
  const exposure = storeExposure(storeUrl);
  if (exposure !== undefined) log.warn("{exposure}", { exposure });
  const metrics = new Metrics();
  const { underlay, drivers: own, runner = new Runner(), ...machine } = await openMachine({
    flags,
    peers: storeUrl.endpoints.map(({ host }) => host),
    onRun: (tool, ms) => metrics.tool(tool, ms),
  });
  const places = pluginPlaces(flags);
  const plugins = new Plugins({ places });
  const working = new Working();
  const drivers = new Drivers(own, (name) => {
    const plugin = plugins.get(name);
    if (machine.remoteDriver) return machine.remoteDriver(plugin, remoteHooks);
    throw new NetsvcError("unsupported", `There are no plugins here, so no "${name}" either`);
  });
  const remoteHooks: RemoteDriverOptions = {
    isWanted: ({ endpoint, sandbox }) => {
      const backend = state.services.get(endpoint.id)?.record.backend;
      return !working.has(endpoint.id) && backend?.hostId === hostId &&
        backend.container === sandbox.id;
    },
  };
  const driver = await forDefault(flags, () => drivers.get(defaults.driver));
  checkDefaultNetwork(driver, defaults.network);
  // After a boot the plugin may come later than this daemon; where no network is known it must be there.
  const findDefault = () => forDefault(flags, () => findPlugin(drivers, driver, places));
  if (!existsSync(flags.stateDir)) await findDefault();

  await using cleanup = new AsyncDisposableStack();
  cleanup.defer(() => runner.close());
  cleanup.defer(() => plugins.close());
  const { stateDir, runDir, takeOver } = flags;
  if (!existsSync(`${stateDir}/state.kv`)) {
    const nobody = { knowsLink: () => false, knowsContainer: () => false };
    await machine.refuseOthers({ state: "", stateDir, runDir, takeOver, ...nobody });
  }
  const store = await openLocalStore(stateDir, {
    scratch: [runDir, tempDir()],
    onSpare: (why) => log.error("{why}; names and traffic go on meanwhile", { why }),
    onBack: () => log.info("The store takes changes again"),
  });
  cleanup.use(store);
  const local = await Mirror.open(store);
  cleanup.defer(() => local.close());
  const shared = storeUrl.provider === "local"
    ? SharedStore.local(local)
    : await SharedStore.open(flags.kvStore, flags.stateDir);
  cleanup.defer(() => shared.close());
  const hostId = await ownValue(
    local,
    "id",
    () => crypto.getRandomValues(new Uint8Array(32)).toHex(),
  );
  const leaseTtl = flags.leaseTtl * 1000;
  const state = new State(local, shared.mirror, {
    hostId,
    memberGrace: shared.link ? leaseTtl : 0,
  });
  cleanup.defer(() => state.close());
  const existing = state.networkByName(defaults.network);
  checkDefaultNetwork(driver, defaults.network, existing?.record);
  if (!existing) await findDefault();

  const formerRunDir = hostFacts.get(local, "runDir");
  const { namespaces } = cleanup.use(
    await machine.claim({
      ...{ state: hostId, stateDir, runDir, takeOver },
      knowsLink: linksOf(state),
      knowsContainer: (id) => state.containers.has(id),
      ...formerRunDir !== undefined && { formerRunDir },
    }),
  );
  if (formerRunDir !== runDir) await note(local, "runDir", runDir);
  // A machine that was copied has another boot, or at least another network.
  const instance = `${bootId()} ${namespaceNumber("/proc/thread-self/ns/net")} ${stateDir}`;
  const formerInstance = hostFacts.get(local, "instance");
  if (formerInstance !== instance) await note(local, "instance", instance);
  const hostResolvConf = new HostResolvConf();
  const forwarder = new Forwarder(() =>
    hostResolvConf.current().nameservers.map((hostname) => ({ hostname }))
  );
  cleanup.defer(() => forwarder.close());
  const resolver = new ResolverServer({
    forwarder,
    words: () => ({ ...hostResolvConf.current(), domainNeeded: flags.dnsDomainNeeded }),
    count: (kind) => metrics.query(kind),
  });
  const views = new Views(state, flags.dnsTtl);
  const sandboxes = new Sandboxes({
    state,
    namespaces,
    resolver,
    resolverSockets: machine.resolverSockets,
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
  const version = versionInfo(flags.defaultNetwork);
  const begun = new Date().toISOString();
  const self = (): HostRecord => ({
    id: hostId,
    name: host,
    ...underlay.current && { address: underlay.current.address },
    overlayPort: flags.overlayPort,
    version: version.version,
    started: begun,
  });
  const membership: Membership = new Membership({
    mirror: shared.mirror,
    ttl: leaseTtl,
    self,
    prepare: () => shared.loadOwn(state),
    networks: () =>
      [...state.networks.keys()].filter((id) =>
        state.networks.get(id)!.record.scope === "global" && state.ownBackends(id).length > 0
      ),
    onRegistered: () => follow(),
    answers: async (id) => await probes?.answers(id) ?? false,
    suspect: formerInstance !== instance,
  });
  cleanup.defer(() => membership.close());
  const cluster: Cluster = {
    membership,
    interests: shared.interests,
    directory: new Directory(state, shared.interests, shared.mirror.store),
    loaded: () => shared.loaded,
  };
  const hostAddresses = machine.guard && new HostAddresses({
    ...{ mirror: shared.mirror, state, guard: machine.guard, port: flags.overlayPort },
  });
  cleanup.defer(() => hostAddresses?.close());
  const storeFence = machine.guard && shared.link && !flags.containersMayReachStore
    ? new StoreFence({ guard: machine.guard, endpoints: storeUrl.endpoints })
    : undefined;
  const locks = new Locks(working);
  // Rounds need the context, and the context tells them of work.
  const rounds: { plugins?: PluginRounds } = {};
  const gate = new ReadWriteLock();
  const ipam = pluginIpams(plugins);
  const intents = new IntentLog({
    state,
    locks,
    working,
    drivers,
    ipam,
    loaded: () => shared.loaded,
    onKept: () => rounds.plugins?.soon(),
  });
  const context: Context = {
    state,
    drivers: new ManagedDrivers(drivers, { gate, intents }),
    locks,
    working,
    gate,
    namespaces,
    exits,
    ports,
    cluster,
    joined: new Joined(),
    get host() {
      return membership.name;
    },
    hostId,
    defaultNetwork: defaults.network,
    addressPools: await addressPools(local, flags),
    runDir: flags.runDir,
  };
  const ipams = new Ipams({ state, interests: cluster.interests, intents, ipam });
  const services = new Services(context, ipams);
  const networks = new Networks(context, services, ipams);
  const attachments = new Attachments(context, services, networks);
  const containers = new Containers(context, services, attachments, sandboxes);
  const engine = cleanup.use(new Docker(flags.dockerSocket));
  const engines = new Engines(
    [engine, cleanup.use(podmanEngine())],
    [pidEngine, netnsEngine],
  );
  const foreign = new Foreign(
    context,
    { engines, machine },
    containers,
    services,
    attachments,
  );
  const backends = new Backends(context, services, attachments, foreign);
  cleanup.defer(() => foreign.close());
  const plugin = flags.dockerPlugin === undefined ? undefined : new DockerPlugin({
    ...{ context, services, networks, attachments, foreign, sandboxes },
    ...{ docker: engine, socket: flags.dockerPlugin },
  });
  cleanup.defer(() => plugin?.close());
  const logs = new ContainerLogs({
    path: (id) => sandboxes.logPath(id),
    writing: () =>
      [...state.containers.values()].flatMap(({ record }) =>
        record.state === "running" && record.kind === "own" ? [record.id] : []
      ),
  });
  cleanup.defer(() => logs.stop());
  logs.start();
  const processes = new Processes(context, containers, sandboxes, logs);
  const renames = new Renames(context, services, containers);
  const restarts = new Restarts(context, processes);
  const hosts = new Hosts(context, () => membership.self);
  const lanes = new SingleFlight((lane, error) =>
    log.warn("{lane}: {cause}", { lane, cause: errorChain(error).join(": ") })
  );
  cleanup.defer(() => lanes.idle());
  const reconciler = new Reconciler(context, containers, attachments, foreign, sandboxes, lanes);
  const probes = shared.link && new Probes({
    store: shared.mirror.store,
    hostId,
    lease: () => membership.lease,
    listener: new ProbeListener({ runner, port: flags.overlayPort }),
    underlay: () => underlay.current,
    port: flags.overlayPort,
    fullSize: (from) => fullSize(context, from),
  });
  cleanup.defer(() => probes?.close());
  const doctor = new Doctor({
    ...{ context, runner, hosts, reconciler, probes, forwarder, leaseTtl },
    ...{
      underlay,
      link: shared.link,
      admission: shared.admission,
      exposure,
      resolvConf: hostResolvConf,
    },
  });

  reconciler.adopt();
  await hostAddresses?.retell();
  await storeFence?.refresh();
  let serving = false;
  /** After an absence all may be different. */
  const follow = () => {
    if (!serving) return;
    for (const id of state.networks.keys()) converger.touch(id);
    round();
  };
  await membership.start();
  // Known from now on, should the store go away before anybody asks.
  hosts.known().catch((error) =>
    log.warn("Cannot read the hosts: {cause}", { cause: errorChain(error).join(": ") })
  );
  await ensurePredefined(networks, defaults);
  await reconciler.run();
  const converger = new Converger(
    context,
    (container) => attachments.settleLeg(container),
  );
  cleanup.defer(() => converger.close());
  // What the rounds before changed, nobody has followed yet.
  for (const id of state.networks.keys()) converger.touch(id);
  const pluginRounds = rounds.plugins = new PluginRounds({
    ...{ context, intents, lanes, reconciler, ipams, hosts, networks, defaults },
  });
  cleanup.defer(() => pluginRounds.close());
  pluginRounds.run();
  containers.holdPorts();
  foreign.resume();
  const events = new EventLog(state);
  const docker = cleanup.use(
    new DockerApi({
      ...{ context, networks, services, attachments, backends, containers, foreign },
      ...{ engine, version, events },
    }),
  );
  const round = () => {
    (async () => {
      await underlay.refresh();
      await membership.refresh();
      await storeFence?.refresh();
      await ensurePredefined(networks, defaults);
      pluginRounds.run();
      await reconciler.run();
      const own = new Set([...state.containers.values()].map(({ record }) => record.ownNetwork));
      await shared.interests.sweep((id) =>
        own.has(id) || state.ownBackends(id).length > 0 || (plugin?.needs(id) ?? false)
      );
      await plugin?.serve();
      await plugin?.sweep();
    })().catch((error) =>
      log.error("Cannot reconcile: {cause}", { cause: errorChain(error).join(": ") })
    );
  };
  const unsubscribe = shared.link?.onBack(() => membership.hurry());
  cleanup.defer(() => unsubscribe?.());

  metrics.watch({
    networks: () => state.networks.size,
    services: () => state.services.size,
    attachedServices: () =>
      [...state.services.values()].filter(({ record }) => state.liveBackend(record)).length,
    containers: () => state.containers.size,
    sandboxes: () => sandboxes.size,
  });
  const app = {
    ...{
      networks,
      services,
      backends,
      containers,
      foreign,
      processes,
      renames,
      hosts,
      doctor,
      docker,
    },
    ...{ metrics, version, events },
    storeExposure: exposure,
    storeAway: () => {
      const since = shared.link?.away?.since;
      return since && Math.max(1, Math.round((Date.now() - since) / 1000));
    },
  };
  const credentials = new CredentialWatch(flags, read);
  cleanup.defer(() => credentials.close());
  const servers: (UnixServer | TcpApi)[] = [];
  cleanup.defer(async () => {
    await Promise.all(servers.map((server) => server.shutdown(SHUTDOWN_MS)));
  });
  const tcp: TcpApi[] = [];
  for (const address of addresses) {
    const api = createApp(app, guardFor(address, host, credentials));
    const handler: Handler = patient((request) => api.fetch(request));
    if (address.kind === "unix") {
      servers.push(await listenUnix(address.path, handler));
    } else {
      const server = new TcpApi(address, credentials.current, handler, addresses.length);
      servers.push(server);
      tcp.push(server);
    }
  }
  credentials.onRenewed = (renewed) => {
    for (const server of tcp) server.renew(credentials.current, renewed);
  };
  await plugin?.serve();
  // Not waited for: Docker may be starting, and waiting for this daemon itself.
  plugin?.sweep();
  serving = true;
  cleanup.defer(() => restarts.close());
  restarts.begin();
  const timer = setInterval(round, RECONCILE_MS);
  // Who has the host forward, or no longer, waits for netsvc to see it (Docker does when it starts).
  let forward = machine.othersForward?.();
  const forwardTimer = setInterval(() => {
    const now = machine.othersForward?.();
    if (now !== forward) round();
    forward = now;
    for (const driver of drivers.own()) {
      driver.look?.().then(
        (done) => done.forEach((line) => log.info("{line}", { line })),
        (error) => log.warn("{cause}", { cause: errorChain(error).join(": ") }),
      );
    }
  }, FORWARD_MS);
  cleanup.defer(() => clearInterval(forwardTimer));
  cleanup.defer(() => clearInterval(timer));
  log.info("netsvc {version} serves {hosts}, started in {ms} ms", {
    version: version.version,
    hosts: flags.hosts.join(", "),
    ms: Math.round(performance.now() - started),
  });
  const missing = NEEDED_TOOLS.filter((name) => findProgram(name) === undefined);
  if (missing.length > 0) {
    log.error("Started, but can't make networks: there is no {missing}. {remedies}", {
      missing: missing.join(", "),
      remedies: [...new Set(missing.map(installHint))].join("; "),
    });
  }
  // First of all, whatever is to be waited for: nothing waits for a plugin.
  cleanup.defer(() => plugins.close());
  const signal = await stopSignal(() => credentials.look());
  log.info("Stopping after {signal}; containers stay connected", { signal });
}

/** Makes what must be there; a network of the shared store comes when that is back. */
async function ensurePredefined(
  networks: Networks,
  defaults: { driver: string; network: string },
): Promise<void> {
  try {
    await networks.ensurePredefined(defaults);
  } catch (error) {
    if (!isAway(error)) throw error;
    log.warn("The default network isn't there yet: {cause}", {
      cause: errorChain(error).join(": "),
    });
  }
}

/** Resolves with the name of the first signal that ends the daemon. */
function stopSignal(onHangUp: () => void): Promise<string> {
  return new Promise((resolve) => {
    for (const signal of ["SIGTERM", "SIGINT"] as const) {
      Deno.addSignalListener(signal, () => resolve(signal));
    }
    // A terminal that closes doesn't end a daemon; an administrator says so that files are renewed.
    Deno.addSignalListener("SIGHUP", onHangUp);
  });
}
