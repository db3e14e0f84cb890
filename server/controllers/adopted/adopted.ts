/**
 * Containers that another program runs: taken in when one is to back a service, and let go when it
 * backs none any more or has ended.
 *
 * @module
 */
import type { EngineEvent, ForeignContainer } from "../../engines/engine.ts";
import type { Engines } from "../../engines/engines.ts";
import type { Machine } from "../../machine/machine.ts";
import { namespaceNumber } from "../../../lib/linux/namespaces/namespace_identity.ts";
import { noSuch } from "../../engines/unknown.ts";
import { foreignResolver } from "../../sandbox/files/adopted_files.ts";
import {
  type AdoptedContainer,
  type Adoption,
  type ContainerRecord,
  ifAdopted,
  ownsSandbox,
  runtimeOf,
} from "../../model/container.ts";
import type { ServiceRecord } from "../../model/records.ts";
import type { Stored } from "../../model/state.ts";
import { errorChain, NetsvcError } from "../../../lib/api/errors.ts";
import { dnsName, hostedName, shortId } from "../../../lib/api/names.ts";
import type { PublishedPort } from "../../../lib/api/types.ts";
import type { Attachments } from "../endpoints/attachments.ts";
import type { Containers } from "../containers/containers.ts";
import { type Context, decideAndCommit, log, now } from "../context.ts";
import { containerRecords } from "../../model/repository/containers.ts";
import { type DesiredEndpoint, followsServices } from "../../model/repository/desired.ts";
import type { Desired } from "./desired.ts";
import { findContainer } from "../lookup.ts";
import { containerLabel } from "../labels.ts";
import type { Services } from "../services/services.ts";

/** Engines that tell when a container starts. */
const WATCHED = ["docker", "podman"];

/** Controller of foreign containers. */
export class Foreign {
  readonly #context: Context;
  readonly #engines: Engines;
  readonly #desired: Desired;
  readonly #machine: Pick<Machine, "look">;
  readonly #containers: Containers;
  readonly #services: Services;
  readonly #attachments: Attachments;
  /** What ends the watch of each engine. */
  readonly #watches = new Map<string, AbortController>();
  readonly #ends: Promise<void>[] = [];

  constructor(
    context: Context,
    { engines, machine, desired }: {
      engines: Engines;
      machine: Pick<Machine, "look">;
      desired: Desired;
    },
    containers: Containers,
    services: Services,
    attachments: Attachments,
  ) {
    this.#context = context;
    this.#services = services;
    this.#engines = engines;
    this.#desired = desired;
    this.#machine = machine;
    this.#containers = containers;
    this.#attachments = attachments;
  }

