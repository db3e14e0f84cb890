/**
 * Containers on networks, as `docker network connect` and `disconnect` ask for them: changes what is desired of the
 * container and, where it runs, its attachments.
 *
 * @module
 */
import { NetsvcError } from "../../../lib/api/errors.ts";
import type { Docker } from "../../engines/docker/docker.ts";
import type { Inspected } from "../../engines/docker/inspected.ts";
import type { OwnContainer } from "../../model/container.ts";
import type { NetworkRecord } from "../../model/records.ts";
import type { DesiredEndpoint } from "../../model/repository/desired.ts";
import type { AdoptedContainers } from "../adopted/adopted.ts";
import type { Backends } from "../adopted/backends.ts";
import type { Desired, DesiredNetworks } from "../adopted/desired.ts";
import type { Context } from "../context.ts";
import { findContainer } from "../lookup.ts";
import type { Services } from "../services/services.ts";
import type { DesiredEndpoints } from "./desired_endpoints.ts";
import type { Labels } from "./labels.ts";
import { noSuchContainer, notConnected } from "./names.ts";
import type { Starts } from "./starts.ts";

/** What connections are made with. */
export interface ConnectionsOptions {
  context: Context;
  services: Services;
  backends: Backends;
  adopted: AdoptedContainers;
  engine: Docker;
  desired: Desired;
  labels: Labels;
  endpoints: DesiredEndpoints;
  starts: Starts;
}

/** A container that a client names: netsvc's own, or one of the engine's. */
type Given = { own: OwnContainer } | { own?: never; inspected: Inspected };

/** Puts containers on networks and takes them off. */
export class Connections {
  readonly #options: ConnectionsOptions;

  constructor(options: ConnectionsOptions) {
    this.#options = options;
  }

  /** A container of the engine's. @throws {NetsvcError} `not_found` in Docker's words */
  async inspect(reference: string): Promise<Inspected> {
    checkGiven(reference);
    const inspected = await this.#options.engine.inspect(reference);
    if (!inspected) throw noSuchContainer(reference);
    return inspected;
  }

