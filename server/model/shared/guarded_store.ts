/**
 * The shared store reduced to the records that the {@linkcode Admission} admits, in reads, lists and watches. Others
 * count as absent and can be overwritten, unless a newer netsvc wrote them.
 *
 * @module
 */
import type {
  CommitResult,
  Entry,
  Lease,
  ListOptions,
  Store,
  Transaction,
  WatchEvent,
  WatchOptions,
} from "../../../kv/store.ts";
import { faultOf, isNewer } from "../shared_records.ts";
import { NetsvcError } from "../../../lib/api/errors.ts";
import type { Admission } from "./admission.ts";

/** Refuses to overwrite a newer netsvc's record: a host that is upgraded later must leave it alone. */
function refusal(key: string): NetsvcError {
  return new NetsvcError(
    "unsupported",
    `The record ${JSON.stringify(key.slice(0, 120))} was written by a newer netsvc; upgrade this ` +
      `host first`,
  );
}

/** A store in which every record is checked first. */
export class GuardedStore implements Store {
  readonly provider: string;
  readonly #store: Store;
  readonly #admission: Admission;

  /** @param store the caller closes it */
  constructor(store: Store, admission: Admission) {
    this.provider = store.provider;
    this.#store = store;
    this.#admission = admission;
  }

  async get(key: string): Promise<Entry | undefined> {
    const entry = await this.#store.get(key);
    if (entry && this.#admission.admits(entry)) return entry;
    if (!entry) this.#admission.forget(key);
    return undefined;
  }

  async list(prefix: string, options?: ListOptions): Promise<Entry[]> {
    return this.#admission.all(prefix, await this.#store.list(prefix, options));
  }

  /**
   * @throws {NetsvcError} `invalid` for a record that no host would accept, `unsupported` when it would replace one
   * that a newer netsvc wrote
   */
  async commit({ checks = [], puts = [], deletes = [] }: Transaction): Promise<CommitResult> {
    for (const { key, value } of puts) {
      const fault = faultOf(key, value);
      if (fault === undefined) continue;
      throw new NetsvcError("invalid", `Cannot write the record ${JSON.stringify(key)}: ${fault}`);
    }
    const newer = [...puts.map(({ key }) => key), ...deletes]
      .map((key) => this.#admission.newerWith(key)).find((key) => key !== undefined);
    if (newer !== undefined) throw refusal(newer);
    let current = checks;
    // Each check may concern a key under which another program has put an invalid record.
    for (let left = checks.length;; left--) {
      const outcome = await this.#store.commit({ checks: current, puts, deletes });
      if (outcome.ok || left <= 0) return outcome;
      const { failed } = outcome;
      if (!current.some(({ key, revision }) => key === failed && revision === null)) return outcome;
      const entry = await this.#store.get(failed);
      if (!entry || this.#admission.admits(entry)) return outcome;
      if (isNewer(entry.key, entry.value)) throw refusal(failed);
      const { revision } = entry;
      current = current.map((check) => check.key === failed ? { key: failed, revision } : check);
    }
  }

  async *watch(prefix: string, options?: WatchOptions): AsyncIterable<WatchEvent> {
    for await (const event of this.#store.watch(prefix, options)) {
      yield event.type === "snapshot"
        ? { ...event, entries: this.#admission.all(prefix, event.entries) }
        : { ...event, changes: event.changes.map((change) => this.#admission.change(change)) };
    }
  }

  lease(ttl: number): Promise<Lease> {
    return this.#store.lease(ttl);
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}
