/**
 * etcd, version 3.4 or later, as a store. Revisions are etcd's own: one count for the whole store.
 *
 * @module
 */
import { NetsvcError } from "../../lib/api/errors.ts";
import { checkKey, checkTransaction } from "../keys.ts";
import type { Renewals } from "../leases/renewal.ts";
import type {
  Check,
  CommitResult,
  Entry,
  Lease,
  ListOptions,
  Revision,
  Store,
  Transaction,
  WatchEvent,
  WatchOptions,
} from "../store.ts";
import type { StoreUrl } from "../url/store_url.ts";
import type { Endpoint } from "../url/url_parts.ts";
import { diagnose } from "./diagnosis.ts";
import { EtcdLeases } from "./leases.ts";
import { type Listed, Lists } from "./lists.ts";
import type { KeyValue } from "./proto.ts";
import { Rpc } from "./rpc.ts";
import { WatchStream } from "./watch_stream.ts";

/** Digits of a revision: of the largest signed 64-bit integer, and one more. */
const REVISION_DIGITS = 20;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

function toRevision(text: string): Revision {
  return text.padStart(REVISION_DIGITS, "0");
}

class EtcdStore implements Store {
  readonly provider = "etcd";
  readonly #rpc: Rpc;
  readonly #root: string;
  readonly #leases: EtcdLeases;
  readonly #watches: WatchStream;
  readonly #lists = new Lists({
    read: (prefix, since) => this.#read(prefix, since),
    stream: () => this.#watches.stream,
  });
  readonly #renewals: Renewals;
  #closed = false;

  constructor(url: StoreUrl, renewals: Renewals) {
    this.#renewals = renewals;
    this.#rpc = new Rpc(url, renewals);
    this.#root = `${url.prefix}/`;
    this.#leases = new EtcdLeases(this.#rpc);
    this.#watches = new WatchStream({
      rpc: this.#rpc,
      read: (prefix) => this.#read(prefix),
      range: (prefix) => this.#range(prefix),
      unused: this.#key(""),
      entry: (kv) => this.#entry(kv),
    });
    renewals.onRenewal(({ tls }) => {
      if (tls) this.#watches.reopen();
    });
  }

  async get(key: string): Promise<Entry | undefined> {
    checkKey(key);
    const { kvs } = await this.#rpc.call("KV/Range", { key: this.#key(key) }, false);
    return kvs[0] && this.#entry(kvs[0]);
  }

  async list(prefix: string, { again }: ListOptions = {}): Promise<Entry[]> {
    return again ? await this.#lists.list(prefix, again) : (await this.#read(prefix)).entries;
  }

  async #read(prefix: string, since?: Revision): Promise<Listed> {
    const { kvs, header, count } = await this.#rpc.call("KV/Range", {
      ...this.#range(prefix),
      ...since !== undefined && { min_mod_revision: `${BigInt(since) + 1n}` },
    }, false);
    const { revision, cluster_id: cluster } = header;
    return {
      entries: kvs.map((kv) => this.#entry(kv)),
      revision: toRevision(revision),
      count: Number(count),
      cluster,
    };
  }

  async commit(transaction: Transaction): Promise<CommitResult> {
    checkTransaction(transaction);
    const { checks = [], puts = [], deletes = [] } = transaction;
    for (const { lease } of puts) if (lease) this.#leases.use(lease);
    const { header, succeeded, responses } = await this.#rpc.call("KV/Txn", {
      compare: checks.map(({ key, revision }) => ({
        result: "EQUAL",
        target: "MOD",
        key: this.#key(key),
        mod_revision: `${BigInt(revision ?? 0)}`,
      })),
      success: [
        ...puts.map(({ key, value, lease }) => ({
          request_put: {
            key: this.#key(key),
            value: encoder.encode(value),
            ...lease && { lease: lease.id },
          },
        })),
        ...deletes.map((key) => ({ request_delete_range: { key: this.#key(key) } })),
      ],
      // Read where the checks fail, of the same moment: which one it was.
      failure: checks.map(({ key }) => ({
        request_range: { key: this.#key(key), keys_only: true },
      })),
    }, true);
    if (succeeded) return { ok: true, revision: toRevision(header.revision) };
    const found = responses.map(({ response_range }) => response_range?.kvs[0]?.mod_revision);
    return { ok: false, failed: failedCheck(checks, found) };
  }

  watch(prefix: string, options?: WatchOptions): AsyncIterable<WatchEvent> {
    return this.#watches.watch(prefix, options);
  }

  lease(ttl: number): Promise<Lease> {
    return this.#leases.grant(ttl);
  }

  async leaseAge(key: string): Promise<number | undefined> {
    checkKey(key);
    const { kvs: [kv] } = await this.#rpc.call("KV/Range", { key: this.#key(key) }, false);
    return kv === undefined || kv.lease === "0" ? undefined : await this.#leases.age(kv.lease);
  }

  useEndpoints(endpoints: readonly Endpoint[]): void {
    if (endpoints.length > 0) this.#rpc.useEndpoints(endpoints);
  }

  #key(key: string): Uint8Array {
    return encoder.encode(this.#root + key);
  }

  #range(prefix: string): { key: Uint8Array; range_end: Uint8Array } {
    const key = this.#key(prefix);
    // One more than the last byte: UTF-8 has none of 0xff.
    const range_end = key.slice();
    range_end[range_end.length - 1]! += 1;
    return { key, range_end };
  }

  #entry({ key, value, mod_revision }: KeyValue): Entry {
    return {
      key: decoder.decode(key).slice(this.#root.length),
      value: decoder.decode(value),
      revision: toRevision(mod_revision),
    };
  }

  [Symbol.asyncDispose](): Promise<void> {
    if (this.#closed) return Promise.resolve();
    this.#closed = true;
    this.#renewals.close();
    this.#watches.close();
    this.#leases.close();
    this.#rpc.close();
    return Promise.resolve();
  }
}

/** The check that doesn't hold. */
function failedCheck(checks: Check[], found: (string | undefined)[]): string {
  const failed = checks.find(({ revision }, i) =>
    (found[i] === undefined ? null : toRevision(found[i])) !== revision
  );
  if (failed) return failed.key;
  throw new NetsvcError("internal", "etcd refused a transaction whose checks hold");
}

/** Opens the store; see `Backend` of `kv/open.ts`. */
export async function open(url: StoreUrl, renewals: Renewals): Promise<Store> {
  const store = new EtcdStore(url, renewals);
  try {
    await store.get("opened");
  } catch (error) {
    if (url.own && error instanceof NetsvcError) return store;
    const away = error instanceof NetsvcError && /^(unavailable|timeout)$/.test(error.code);
    const mistake = away ? await diagnose(url) : error;
    if (mistake) {
      await store[Symbol.asyncDispose]();
      throw mistake;
    }
  }
  return store;
}