  /** The container that a client names; `undefined` when it doesn't exist. */
  async #find(reference: string): Promise<Given | undefined> {
    checkGiven(reference);
    const own = this.#own(reference);
    if (own) return { own };
    const inspected = await this.#options.engine.inspect(reference);
    return inspected && { inspected };
  }

  /** A container that netsvc made. */
  #own(reference: string): OwnContainer | undefined {
    try {
      const { record } = findContainer(this.#options.context.state, reference);
      return record.kind === "own" ? record : undefined;
    } catch (error) {
      if (error instanceof NetsvcError && error.code === "not_found") return undefined;
      throw error;
    }
  }

  /** Refuses a link to a container that doesn't exist, in Docker's words. @throws {NetsvcError} `invalid` */
  async checkLink(name: string): Promise<void> {
    if (this.#own(name) || await this.#options.engine.inspect(name)) return;
    throw new NetsvcError(
      "invalid",
      `could not get container for ${name}: No such container: ${name}`,
    );
  }

  /** Puts a container on a network, now if it runs, and at each start. */
  async connect(given: string, endpoint: DesiredEndpoint): Promise<void> {
    const { context, endpoints } = this.#options;
    const reference = withoutSlash(given);
    const found = await this.#find(reference);
    if (!found) throw noSuchContainer(reference);
    if (found.own) {
      const { id, name = "" } = found.own;
      return await endpoints.attach({ id, name }, endpoint);
    }
    const { inspected } = found;
    refuseShared(inspected);
    await context.locks.docker(inspected.Id, async () => {
      const desired = await this.#desiredOf(inspected, true);
      if (endpoints.of(desired, endpoint.network) || endpoints.backed(inspected.Id, endpoint)) {
        throw new NetsvcError(
          "forbidden",
          `endpoint with name ${inspected.Name} already exists in network ${endpoint.name}`,
        );
      }
      await this.#connect(inspected, desired, endpoint);
    });
  }

  /** For callers that hold the container's lock. */
  async #connect(
    { Id: id, Name: name, ...inspected }: Inspected,
    desired: DesiredNetworks,
    endpoint: DesiredEndpoint,
  ): Promise<void> {
    const { adopted, backends, endpoints, starts } = this.#options;
    const store = this.#options.desired;
    const save = () => store.save(id, { ...desired, endpoints: [...desired.endpoints, endpoint] });
    if (!inspected.State.Running) return await save();
    const equip = await starts.adopt({ ...inspected, Id: id, Name: name });
    const attached = endpoints.attach({ id, name }, endpoint);
    const done = await Promise.allSettled([attached, save(), equip()]);
    const failure = done.find((result) => result.status === "rejected");
    if (!failure) return;
    await store.save(id, desired);
    const service = endpoints.backed(id, endpoint);
    if (service) await backends.end(service.id);
    await adopted.release.ifIdle(id);
    throw failure.reason;
  }

  /** Takes a container off a network; with `force`, also one that no longer exists. */
  async disconnect(network: NetworkRecord, given: string, force: boolean): Promise<void> {
    const { services, endpoints } = this.#options;
    const reference = withoutSlash(given);
    checkGiven(reference);
    await services.ensure(network.id);
    const found = await this.#find(reference);
    if (found?.own) return await endpoints.end({ id: found.own.id, name: reference }, network);
    if (found) return await this.#disconnect(network, found.inspected);
    if (!force) throw noSuchContainer(reference);
    await this.#cut(network, reference);
  }

  async #disconnect(network: NetworkRecord, inspected: Inspected): Promise<void> {
    const { context, desired: store, endpoints } = this.#options;
    const { Id: id, Name: name } = inspected;
    await context.locks.docker(id, async () => {
      const desired = await this.#desiredOf(inspected);
      const isNone = network.driver === "null" && desired.mode === "none";
      // A container on `none` has no record until it is connected to a network.
      if (isNone && !store.networks(id)) return await store.save(id, desired);
      const left = endpoints.of(desired, network.id);
      const others = desired.endpoints.filter((endpoint) => endpoint !== left);
      const known = left !== undefined;
      const on = !known || endpoints.backed(id, { network: network.id, name: network.name });
      await Promise.all([
        on ? endpoints.end({ id, name }, network) : undefined,
        known ? store.save(id, { ...desired, endpoints: others }) : undefined,
      ]);
    });
  }

  /** Ends the service of a container that no longer exists. */
  async #cut(network: NetworkRecord, reference: string): Promise<void> {
    const { context, backends } = this.#options;
    const left = context.state.servicesOf(network.id).map(({ record }) => record).find((service) =>
      (service.mode === "single" && service.of === undefined && service.name === reference) ||
      service.backend?.container === reference ||
      service.backend?.containerName === reference
    );
    if (!left) throw notConnected(reference, network);
    await backends.end(left.id);
  }

  /** @param joining the container is to be on one more network */
  async #desiredOf(inspected: Inspected, joining = false): Promise<DesiredNetworks> {
    const desired = await this.#options.labels.networks(inspected);
    if (desired) return desired;
    const mode = inspected.HostConfig.NetworkMode ?? "default";
    if (joining && mode === "none") {
      throw new NetsvcError(
        "invalid",
        "container cannot be connected to multiple networks with one of the networks in private " +
          "(none) mode; disconnect it from none first",
      );
    }
    return { mode, endpoints: [] };
  }
}

/** Refuses a container that shares another's network. @throws {NetsvcError} `invalid` in Docker's words */
function refuseShared({ HostConfig }: Inspected): void {
  if (!/^(container:|host$)/.test(HostConfig.NetworkMode ?? "")) return;
  throw new NetsvcError(
    "invalid",
    "container sharing network namespace with another container or host cannot be connected to " +
      "any other network",
  );
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
