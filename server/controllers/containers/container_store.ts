/**
 * The containers of this host in the store: looked up in the state, changed in transactions.
 *
 * @module
 */
import { NetsvcError } from "../../../lib/api/errors.ts";
import { shortId } from "../../../lib/api/names.ts";
import {
  type AdoptedContainer,
  type ContainerRecord,
  ifAdopted,
  type OwnContainer,
} from "../../model/container.ts";
import { containerRecords } from "../../model/repository/containers.ts";
import { withoutFollowed } from "../../model/repository/desired.ts";
import type { State } from "../../model/state.ts";
import type { Stored } from "../../model/stored.ts";
import { decideAndCommit, together } from "../../model/transaction.ts";
import { findContainer } from "../lookup.ts";
import { containerLabel, inCase } from "../labels.ts";

/** Engines with a command of their own for containers. */
export const ENGINES: readonly string[] = ["docker", "podman"];

/** Reads and writes records of containers. */
export class ContainerStore {
  readonly #state: State;

  constructor(state: State) {
    this.#state = state;
  }

  all(): ContainerRecord[] {
    return [...this.#state.containers.values()].map(({ record }) => record);
  }

  get(id: string): ContainerRecord | undefined {
    return this.#state.containers.get(id)?.record;
  }

  /** @throws {NetsvcError} `not_found`: it was removed meanwhile */
  current(id: string): ContainerRecord {
    return this.#current(id).record;
  }

  /** A container that netsvc made. @throws {NetsvcError} `not_found` */
  own(id: string): OwnContainer {
    return ownOrThrow(this.current(id));
  }

  /** An adopted container. @throws {NetsvcError} `not_found` */
  adopted(id: string): AdoptedContainer {
    return adoptedOrThrow(this.current(id));
  }

  /** The container that a user means. @throws {NetsvcError} `not_found`, `ambiguous` */
  find(reference: string): ContainerRecord {
    return findContainer(this.#state, reference).record;
  }

  /** A container that netsvc made: an engine controls the processes of others. @throws {NetsvcError} `invalid` */
  findOwn(reference: string): OwnContainer {
    const found = this.find(reference);
    if (found.kind === "own") return found;
    throw new NetsvcError(
      "invalid",
      `The container "${containerLabel(found)}" isn't netsvc's` +
        (ENGINES.includes(found.runtime)
          ? `; use the command "${found.runtime}"`
          : ", and so aren't its processes"),
    );
  }

  /** @throws {NetsvcError} `exists` when another container has the name */
  checkName(name: string, id?: string): void {
    const known = this.#state.containerByName(name)?.record;
    if (!known || known.id === id) return;
    throw new NetsvcError(
      "exists",
      `The container "${name}" already exists${inCase(name, known.name)}; choose another name or ` +
        `remove it first`,
    );
  }

  /** @throws {NetsvcError} `exists` when another container has its name */
  create(container: OwnContainer): Promise<void> {
    return decideAndCommit(this.#state.local, () => {
      if (container.name !== undefined) this.checkName(container.name);
      return { transaction: containerRecords.create(container), result: undefined };
    });
  }

  /** Writes an adopted container over any earlier record of it. */
  putAdopted(container: AdoptedContainer): Promise<void> {
    return decideAndCommit(this.#state.local, () => {
      const known = this.#state.containers.get(container.id);
      const transaction = known
        ? containerRecords.replace(known, container)
        : containerRecords.create(container);
      return { transaction, result: undefined };
    });
  }

  /** @throws {NetsvcError} `not_found`, and what `change` throws */
  change(id: string, change: (container: ContainerRecord) => ContainerRecord): Promise<void> {
    return decideAndCommit(this.#state.local, () => {
      const stored = this.#current(id);
      return {
        transaction: containerRecords.replace(stored, change(stored.record)),
        result: undefined,
      };
    });
  }

  changeOwn(id: string, change: (container: OwnContainer) => OwnContainer): Promise<void> {
    return this.change(id, (container) => change(ownOrThrow(container)));
  }

  changeAdopted(
    id: string,
    change: (container: AdoptedContainer) => AdoptedContainer,
  ): Promise<void> {
    return this.change(id, (container) => change(adoptedOrThrow(container)));
  }

  /** Removes a container and the services that it follows; does nothing when it is gone. */
  remove(id: string): Promise<void> {
    return decideAndCommit(this.#state.local, () => {
      const { containers, local } = this.#state;
      const stored = containers.get(id);
      const removing = stored ? containerRecords.remove(stored) : {};
      const transaction = together(removing, withoutFollowed(local, id));
      return { transaction, result: undefined };
    });
  }

  #current(id: string): Stored<ContainerRecord> {
    const stored = this.#state.containers.get(id);
    if (stored) return stored;
    throw gone(id);
  }
}

/** @throws {NetsvcError} `not_found` when another kind of container has the id */
function ownOrThrow(container: ContainerRecord): OwnContainer {
  if (container.kind === "own") return container;
  throw gone(container.id);
}

function adoptedOrThrow(container: ContainerRecord): AdoptedContainer {
  const adopted = ifAdopted(container);
  if (adopted) return adopted;
  throw gone(container.id);
}

/** The error for a container that no longer exists. */
export function gone(id: string): NetsvcError {
  return new NetsvcError("not_found", `No such container: "${shortId(id)}"; it was removed`);
}
