/**
 * A real embedded store that misbehaves as a remote one does: its watches are cut off, it doesn't
 * answer, another history takes its place.
 *
 * @module
 */
import { openLocalStore } from "../../kv/local/local_store.ts";
import type { Lease, Store, WatchEvent, WatchOptions } from "../../kv/store.ts";
import { Mirror } from "../../server/model/mirror.ts";
import { NetsvcError } from "../../lib/api/errors.ts";

/** A store with a will of its own. */
export class CuttableStore implements AsyncDisposable {
  readonly #directory: string;
  readonly store: Store;
  #inner: Store;
  #refuses = false;
  #held: PromiseWithResolvers<void> | undefined;
  readonly #leases: (() => Promise<void>)[] = [];
  /** Calls by name: what was asked of it. */
  readonly calls: Record<"get" | "list" | "commit" | "lease" | "watch", number> = {
    get: 0,
    list: 0,
    commit: 0,
    lease: 0,
    watch: 0,
  };
  #replaced: Store | undefined;
  #back: PromiseWithResolvers<void> | undefined;

  private constructor(directory: string, inner: Store) {
    this.#directory = directory;
    this.#inner = inner;
    this.store = {
      provider: inner.provider,
      get: (key) => this.#answer("get", (store) => store.get(key)),
      list: (prefix, options) => this.#answer("list", (store) => store.list(prefix, options)),
      commit: (transaction) => this.#answer("commit", (store) => store.commit(transaction)),
      lease: (ttl) => this.#answer("lease", (store) => this.#lease(store, ttl)),
      watch: (prefix, options) => {
        this.calls.watch++;
        return this.#watch(prefix, options);
      },
      [Symbol.asyncDispose]: () => this.#inner[Symbol.asyncDispose](),
    };
  }

  /** One on an empty directory. */
  static async open(): Promise<CuttableStore> {
    const directory = Deno.makeTempDirSync({ prefix: "netsvc-test-" });
    return new CuttableStore(directory, await openLocalStore(directory));
  }

  async #answer<T>(
    call: keyof CuttableStore["calls"],
    ask: (store: Store) => Promise<T>,
  ): Promise<T> {
    this.calls[call]++;
    if (call === "commit") await this.#held?.promise;
    if (!this.#refuses) return await ask(this.#inner);
    throw new NetsvcError("unavailable", "The store doesn't answer, on purpose");
  }

  async #lease(store: Store, ttl: number): Promise<Lease> {
    const lease = await store.lease(ttl);
    const { promise, resolve } = Promise.withResolvers<Error>();
    this.#leases.push(async () => {
      await lease.revoke();
      resolve(new NetsvcError("timeout", "The lease was not renewed, on purpose"));
    });
    const { id } = lease;
    return { id, lost: Promise.race([lease.lost, promise]), revoke: () => lease.revoke() };
  }

  /** Ends all leases, as a store does that has heard nothing of their holders for too long. */
  async endLeases(): Promise<void> {
    for (const end of this.#leases.splice(0)) await end();
  }

  /** Nothing is answered until {@linkcode answer}. */
  refuse(): void {
    this.#refuses = true;
  }

  /** Ends {@linkcode refuse}. */
  answer(): void {
    this.#refuses = false;
  }

  /** Transactions wait until {@linkcode release}. */
  hold(): void {
    this.#held ??= Promise.withResolvers();
  }

  /** Ends {@linkcode hold}. */
  release(): void {
    this.#held?.resolve();
    this.#held = undefined;
  }

  /** From now on another store is meant, which stays the caller's to close. */
  replace(other: CuttableStore): void {
    this.#replaced ??= this.#inner;
    this.#inner = other.store;
  }

  /** Watches send nothing until {@linkcode restore}; then they go on with a fresh snapshot. */
  cut(): void {
    this.#back ??= Promise.withResolvers();
  }

  /** Ends {@linkcode cut}. */
  restore(): void {
    this.#back?.resolve();
    this.#back = undefined;
  }

  async *#watch(prefix: string, options: WatchOptions = {}): AsyncGenerator<WatchEvent> {
    for (;;) {
      let back: Promise<void> | undefined;
      for await (const event of this.#inner.watch(prefix, options)) {
        back = this.#back?.promise;
        if (back) break;
        yield event;
      }
      if (!back) return;
      const aborted = Promise.withResolvers<void>();
      options.signal?.addEventListener("abort", () => aborted.resolve(), { once: true });
      await Promise.race([back, aborted.promise]);
      if (options.signal?.aborted) return;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.restore();
    await (this.#replaced ?? this.#inner)[Symbol.asyncDispose]();
    Deno.removeSync(this.#directory, { recursive: true });
  }
}

/** A mirror of all of a store of its own, until the stack is disposed of. */
export async function openMirror(stack: AsyncDisposableStack): Promise<Mirror> {
  const { store } = stack.use(await CuttableStore.open());
  return stack.adopt(await Mirror.open(store), (mirror) => mirror.close());
}
