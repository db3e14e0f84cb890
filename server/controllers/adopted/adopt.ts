/**
 * Containers that another program runs are adopted: their namespace is pinned, they have a record, and
 * can back services from then on.
 *
 * @module
 */
import { NetsvcError } from "../../../lib/api/errors.ts";
import type { PublishedPort } from "../../../lib/api/types.ts";
import { Signal } from "../../../lib/async/signal.ts";
import { namespaceNumber } from "../../../lib/linux/namespaces/namespace_identity.ts";
import type { ForeignContainer } from "../../engines/engine.ts";
import type { Machine } from "../../machine/machine.ts";
import { type AdoptedContainer, type Adoption, ownsSandbox } from "../../model/container.ts";
import { adoptedResolver } from "../../sandbox/files/adopted_files.ts";
import type { Sandboxes } from "../../sandbox/sandboxes.ts";
import type { Containers } from "../containers/containers.ts";
import { type Context, now } from "../context.ts";
import { containerLabel } from "../labels.ts";
import type { AdoptedReaper } from "./reap.ts";
import type { Release } from "./release.ts";

/** What {@linkcode Adopter} works with. */
export interface AdopterParts {
  machine: Pick<Machine, "look">;
  containers: Containers;
  sandboxes: Pick<Sandboxes, "adoptedFiles">;
  reaper: AdoptedReaper;
  release: Release;
}

/** What the caller knows of a container besides what its engine says. */
export interface AdoptOptions {
  ports?: PublishedPort[];
  /** Facts that override what an inspection of the container finds. */
  given?: Partial<Adoption>;
}

/** Adopts containers. */
export class Adopter {
  readonly #context: Context;
  readonly #parts: AdopterParts;
  /** Emits the runtime from which a container was adopted. */
  readonly adopted: Signal<string> = new Signal();

  constructor(context: Context, parts: AdopterParts) {
    this.#context = context;
    this.#parts = parts;
  }

  /** Adopts a running container; does nothing to one that is adopted. */
  async adopt(found: ForeignContainer, options: AdoptOptions = {}): Promise<void> {
    const equip = await this.adoptBare(found, options);
    try {
      await equip();
    } catch (error) {
      await this.#parts.release.ifIdle(found.id);
      throw error;
    }
  }

  /**
   * The first half of {@linkcode adopt}: afterwards the container can back services. It returns the second half,
   * which serves names inside the sandbox; the caller runs it beside other work.
   */
  async adoptBare(
    found: ForeignContainer,
    options: AdoptOptions = {},
  ): Promise<() => Promise<void>> {
    const { containers: { store, holder }, reaper } = this.#parts;
    const { id, running } = found;
    const label = containerLabel(found);
    if (!running) {
      throw new NetsvcError(
        "invalid",
        `Cannot attach the container "${label}" of ${found.runtime}: it isn't running; start it first`,
      );
    }
    await this.#context.locks.container(id, async () => {
      const known = store.get(id);
      if (known?.kind === "own") return;
      if (!known || known.state === "exited") {
        return await this.#record(found, running, { ...options, created: known?.created ?? now() });
      }
      if (reaper.isCurrent(known)) return;
      throw new NetsvcError(
        "conflict",
        `The container "${label}" was started again just now; try again`,
      );
    });
    this.adopted.emit(found.runtime);
    return () => holder.equip(id);
  }

  async #record(
    found: ForeignContainer,
    { namespace, process }: NonNullable<ForeignContainer["running"]>,
    { ports = [], given, created }: AdoptOptions & { created: string },
  ): Promise<void> {
    const { id, name, runtime, resolvConfPath, hostsPath } = found;
    this.#refuseSharing(found, namespace);
    const base: AdoptedContainer = {
      kind: "adopted",
      id,
      ...name !== undefined && { name },
      created,
      hostname: found.hostname ?? containerLabel(found),
      state: "running",
      ports,
      ...process && { running: process },
      runtime,
      namespace,
      ...await this.#parts.machine.look(namespace),
      resolver: "",
      upstreams: [],
      ...resolvConfPath !== undefined && { resolvConfPath },
      ...hostsPath !== undefined && { hostsPath },
    };
    const resolver = adoptedResolver(await this.#parts.sandboxes.adoptedFiles.nameservers(base));
    await this.#parts.containers.holder.adopt({ ...base, ...resolver, ...given });
    if (process) this.#parts.reaper.watch(id, process);
  }

  /** Refuses a shared namespace: a change would reach all its containers. @throws {NetsvcError} `invalid` */
  #refuseSharing(found: ForeignContainer, namespace: string): void {
    const number = namespaceNumber(namespace);
    if (number === undefined) return; // It is just ending.
    const other = this.#parts.containers.store.all().find((container) =>
      container.id !== found.id && ownsSandbox(container) && container.state !== "exited" &&
      namespaceNumber(this.#context.namespaces.path(container.id)) === number
    );
    if (!other) return;
    throw new NetsvcError(
      "invalid",
      `Cannot attach the container "${containerLabel(found)}": it shares the network of the ` +
        `container "${containerLabel(other)}"; attach that one`,
    );
  }

  /**
   * Completes the record of a container that was adopted while its engine was starting it: its process and its
   * host name.
   */
  async complete({ id, running, hostname }: ForeignContainer): Promise<void> {
    const { containers: { store }, reaper } = this.#parts;
    await this.#context.locks.container(id, async () => {
      const known = store.get(id);
      if (!running?.process || known?.kind !== "adopted" || known.running) return;
      const { namespace, process } = running;
      const pinned = namespaceNumber(this.#context.namespaces.path(id));
      if (pinned === undefined || pinned !== namespaceNumber(namespace)) return; // It runs in a later namespace.
      await store.changeAdopted(id, (container) => ({
        ...container,
        hostname: hostname ?? container.hostname,
        running: process,
        namespace,
      }));
      reaper.watch(id, process);
    });
  }
}