  /**
   * The container that a user means: netsvc's own, else one that an engine of this host knows, which
   * is taken in.
   *
   * @throws {NetsvcError} `not_found`, `ambiguous`, `invalid` when it doesn't run
   */
  async find(reference: string): Promise<Stored<ContainerRecord>> {
    const own = this.#own(reference);
    if (own && own.record.state !== "exited") return own;
    const found = await this.#engines.find(reference);
    if (!found && own) return own;
    if (!found) {
      const unknown = noSuch(reference);
      if (unknown) throw unknown;
      return findContainer(this.#context.state, reference);
    }
    return await this.takeIn(found);
  }

  /**
   * Does something with the container that a user means; one of an engine's is adopted before, and
   * released when that fails.
   *
   * @throws {NetsvcError} as {@linkcode find}
   */
  async using<T>(
    reference: string,
    action: (container: ContainerRecord) => Promise<T>,
  ): Promise<T> {
    const { record } = await this.find(reference);
    try {
      const result = await action(record);
      await this.written(record.id);
      return result;
    } catch (error) {
      await this.letGo(record.id);
      throw error;
    }
  }

  #own(reference: string): Stored<ContainerRecord> | undefined {
    try {
      return findContainer(this.#context.state, reference);
    } catch (error) {
      if (error instanceof NetsvcError && error.code === "not_found") return undefined;
      throw error;
    }
  }

  /**
   * Takes a running container in; harmless when it is in already.
   *
   * @param given what is known better than a look at the container tells
   */
  async takeIn(
    found: ForeignContainer,
    ports: PublishedPort[] = [],
    given: Partial<Adoption> = {},
  ): Promise<Stored<ContainerRecord>> {
    const equip = await this.takeInBare(found, ports, given);
    try {
      await equip();
    } catch (error) {
      await this.letGo(found.id);
      throw error;
    }
    return this.#context.state.containers.get(found.id)!;
  }

  /**
   * The first half of {@linkcode takeIn}: it can back services from now on. The second half, which is
   * returned, makes names known inside; it is meant for when others work.
   */
  async takeInBare(
    found: ForeignContainer,
    ports: PublishedPort[] = [],
    given: Partial<Adoption> = {},
  ): Promise<() => Promise<void>> {
    const { id, running } = found;
    if (!running) {
      throw new NetsvcError(
        "invalid",
        `Cannot attach the container "${
          found.name ?? shortId(id)
        }" of ${found.runtime}: it isn't ` +
          `running; start it first`,
      );
    }
    const { locks, state } = this.#context;
    await locks.container(id, async () => {
      const known = state.containers.get(id)?.record;
      if (known?.kind === "own") return;
      if (known && known.state !== "exited" && this.isThere(known)) return;
      if (known && known.state !== "exited") {
        throw new NetsvcError(
          "conflict",
          `The container "${found.name ?? shortId(id)}" was started again just now; try again`,
        );
      }
      await this.#take(found, ports, given, known);
    });
    this.watchEngine(found.runtime);
    return () => this.#containers.equip(id);
  }

  async #take(
    found: ForeignContainer,
    ports: PublishedPort[],
    given: Partial<Adoption>,
    known: ContainerRecord | undefined,
  ): Promise<void> {
    const { id, running } = found;
    const { namespace, process } = running!;
    const other = this.#sharing(id, namespace);
    if (other) {
      throw new NetsvcError(
        "invalid",
        `Cannot attach the container "${
          found.name ?? shortId(id)
        }": it shares the network of the ` +
          `container "${containerLabel(other)}"; attach that one`,
      );
    }
    const { links, hasRoute } = await this.#machine.look(namespace);
    const base: AdoptedContainer = {
      kind: "adopted",
      id,
      ...found.name !== undefined && { name: found.name },
      created: known?.created ?? now(),
      hostname: found.hostname ?? found.name ?? shortId(id),
      state: "running",
      ports,
      ...process && { running: process },
      runtime: found.runtime,
      namespace,
      links,
      hasRoute,
      resolver: "",
      upstreams: [],
      ...found.resolvConfPath !== undefined && { resolvConfPath: found.resolvConfPath },
      ...found.hostsPath !== undefined && { hostsPath: found.hostsPath },
    };
    const resolver = foreignResolver(await this.#containers.nameservers(base));
    await this.#containers.takeInLocked({ ...base, ...resolver, ...given });
  }

  /** Another container with this network: what is one's is the other's. */
  #sharing(id: string, namespace: string): ContainerRecord | undefined {
    const { state, namespaces } = this.#context;
    const number = namespaceNumber(namespace);
    return [...state.containers.values()].map(({ record }) => record).find((record) =>
      record.id !== id && ownsSandbox(record) && record.state !== "exited" &&
      namespaceNumber(namespaces.path(record.id)) === number
    );
  }

