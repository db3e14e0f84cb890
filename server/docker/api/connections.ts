/**
 * Containers on networks, as `docker network connect`, `docker run --net` and Compose ask for them:
 * a container is a service under its name, published when it comes and ended when it goes.
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
import { sleep } from "../../../lib/async/sleep.ts";
import { readFileSync } from "../../../lib/linux/libc.ts";
import { inNamespace } from "../../../lib/linux/namespaces/namespace.ts";
import type { Backends } from "../../controllers/adopted/backends.ts";
import type { Attachments } from "../../controllers/endpoints/attachments.ts";
import type { Containers } from "../../controllers/containers/containers.ts";
import type { Context } from "../../controllers/context.ts";
import type { Foreign } from "../../controllers/adopted/adopted.ts";
import { findContainer, findNetwork } from "../../controllers/lookup.ts";
import type { Services } from "../../controllers/services/services.ts";
import { type Inspected, toForeign } from "../../engines/docker/inspected.ts";
import { ifAdopted } from "../../model/container.ts";
import type { NetworkRecord, ServiceRecord } from "../../model/records.ts";
import { errorChain, NetsvcError } from "../../../lib/api/errors.ts";
import { hostedName, shortId } from "../../../lib/api/names.ts";
import type { PublishService } from "../../../lib/api/types.ts";
import type { Docker } from "../../engines/docker/docker.ts";
import { noSuchContainer, noSuchNetwork } from "./errors.ts";
import { dockerName, withDockerName } from "./networks/network_names.ts";
import { INTERFACE_PREFIX } from "./networks/network_options.ts";
import { Restarts } from "./containers/restarts.ts";
import {
  inOrder,
  publishedPorts,
  serviceName,
  type WantedEndpoint,
  type WantedNetworks,
} from "./wanted.ts";
import { WantedStore } from "./wanted_store.ts";

const log = getLogger(["netsvc", "docker"]);

/** Attempts at a container that is just being settled by others, and the pause between them. */
const TRIES = 50, PAUSE_MS = 100;

/** What connections are made with. */
export interface ConnectionsOptions {
  context: Context;
  services: Services;
  attachments: Attachments;
  backends: Backends;
  containers: Containers;
  foreign: Foreign;
  engine: Docker;
}

/** Puts containers on networks and takes them off. */
export class Connections implements AsyncDisposable {
  readonly #options: ConnectionsOptions;
  readonly #restarts: Restarts;
  /** What is wanted of containers. */
  readonly store: WantedStore;
  /** Why a container couldn't be started, of those that couldn't when it was tried last. */
  readonly failures = new Map<string, string>();
  /** Ports that containers expose, as `80/tcp`, published or not. */
  readonly exposed = new Map<string, string[]>();

