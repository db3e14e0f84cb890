/**
 * Containers that another program runs: taken in when one is to back a service, and let go when it
 * backs none any more or has ended.
 *
 * @module
 */
import { Signal } from "../../../lib/async/signal.ts";
import type { ForeignContainer } from "../../engines/engine.ts";
import type { Engines } from "../../engines/engines.ts";
import type { Machine } from "../../machine/machine.ts";
import { namespaceNumber } from "../../../lib/linux/namespaces/namespace_identity.ts";
import { noSuch } from "../../engines/unknown.ts";
import { foreignResolver } from "../../sandbox/files/adopted_files.ts";
import {
  type AdoptedContainer,
  type Adoption,
  type ContainerRecord,
  ownsSandbox,
} from "../../model/container.ts";
import type { Stored } from "../../model/state.ts";
import { NetsvcError } from "../../../lib/api/errors.ts";
import { shortId } from "../../../lib/api/names.ts";
import type { PublishedPort } from "../../../lib/api/types.ts";
import type { Containers } from "../containers/containers.ts";
import { type Context, decideAndCommit, now } from "../context.ts";
import { containerRecords } from "../../model/repository/containers.ts";
import { followsServices } from "../../model/repository/desired.ts";
import { findContainer } from "../lookup.ts";
import { containerLabel } from "../labels.ts";

/** Controller of foreign containers. */
export class Foreign {
  readonly #context: Context;
  readonly #engines: Engines;
  readonly #machine: Pick<Machine, "look">;
  readonly #containers: Containers;
  /** Emits the name of the engine when a container of it is adopted. */
  readonly adopted = new Signal<string>();

  constructor(
    context: Context,
    { engines, machine, containers }: {
      engines: Engines;
      machine: Pick<Machine, "look">;
      containers: Containers;
    },
  ) {
    this.#context = context;
    this.#engines = engines;
    this.#machine = machine;
    this.#containers = containers;
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
    this.adopted.emit(found.runtime);
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
}
