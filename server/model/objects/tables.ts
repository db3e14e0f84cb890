/**
 * Records by id and by name. They follow the mirrors and never write.
 *
 * @module
 */
import type { ContainerRecord } from "../container.ts";
import type { NetworkRecord } from "../records.ts";
import type { Stored } from "../stored.ts";

/** An object before and after a change. */
export interface Replaced<T> {
  before: T | undefined;
  after: T | undefined;
}

/** Sets of ids by a key; no set is empty. */
export class IdIndex {
  readonly #sets = new Map<string, Set<string>>();

  get(key: string): ReadonlySet<string> {
    return this.#sets.get(key) ?? new Set();
  }

  add(key: string, id: string): void {
    const set = this.#sets.get(key);
    if (set) set.add(id);
    else this.#sets.set(key, new Set([id]));
  }

  delete(key: string, id: string): void {
    const set = this.#sets.get(key);
    if (set?.delete(id) && set.size === 0) this.#sets.delete(key);
  }
}

/** Networks: a local and a shared one may have the same name. */
export class NetworkTable {
  readonly records: Map<string, Stored<NetworkRecord>> = new Map();
  readonly #names = new IdIndex();

  /** Takes a network; `undefined` when it is gone. */
  put(id: string, stored: Stored<NetworkRecord> | undefined): Replaced<NetworkRecord> {
    const before = this.records.get(id)?.record;
    if (before) this.#names.delete(before.name.toLowerCase(), id);
    if (stored) {
      this.records.set(id, stored);
      this.#names.add(stored.record.name.toLowerCase(), id);
    } else this.records.delete(id);
    return { before, after: stored?.record };
  }

  /** A network by name in any case; this host's own has precedence over a shared one. */
  named(name: string): Stored<NetworkRecord> | undefined {
    const all = [...this.#names.get(name.toLowerCase())].map((id) => this.records.get(id)!);
    return all.find(({ record }) => record.scope === "local") ?? all[0];
  }
}

/** Containers: an adopted one has its engine's name for it; netsvc's own ones have precedence. */
export class ContainerTable {
  readonly records: Map<string, Stored<ContainerRecord>> = new Map();
  readonly #names = new Map<string, string>();

  /** Takes a container; `undefined` when it is gone. */
  put(id: string, stored: Stored<ContainerRecord> | undefined): Replaced<ContainerRecord> {
    const before = this.records.get(id)?.record;
    const former = before?.name?.toLowerCase();
    if (former !== undefined && this.#names.get(former) === id) this.#names.delete(former);
    if (stored) this.records.set(id, stored);
    else this.records.delete(id);
    const name = stored?.record.name?.toLowerCase();
    const isFree = name !== undefined &&
      (stored?.record.kind !== "adopted" || !this.#names.has(name));
    if (isFree) this.#names.set(name, id);
    return { before, after: stored?.record };
  }

  /** A container by name in any case. */
  named(name: string): Stored<ContainerRecord> | undefined {
    return this.records.get(this.#names.get(name.toLowerCase()) ?? "");
  }
}