  constructor(options: ConnectionsOptions) {
    this.#options = options;
    const { state } = options.context;
    this.store = new WantedStore({
      local: state.local,
      engine: options.engine,
      isAttached: (container) => state.servicesBackedBy(container).length > 0,
    });
    options.services.reserved.push((network) => this.store.fixedAddresses(network));
    this.#restarts = new Restarts(state, async (inspected, signal) => {
      const wanted = await this.store.of(inspected);
      if (wanted) await this.#plugEarly(inspected, wanted, signal);
    });
  }

  /** Waits for no container any more. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.#restarts[Symbol.asyncDispose]();
  }

  /** A network by reference. @throws {NetsvcError} `not_found` in Docker's words, `ambiguous` */
  network(reference: string): NetworkRecord {
    const { state } = this.#options.context;
    try {
      const exact = state.networks.get(reference)?.record ?? this.#named(reference);
      return exact ?? findNetwork(state, reference).record;
    } catch (error) {
      const missing = error instanceof NetsvcError && error.code === "not_found";
      throw missing ? noSuchNetwork(reference) : error;
    }
  }

  /** A container of the engine's. @throws {NetsvcError} `not_found` in Docker's words */
  async inspect(reference: string): Promise<Inspected> {
    checkGiven(reference);
    const inspected = await this.#options.engine.inspect(reference);
    if (!inspected) throw noSuchContainer(reference);
    return inspected;
  }

  /** Refuses a link to a container that isn't there, in Docker's words. @throws {NetsvcError} `invalid` */
  async checkLink(name: string): Promise<void> {
    if (this.#own(name) || await this.#options.engine.inspect(name)) return;
    throw new NetsvcError(
      "invalid",
      `could not get container for ${name}: No such container: ${name}`,
    );
  }

  /** Puts a container on a network, now if it runs and whenever it is started. */
  async connect(given: string, endpoint: WantedEndpoint): Promise<void> {
    const reference = withoutSlash(given);
    const own = this.#own(reference);
    if (own) return await this.#plug({ id: own.id, name: own.name ?? "" }, endpoint);
    const inspected = await this.inspect(reference);
    const { Id: id, Name: name } = inspected;
    if (/^(container:|host$)/.test(inspected.HostConfig.NetworkMode ?? "")) {
      throw new NetsvcError(
        "invalid",
        "container sharing network namespace with another container or host cannot be connected to " +
          "any other network",
      );
    }
    await this.#locked(id, async () => {
      if (!await this.store.of(inspected) && inspected.HostConfig.NetworkMode === "none") {
        throw new NetsvcError(
          "invalid",
          "container cannot be connected to multiple networks with one of the networks in private " +
            "(none) mode; disconnect it from none first",
        );
      }
      const wanted = await this.#wantedOf(inspected);
      if (this.#endpointOf(wanted, endpoint.network) || this.#backed(id, endpoint)) {
        throw new NetsvcError(
          "forbidden",
          `endpoint with name ${name} already exists in network ${endpoint.name}`,
        );
      }
      const save = () =>
        this.store.save(id, { ...wanted, endpoints: [...wanted.endpoints, endpoint] });
      if (!inspected.State.Running) return await save();
      const equip = await this.#takeIn(inspected);
      const plugging = this.#plug({ id, name }, endpoint);
      plugging.catch(() => {}); // Heard of below.
      // The first that is asked for is the first that is done: the others are beside it.
      await new Promise((resolve) => setTimeout(resolve));
      const done = await Promise.allSettled([plugging, save(), Promise.try(equip)]);
      const failure = done.find((result) => result.status === "rejected");
      if (!failure) return;
      await this.store.save(id, wanted);
      const service = this.#backed(id, endpoint);
      if (service) await this.#options.backends.end(service.id);
      await this.#options.foreign.letGo(id);
      throw failure.reason;
    });
  }

  /** Takes a container off a network; with `force` one that nobody knows any more, too. */
  async disconnect(network: NetworkRecord, given: string, force: boolean): Promise<void> {
    const reference = withoutSlash(given);
    checkGiven(reference);
    const { context, services, engine } = this.#options;
    await services.ensure(network.id);
    const own = this.#own(reference);
    if (own) return await this.#unplug(own.id, reference, network);
    const inspected = await engine.inspect(reference);
    if (inspected) {
      const id = inspected.Id;
      return await this.#locked(id, async () => {
        const wanted = await this.#wantedOf(inspected);
        const isNone = network.driver === "null" && wanted.mode === "none";
        // Of one that is on none netsvc has nothing to keep, until it no longer is.
        if (isNone && !this.store.get(id)) return await this.store.save(id, wanted);
        const left = this.#endpointOf(wanted, network.id);
        const endpoints = wanted.endpoints.filter((endpoint) => endpoint !== left);
        const known = left !== undefined;
        const unplug = !known || this.#backed(id, { network: network.id, name: network.name });
        await Promise.all([
          unplug ? this.#unplug(id, inspected.Name, network) : undefined,
          known ? this.store.save(id, { ...wanted, endpoints }) : undefined,
        ]);
      });
    }
    if (!force) throw noSuchContainer(reference);
    const left = context.state.servicesOf(network.id).map(({ record }) => record).find((service) =>
      service.name === reference || service.backend?.container === reference ||
      service.backend?.containerName === reference
    );
    if (!left) throw notConnected(reference, network);
    await this.#options.backends.end(left.id);
  }

  /** A container that netsvc made. */
  #own(reference: string): { id: string; name?: string } | undefined {
    try {
      const { record } = findContainer(this.#options.context.state, reference);
      return record.kind === "own" ? record : undefined;
    } catch (error) {
      if (error instanceof NetsvcError && error.code === "not_found") return undefined;
      throw error;
    }
  }

  async #wantedOf(inspected: Inspected): Promise<WantedNetworks> {
    return await this.store.of(inspected) ??
      { mode: inspected.HostConfig.NetworkMode ?? "default", endpoints: [] };
  }

  #named(name: string): NetworkRecord | undefined {
    const { networks } = this.#options.context.state;
    return withDockerName(networks.values().map(({ record }) => record), name);
  }

  #endpointOf(wanted: WantedNetworks, network: string): WantedEndpoint | undefined {
    return wanted.endpoints.find((endpoint) => this.#networkOf(endpoint)?.id === network);
  }

  /** The network that an endpoint is for: one that was made again under the same name is as good. */
  #networkOf({ network, name }: Pick<WantedEndpoint, "network" | "name">) {
    const { state } = this.#options.context;
    return state.networks.get(network)?.record ?? this.#named(name) ??
      state.networkByName(name)?.record;
  }

  /** The service that a container backs on a network. */
  #backed(
    container: string,
    endpoint: Pick<WantedEndpoint, "network" | "name">,
  ): ServiceRecord | undefined {
    const network = this.#networkOf(endpoint)?.id;
    return this.#options.context.state.servicesBackedBy(container)
      .find(({ record }) => record.network === network)?.record;
  }

  /** Takes a running container in, with its ports; as {@linkcode Foreign.takeInBare}. */
  async #takeIn(inspected: Inspected): Promise<() => Promise<void>> {
    const { foreign } = this.#options;
    for (let i = 1;; i++) {
      try {
        const found = toForeign("docker", inspected);
        const mine = this.store.get(inspected.Id);
        return await foreign.takeInBare(found, mine ? publishedPorts(inspected) : []);
      } catch (error) {
        const early = error instanceof NetsvcError && error.code === "conflict" && i < TRIES;
        if (!early) throw error;
        await this.ended(inspected.Id);
        await sleep(PAUSE_MS);
      }
    }
  }

  /** What a container is on a network, and the service if somebody has published it. */
  async #offer(
    { id, name }: { id: string; name: string },
    endpoint: WantedEndpoint,
  ): Promise<{ request: PublishService; existing: string | undefined }> {
    const { services } = this.#options;
    const network = this.#networkOf(endpoint) ?? this.network(endpoint.name);
    await services.ensure(network.id);
    const mac = this.#freeMac(network, name, endpoint.mac);
    const request: PublishService = {
      name: this.#freeName(network.id, serviceName(name, id)),
      network: network.id,
      aliases: [...new Set(endpoint.aliases)],
      ips: endpoint.ips,
      ...mac !== undefined && { mac },
    };
    return { request, existing: services.named(network.id, request.name)?.record.id };
  }

  /**
   * A MAC address that was asked for, unless another has it: Compose's `run` makes a second container
   * with the settings of the first.
   */
  #freeMac({ id, name }: NetworkRecord, container: string, mac: string | undefined) {
    const service = this.#options.services.named(id, serviceName(container, ""))?.record;
    const free = mac === undefined || service?.mac === mac.toLowerCase() ||
      !this.#options.context.state.hasMac(id, mac.toLowerCase());
    if (free) return mac;
    log.warn(
      'The MAC address {mac} of container "{container}" is used on network "{name}" already; it has ' +
        "another one",
      { mac, container, name },
    );
    return undefined;
  }

  /** A container's name, unless a container of another host has it on the network. */
  #freeName(network: string, name: string): string {
    const { services, context } = this.#options;
    const other = services.named(network, name)?.record;
    const live = other && context.state.liveBackend(other);
    const isOthers = live !== undefined && live.hostId !== context.hostId;
    return isOthers ? hostedName(name, context.host) : name;
  }

  /** Publishes the service that a container is on a network, unless somebody has. */
  async #publish(container: { id: string; name: string }, endpoint: WantedEndpoint): Promise<void> {
    const { request, existing } = await this.#offer(container, endpoint);
    if (existing !== undefined) return;
    await this.#options.services.publish(request, { auto: container.id });
  }

  /** Makes a container that was taken in the backend of its service, published or not. */
  async #plug(container: { id: string; name: string }, endpoint: WantedEndpoint): Promise<void> {
    const { backends, context } = this.#options;
    const isAdopted = ifAdopted(context.state.containers.get(container.id)?.record) !== undefined;
    const { request, existing } = await this.#offer(container, endpoint);
    const prefix = this.#networkOf(endpoint)?.docker?.options?.[INTERFACE_PREFIX];
    const backend = {
      container: container.id,
      aliases: endpoint.links,
      // Containers of netsvc's own are joined one by one, and who was there first leads out.
      ...(isAdopted || endpoint.gwPriority) && { gwPriority: endpoint.gwPriority ?? 0 },
      ...endpoint.interface !== undefined && { interface: endpoint.interface },
      ...prefix !== undefined && { prefix },
    };
    if (existing !== undefined) await backends.attach(existing, backend);
    else await backends.publishAttached(request, { auto: container.id }, backend);
  }

  async #unplug(id: string, name: string, network: NetworkRecord): Promise<void> {
    const service = this.#backed(id, { network: network.id, name: network.name });
    if (!service) throw notConnected(name, network);
    await this.#options.backends.end(service.id);
  }

  async #unpublish(service: string): Promise<void> {
    const { services, context } = this.#options;
    // A container that is let go takes its own services along.
    if (context.state.services.has(service)) await services.unpublish(service);
  }

  /**
   * Starts a container: its services are published first, so that what is wrong with their names and
   * addresses is found before it runs, and it is plugged into them as soon as it does.
   *
   * @param start has the engine start it, and tells whether that did
   */
  async start<T>(inspected: Inspected, start: () => Promise<{ ok: boolean; result: T }>) {
    const { Id: id, Name: name } = inspected;
    this.failures.delete(id);
    return await this.#locked(id, async () => {
      await this.store.adopt();
      const wanted = await this.store.of(inspected);
      if (wanted && !inspected.State.Running) {
        try {
          for (const endpoint of inOrder(wanted.endpoints)) {
            await this.#publish({ id, name }, endpoint);
          }
          this.#tryPorts(inspected);
        } catch (error) {
          await this.ended(id);
          throw error;
        }
      }
      this.#restarts.forget(id);
      const begun = new AbortController();
      // One that runs has another first process after its restart.
      const early = wanted && this.#plugEarly(inspected, wanted, begun.signal);
      const { ok, result } = await start().finally(() => begun.abort());
      await early;
      if (inspected.State.Running || !ok) await this.ended(id);
      if (ok) await this.#started(id);
      return result;
    }).catch((error) => {
      if (!inspected.State.Running) this.failures.set(id, errorChain(error)[0]!);
      throw error;
    });
  }

  /** Finds out that a port is taken before the container runs. */
  #tryPorts(inspected: Inspected): void {
    const { containers, context } = this.#options;
    containers.takePorts(inspected.Id, publishedPorts(inspected), () => undefined);
    context.ports.release(inspected.Id);
  }

  /**
   * Plugs a container in while the engine is still about to start it. Where that doesn't work out it
   * is plugged in a moment later, when it runs.
   */
  async #plugEarly(inspected: Inspected, wanted: WantedNetworks, signal: AbortSignal) {
    const { Id: id, Name: name } = inspected;
    try {
      const found = toForeign("docker", inspected);
      const ports = publishedPorts(inspected);
      await this.#options.foreign.takeInEarly(found, ports, signal, async () => {
        for (const endpoint of inOrder(wanted.endpoints)) await this.#plug({ id, name }, endpoint);
      });
    } catch (error) {
      log.debug("Container {name} is plugged in later: {cause}", {
        name,
        cause: errorChain(error).join(": "),
      });
    }
  }

  /** Puts a running container on all its networks; harmless when it is. */
  async #started(id: string): Promise<void> {
    const inspected = await this.#options.engine.inspect(id);
    if (!inspected?.State.Running) return await this.ended(id);
    const { ExposedPorts } = inspected.Config;
    this.exposed.set(id, [
      ...new Set(
        [ExposedPorts, inspected.HostConfig.PortBindings].flatMap((map) => Object.keys(map ?? {})),
      ),
    ]);
    const wanted = this.store.get(id);
    if (wanted) this.#restarts.runs(inspected);
    const missing = inOrder(wanted?.endpoints ?? [])
      .filter((endpoint) => !this.#backed(id, endpoint));
    try {
      if (missing.length > 0) await (await this.#takeIn(inspected))();
      for (const endpoint of missing) await this.#plug({ id, name: inspected.Name }, endpoint);
      await this.#mendIpv6(id);
    } catch (error) {
      await this.#options.foreign.letGo(id);
      // It may have ended meanwhile, which is nothing wrong with its networks.
      if (await this.#lives(id)) throw error;
      await this.ended(id);
    }
  }

  /**
   * Engines before version 28 switch IPv6 off in the namespaces of containers that are on none of their
   * own networks with it, just before the first instruction, and with it go the addresses that were there.
   */
  async #mendIpv6(id: string): Promise<void> {
    const { attachments, context } = this.#options;
    for (const { record } of context.state.servicesBackedBy(id)) {
      if (!record.addresses.some((address) => address.includes(":"))) continue;
      const path = `/proc/sys/net/ipv6/conf/${record.backend!.interface}/disable_ipv6`;
      const off = inNamespace(context.namespaces.path(id), () => readFileSync(path).trim() === "1");
      if (off) await attachments.mend(record.id);
    }
  }

  /** Whether a container runs; the engine hears later than others that its process is gone. */
  async #lives(id: string): Promise<boolean> {
    for (let i = 0; i < TRIES; i++) {
      const inspected = await this.#options.engine.inspect(id);
      if (!inspected?.State.Running) return false;
      if (toForeign("docker", inspected).running) return true;
      await sleep(PAUSE_MS);
    }
    return true;
  }

  /** Takes a container that has ended off its networks; does nothing to one that lives. */
  async ended(id: string): Promise<void> {
    const { containers, context } = this.#options;
    if (ifAdopted(context.state.containers.get(id)?.record)) await containers.settle(id);
    if (context.state.containers.has(id)) return;
    // Published before a start that failed.
    for (const { record } of [...context.state.services.values()]) {
      if (record.auto === id && !record.backend) await this.#unpublish(record.id);
    }
  }

  /** Forgets a container that was removed. */
  async removed(id: string): Promise<void> {
    this.#restarts.forget(id);
    await this.ended(id);
    this.failures.delete(id);
    this.exposed.delete(id);
    await this.store.save(id, undefined);
  }

  #locked<T>(id: string, action: () => Promise<T>): Promise<T> {
    return this.#options.context.locks.docker(id, action);
  }

  /** Brings containers where they belong that changed without this daemon's knowing. */
  async catchUp(): Promise<void> {
    await this.store.adopt();
    for (const id of this.store.ids()) {
      await this.follow(id).catch((error) =>
        log.warn("Cannot connect container {id}: {cause}", {
          id: shortId(id),
          cause: errorChain(error).join(": "),
        })
      );
    }
  }

  /** Forgets a container that the engine has removed by itself: `--rm`, `docker container prune`. */
  async forgetIfGone(id: string): Promise<void> {
    if (!this.store.get(id)) return;
    await this.#locked(id, async () => {
      const { engine } = this.#options;
      if (!await engine.client.isThere() || await engine.inspect(id)) return;
      await this.removed(id);
      log.debug("Container {id} is gone", { id });
    });
  }

  /** Looks at one container that something has happened to. */
  async follow(id: string): Promise<void> {
    await this.#locked(id, async () => {
      const { engine } = this.#options;
      if (!await engine.client.isThere()) return;
      const inspected = await engine.inspect(id);
      if (!inspected) return await this.removed(id);
      await this.store.of(inspected);
      await this.#started(id);
    });
  }
}

/** Docker's inspection shows names with a slash, and clients send them back so. */
function withoutSlash(name: string): string {
  return name.replace(/^\//, "");
}

/** @throws {NetsvcError} `invalid` in Docker's words */
function checkGiven(reference: string): void {
  if (reference !== "") return;
  throw new NetsvcError("invalid", "invalid container name or ID: value is empty");
}

function notConnected(container: string, network: NetworkRecord): NetsvcError {
  return new NetsvcError(
    "forbidden",
    `container ${container} is not connected to network ${dockerName(network)}`,
  );
}
