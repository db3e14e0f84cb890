/**
 * Consul as a store. Revisions are Consul's indexes: one count for the whole store.
 *
 * `PREFIX/k/KEY`: the entries · `PREFIX/revision`: written with a transaction that writes no entry,
 * since Consul returns the index of entries that were set but not of deleted ones
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { NetsvcError } from "../../lib/api/errors.ts";
import { checkKey, checkTransaction } from "../keys.ts";
import type { Renewals } from "../leases/renewal.ts";
import type {
  CommitResult,
  Entry,
  Lease,
  Revision,
  Store,
  Transaction,
  WatchEvent,
  WatchOptions,
} from "../store.ts";
import type { StoreUrl } from "../url/store_url.ts";
import { Http } from "./http.ts";
import { toKey, toName } from "./key_names.ts";
import type { Listing } from "./poller.ts";
import { Nodes } from "./nodes.ts";
import { Sessions } from "./sessions.ts";
import { CONSUL_OPERATIONS, type Operation, set, toOperations } from "./transaction.ts";
import { ConsulWatches } from "./watches.ts";

/** Time that a blocking query may wait in Consul, in milliseconds. */
const WAIT_MS = 8000;
/**
 * Time that its answer may be late, in milliseconds: a connection that died in silence is noticed within
 * the sum of both.
 */
const LATE_MS = 2000;
/** Digits of a revision: of the largest unsigned 64-bit integer. */
const REVISION_DIGITS = 20;

interface Pair {
  Key: string;
  /** Base64; `null`: empty. */
  Value: string | null;
  ModifyIndex: number;
  Session?: string;
}

interface TransactionAnswer {
  Results: { KV: Pair }[] | null;
  Errors: { OpIndex: number; What: string }[] | null;
}

function toRevision(index: number): Revision {
  return `${index}`.padStart(REVISION_DIGITS, "0");
}

class ConsulStore implements Store {
  readonly provider = "consul";
  readonly #http: Http;
  readonly #display: string;
  readonly #root: string;
  readonly #entries: string;
  readonly #sessions: Sessions;
  readonly #watches: ConsulWatches;
  readonly #renewals: Renewals;
  #closed = false;

