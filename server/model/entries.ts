/**
 * In-memory entries of a store, listed by prefix.
 *
 * @module
 */
import type { Change, Entry, Revision } from "../../kv/store.ts";

/** Group of a key: its first segment or, where there are three, its first two. */
function groupOf(key: string): string {
  const first = key.indexOf("/");
  const second = key.indexOf("/", first + 1);
  return key.slice(0, (second < 0 ? first : second) + 1);
}

/** Whether all keys with a prefix are in one group: a group has at most two slashes. */
function inOneGroup(prefix: string): boolean {
  return prefix.indexOf("/", prefix.indexOf("/") + 1) > prefix.indexOf("/");
}

/** A copy of a store's entries. */
export class Entries {
  readonly #entries = new Map<string, Entry>();
  /** Entries by group, so that listing one network's services doesn't look at all others'. */
  readonly #groups = new Map<string, Map<string, Entry>>();

  get(key: string): Entry | undefined {
    return this.#entries.get(key);
  }

  /** Entries whose key starts with `prefix`. Unordered. Fast for groups, e.g. `services/ID/`. */
  list(prefix: string): Entry[] {
    if (inOneGroup(prefix)) {
      const name = groupOf(prefix);
      const members = [...this.#groups.get(name)?.values() ?? []];
      return name === prefix ? members : members.filter(({ key }) => key.startsWith(prefix));
    }
    const entries: Entry[] = [];
    for (const [name, members] of this.#groups) {
      if (name.startsWith(prefix)) entries.push(...members.values());
      else if (prefix.startsWith(name)) {
        entries.push(...members.values().filter(({ key }) => key.startsWith(prefix)));
      }
    }
    return entries;
  }

  /** The changes that lead to a snapshot of a prefix. */
  changesTo(
    prefix: string,
    { entries, revision }: { entries: Entry[]; revision: Revision },
  ): Change[] {
    const changes: Change[] = [];
    const present = new Set<string>();
    for (const entry of entries) {
      present.add(entry.key);
      const old = this.#entries.get(entry.key);
      // A restored store counts its revisions anew: the same revision may have another value.
      if (old?.revision !== entry.revision || old.value !== entry.value) {
        changes.push({ type: "put", entry });
      }
    }
    for (const { key } of this.list(prefix)) {
      if (!present.has(key)) changes.push({ type: "delete", key, revision });
    }
    return changes;
  }

  apply(change: Change): void {
    const key = change.type === "put" ? change.entry.key : change.key;
    const name = groupOf(key);
    const group = this.#groups.get(name);
    if (change.type === "put") {
      this.#entries.set(key, change.entry);
      if (group) group.set(key, change.entry);
      else this.#groups.set(name, new Map([[key, change.entry]]));
      return;
    }
    this.#entries.delete(key);
    group?.delete(key);
    if (group?.size === 0) this.#groups.delete(name);
  }
}
