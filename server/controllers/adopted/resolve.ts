/**
 * Finds the container that a user means: netsvc's own, else one that an engine of this host knows, which is
 * adopted.
 *
 * @module
 */
import { NetsvcError } from "../../../lib/api/errors.ts";
import type { ForeignContainer } from "../../engines/engine.ts";
import type { Engines } from "../../engines/engines.ts";
import { noSuch } from "../../engines/unknown.ts";
import type { ContainerRecord } from "../../model/container.ts";
import type { Sandboxes } from "../../sandbox/sandboxes.ts";
import type { ContainerStore } from "../containers/container_store.ts";
import type { Adopter } from "./adopt.ts";
import type { Release } from "./release.ts";

/** What {@linkcode Resolver} works with. */
export interface ResolverParts {
  engines: Pick<Engines, "find">;
  store: ContainerStore;
  sandboxes: Pick<Sandboxes, "adoptedFiles">;
  adopter: Adopter;
  release: Release;
}

/** Finds containers, and adopts them. */
export class Resolver {
  readonly #parts: ResolverParts;

  constructor(parts: ResolverParts) {
    this.#parts = parts;
  }

  /** @throws {NetsvcError} `not_found`, `ambiguous`, `invalid` when it doesn't run */
  async find(reference: string): Promise<ContainerRecord> {
    const { engines, store, adopter } = this.#parts;
    const known = this.#known(reference);
    if (known && known.state !== "exited") return known;
    const found = await engines.find(reference);
    if (!found) return known ?? this.#unknown(reference);
    await adopter.adopt(found);
    return store.current(found.id);
  }

  #known(reference: string): ContainerRecord | undefined {
    try {
      return this.#parts.store.find(reference);
    } catch (error) {
      if (error instanceof NetsvcError && error.code === "not_found") return undefined;
      throw error;
    }
  }

  /** @throws {NetsvcError} `not_found`, in the words of the engine that the reference names */
  #unknown(reference: string): ContainerRecord {
    const unknown = noSuch(reference);
    if (unknown) throw unknown;
    return this.#parts.store.find(reference);
  }

  /** A container of an engine's, running or not. @throws {NetsvcError} `not_found`, `ambiguous` */
  async foreign(reference: string): Promise<ForeignContainer> {
    const found = await this.#parts.engines.find(reference);
    if (found) return found;
    throw noSuch(reference) ?? new NetsvcError(
      "not_found",
      `No such container: ${JSON.stringify(reference)}, neither of Docker nor of Podman`,
    );
  }

  /**
   * Runs an action with the container that a user means; an engine's container is adopted first, and released
   * when the action fails.
   *
   * @throws {NetsvcError} as {@linkcode find}
   */
  async using<T>(
    reference: string,
    action: (container: ContainerRecord) => Promise<T>,
  ): Promise<T> {
    const container = await this.find(reference);
    try {
      const result = await action(container);
      await this.#parts.sandboxes.adoptedFiles.written(container.id);
      return result;
    } catch (error) {
      await this.#parts.release.ifIdle(container.id);
      throw error;
    }
  }
}