  constructor(url: StoreUrl, renewals: Renewals) {
    this.#renewals = renewals;
    this.#http = new Http(url, renewals);
    this.#display = url.display;
    this.#root = `${toName(url.prefix)}/`;
    this.#entries = `${this.#root}k/`;
    this.#sessions = new Sessions(this.#http, new Nodes(this.#http, url.prefix));
    this.#watches = new ConsulWatches(
      (prefix, index, signal) => this.#list(prefix, { index, signal }),
      async () => {
        await this.#revision();
      },
    );
  }

  async get(key: string): Promise<Entry | undefined> {
    checkKey(key);
    const { text } = await this.#http.send({
      method: "GET",
      path: `kv/${encodeURIComponent(this.#name(key))}`,
      query: { consistent: "" },
      expect: [404],
    });
    const [pair] = this.#parse<Pair[]>(text, []);
    return pair && this.#entry(pair);
  }

  async list(prefix: string): Promise<Entry[]> {
    return (await this.#list(prefix)).entries;
  }

  /** Lists a prefix; with an index, once it is of a later moment. */
  async #list(
    prefix: string,
    after?: { index: number; signal: AbortSignal },
  ): Promise<Listing> {
    const waits = after !== undefined && after.index > 0;
    const { text, index } = await this.#http.send({
      method: "GET",
      path: `kv/${encodeURIComponent(this.#name(prefix))}`,
      query: {
        recurse: "",
        ...waits ? { index: `${after.index}`, wait: `${WAIT_MS}ms` } : { consistent: "" },
      },
      expect: [404],
      // Consul adds up to a sixteenth, so that not all come back at once.
      ...waits && { deadline: WAIT_MS * (1 + 1 / 16) + LATE_MS },
      ...after && { signal: after.signal, single: true },
    });
    const entries = this.#parse<Pair[]>(text, []).map((pair) => this.#entry(pair));
    return { entries: entries.sort(byBytes), index, revision: toRevision(index) };
  }

  async commit(transaction: Transaction): Promise<CommitResult> {
    checkTransaction(transaction);
    const { puts = [] } = transaction;
    for (const { lease } of puts) if (lease) this.#sessions.use(lease);
    let answer = await this.#transact(transaction, false);
    // Locked by another lease's session: the put moves the key to its own.
    if ("held" in answer) answer = await this.#transact(transaction, true);
    if ("held" in answer) throw new NetsvcError("conflict", "Another lease took a key; try again");
    if (!answer.ok) return answer;
    for (const { KV } of answer.results) {
      const put = puts.find(({ key }) => this.#name(key) === KV.Key);
      if (put && !put.lease && KV.Session !== undefined) await this.#detach(put.key, put.value);
    }
    return { ok: true, revision: answer.revision };
  }

  async #transact(transaction: Transaction, moved: boolean): Promise<
    | { ok: true; revision: Revision; results: { KV: Pair }[] }
    | { ok: false; failed: string }
    | { held: true }
  > {
    const { puts = [], deletes = [] } = transaction;
    const name = (key: string) => this.#name(key);
    const { operations, checked } = toOperations(transaction, { name, moved });
    const mark = set(`${this.#root}revision`, "");
    const marked = puts.length === 0 && deletes.length > 0 &&
      operations.length < CONSUL_OPERATIONS;
    const { text } = await this.#http.send({
      method: "PUT",
      path: "txn",
      body: marked ? [...operations, mark] : operations,
      once: puts.length + deletes.length > 0,
      expect: [409],
    });
    const { Results, Errors } = this.#parse<TransactionAnswer>(text, { Results: [], Errors: [] });
    const error = Errors?.[0];
    if (error) {
      const failed = checked[error.OpIndex];
      if (failed !== undefined) return { ok: false, failed };
      if (/lock is already held/.test(error.What)) return { held: true };
      if (/invalid session/.test(error.What)) {
        throw new NetsvcError("conflict", "The lease was lost; take a new one");
      }
      if (/permission denied/i.test(error.What)) {
        throw new NetsvcError(
          "unauthorized",
          `The store "${this.#display}" refuses the login: ${error.What}; check the token`,
        );
      }
      throw new NetsvcError("internal", `Consul refuses the transaction: ${error.What}`);
    }
    const results = Results ?? [];
    const written = puts.length > 0 || marked ? results.at(-1)?.KV.ModifyIndex : undefined;
    const revision = written === undefined ? await this.#revision() : toRevision(written);
    return { ok: true, revision, results };
  }

  /** Of the store as it is now. */
  async #revision(): Promise<Revision> {
    const { index } = await this.#http.send({
      method: "GET",
      path: `kv/${encodeURIComponent(this.#root)}`,
      query: { keys: "", separator: "/", consistent: "" },
      expect: [404],
    });
    return toRevision(index);
  }

  /**
   * A put keeps the lock that a key has, so a key that was put with a lease is made anew; where the
   * lease ended before that, too.
   */
  async #detach(key: string, value: string): Promise<void> {
    const Key = this.#name(key);
    const anew: Operation[] = [{ KV: { Verb: "delete", Key } }, set(Key, value)];
    await this.#http.send({ method: "PUT", path: "txn", body: anew });
  }

  watch(prefix: string, options?: WatchOptions): AsyncIterable<WatchEvent> {
    return this.#watches.watch(prefix, options);
  }

  lease(ttl: number): Promise<Lease> {
    return this.#sessions.grant(ttl);
  }

  #name(key: string): string {
    return this.#entries + toName(key);
  }

  #entry({ Key, Value, ModifyIndex }: Pair): Entry {
    return {
      key: toKey(Key.slice(this.#entries.length)),
      value: Buffer.from(Value ?? "", "base64").toString(),
      revision: toRevision(ModifyIndex),
    };
  }

  #parse<T>(text: string, empty: T): T {
    if (text === "") return empty;
    try {
      return JSON.parse(text);
    } catch (error) {
      throw new NetsvcError("unsupported", `The store "${this.#display}" is not a Consul`, {
        cause: error,
      });
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    if (this.#closed) return Promise.resolve();
    this.#closed = true;
    this.#renewals.close();
    this.#sessions.close();
    this.#watches.close();
    this.#http.close();
    return Promise.resolve();
  }
}

function byBytes(a: Entry, b: Entry): number {
  return Buffer.compare(Buffer.from(a.key), Buffer.from(b.key));
}

/** Opens the store; see `Backend` of `kv/open.ts`. */
export async function open(url: StoreUrl, renewals: Renewals): Promise<Store> {
  const store = new ConsulStore(url, renewals);
  try {
    await store.list("opened");
  } catch (error) {
    const code = error instanceof NetsvcError ? error.code : "internal";
    if (code !== "unavailable" && code !== "timeout") {
      await store[Symbol.asyncDispose]();
      throw error;
    }
  }
  return store;
}