  /**
   * Notes what has become known of a container that was taken in while it was still being started:
   * its process and its host name.
   */
  async complete({ id, running, hostname }: ForeignContainer): Promise<void> {
    const { locks, state } = this.#context;
    await locks.container(id, async () => {
      const known = state.containers.get(id)?.record;
      if (!running?.process || known?.kind !== "adopted" || known.running) return;
      const { namespace, process } = running;
      const pinned = namespaceNumber(this.#context.namespaces.path(id));
      if (pinned === undefined || pinned !== namespaceNumber(namespace)) return; // A later one.
      await decideAndCommit(state.local, () => {
        const stored = state.containers.get(id)!;
        const { record } = stored;
        const next: ContainerRecord = {
          ...record,
          hostname: hostname ?? record.hostname,
          running: process,
          ...record.kind === "adopted" && { namespace },
        };
        return { transaction: containerRecords.replace(stored, next), result: undefined };
      });
      this.#containers.watchExit(id, process);
    });
  }

  /** Answers when a container's files say what the state says by now. */
  written(id: string): Promise<void> {
    return this.#containers.written(id);
  }

  /** Whether a container that was taken in is the one that runs now. */
  isThere(record: AdoptedContainer): boolean {
    const path = this.#context.namespaces.path(record.id);
    const number = namespaceNumber(path);
    return number !== undefined && namespaceNumber(record.namespace) === number;
  }

  /** Lets a container go that backs nothing and isn't to follow anything. */
  async letGo(id: string): Promise<void> {
    await this.#context.locks.container(id, () => this.letGoLocked(id));
  }

  /** {@linkcode letGo} for those who hold the lock of the container. */
  async letGoLocked(id: string): Promise<void> {
    const { state } = this.#context;
    const record = state.containers.get(id)?.record;
    if (record?.kind !== "adopted" || followsServices(state.local, id)) return;
    if (state.servicesBackedBy(id).length > 0) return;
    await this.#containers.forgetLocked(id);
  }

  /** Follows what an engine tells, from the first container of it on. */
  watchEngine(runtime: string): void {
    const engine = WATCHED.includes(runtime) ? this.#engines.get(runtime) : undefined;
    if (!engine || this.#watches.has(runtime)) return;
    const abort = new AbortController();
    this.#watches.set(runtime, abort);
    this.#ends.push(engine.watch((event) => this.#heard(runtime, event), abort.signal));
  }

  /** Takes up what earlier daemons began: watches, and what happened meanwhile. */
  resume(): void {
    for (const { record } of this.#context.state.containers.values()) {
      if (record.kind === "adopted") this.watchEngine(record.runtime);
    }
  }

  #heard(runtime: string, event: EngineEvent): void {
    const concerned = event.type === "gap"
      ? [...this.#context.state.containers.values()].map(({ record }) => record)
        .filter((record) => runtimeOf(record) === runtime).map(({ id }) => id)
      : [event.id];
    for (const id of concerned) {
      if (!ifAdopted(this.#context.state.containers.get(id)?.record)) continue;
      const look = event.type === "rename"
        ? this.#lookAtName(runtime, id)
        : this.#lookAt(runtime, id);
      look.catch((error) =>
        log.warn("Cannot follow container {id}: {cause}", {
          id: shortId(id),
          cause: errorChain(error).join(": "),
        })
      );
    }
  }

  /** A container and the services that are named after it are called what its engine calls it. */
  async #lookAtName(runtime: string, id: string): Promise<void> {
    const found = await this.#engines.get(runtime)!.find(id);
    if (found?.name === undefined) return;
    const { locks, state } = this.#context;
    await locks.container(id, async () => {
      const record = state.containers.get(id)?.record;
      if (record?.kind !== "adopted" || record.name === found.name) return;
      for (const { record: service } of state.servicesBackedBy(id)) {
        await this.#renameService(service, record.name ?? "", found.name!);
      }
      await decideAndCommit(state.local, () => {
        const stored = state.containers.get(id);
        if (!stored) return { transaction: {}, result: undefined };
        const next = { ...stored.record, name: found.name! };
        return { transaction: containerRecords.replace(stored, next), result: undefined };
      });
    });
  }

  /** One that is only its container's has its name, or one like it where that was another's. */
  async #renameService(
    { id, name, auto, backend }: ServiceRecord,
    before: string,
    containerName: string,
  ): Promise<void> {
    const { host } = this.#context;
    const own = auto === backend!.container &&
      [dnsName(before), hostedName(before, host)].includes(name);
    const names = own ? [dnsName(containerName), hostedName(containerName, host), name] : [name];
    for (const next of names) {
      try {
        return await this.#services.amend(id, { name: next, containerName });
      } catch (error) {
        if (!(error instanceof NetsvcError) || error.code !== "exists") throw error;
      }
    }
  }

  /** Settles a container that has ended, and attaches one again that was started. */
  async #lookAt(runtime: string, id: string): Promise<void> {
    await this.#containers.settle(id);
    const record = this.#context.state.containers.get(id)?.record;
    if (record?.kind !== "adopted") return;
    if (record.state !== "exited") return await this.#lookAtName(runtime, id);
    const found = await this.#engines.get(runtime)!.find(id);
    if (!found) return void await this.#containers.forget(id); // Its engine has removed it.
    if (found.running) await this.#follow(found, record);
  }

  async #follow(found: ForeignContainer, record: AdoptedContainer): Promise<void> {
    await this.takeIn(found, record.ports);
    for (const follow of this.#desired.followed(found.id)) {
      try {
        await this.#attachAgain(found.id, follow);
      } catch (error) {
        log.warn("Cannot attach container {name} again: {cause}", {
          name: record.name ?? shortId(record.id),
          cause: errorChain(error).join(": "),
        });
      }
    }
  }

  async #attachAgain(
    id: string,
    { service, network, links }: DesiredEndpoint,
  ): Promise<void> {
    const { locks, state } = this.#context;
    if (state.networks.has(network)) await this.#services.ensure(network);
    await locks.container(
      id,
      async () => void await this.#attachments.attachHere(service!, id, links),
    );
  }

  /** Ends the watches. */
  async close(): Promise<void> {
    for (const abort of this.#watches.values()) abort.abort();
    await Promise.all(this.#ends);
  }
}
