/**
 * The embedded store while its file can't be written: the disk is full, or its file system read-only.
 * What is in it is read from a copy, changes are refused, and the file itself is opened again as soon
 * as its disk accepts writes.
 *
 * @module
 */
import { errorChain, NetsvcError } from "../../lib/api/errors.ts";
import type {
  CommitResult,
  Entry,
  Lease,
  Store,
  Transaction,
  WatchEvent,
  WatchOptions,
} from "../store.ts";

/** The file is tried again this often, in milliseconds. */
const RETRY_MS = 5_000;
/** A change has the file tried at once, but not more often than this, in milliseconds. */
const HURRY_MS = 200;

/** What an open store needs at least beside its file, in bytes. */
const ROOM = 128 * 1024;

/** Writes to a directory and takes it back; gives the system's words when that fails. */
function probe(directory: string): string {
  const path = `${directory}/.probe`;
  try {
    Deno.writeFileSync(path, new Uint8Array(ROOM), { mode: 0o600 });
    return "";
  } catch (error) {
    return errorChain(error).join(": ");
  } finally {
    try {
      Deno.removeSync(path);
    } catch {
      // There is no such file.
    }
  }
}

/** Why a store can't be written, in words, where that is its disk's fault and not the file's. */
export function unwritable(error: unknown, directory: string): string | undefined {
  let said = errorChain(error).join(": ");
  // SQLite's only error where it can't create a file beside its own.
  if (/disk I\/O error|unable to open database file/.test(said)) said = probe(directory);
  if (/disk is full|No space left|quota exceeded/i.test(said)) {
    return `The disk of "${directory}" is full, so nothing can be changed; free space on it`;
  }
  if (/read-?only/i.test(said)) {
    return `"${directory}" is on a read-only file system, so nothing can be changed; mount it ` +
      `writable again`;
  }
  return undefined;
}

/**
 * Copies the file of a store, and what isn't in it yet, to a directory of its own.
 *
 * @throws where there is none, or no room
 */
export function copyStore(file: string, scratch: string[]): string {
  if (Deno.statSync(file).size === 0) throw new Error("nothing was ever written to it");
  let failure: unknown;
  for (const parent of scratch) {
    let directory: string | undefined;
    try {
      directory = Deno.makeTempDirSync({ dir: parent, prefix: "netsvc-store-" });
      for (const suffix of ["", "-wal"]) {
        try {
          Deno.copyFileSync(`${file}${suffix}`, `${directory}/state.kv${suffix}`);
          Deno.chmodSync(`${directory}/state.kv${suffix}`, 0o600);
        } catch (error) {
          if (suffix === "" || !(error instanceof Deno.errors.NotFound)) throw error;
        }
      }
      return directory;
    } catch (error) {
      failure = error;
      if (directory) removeCopy(directory);
    }
  }
  throw failure;
}

/** Removes such a directory. */
export function removeCopy(directory: string): void {
  try {
    Deno.removeSync(directory, { recursive: true });
  } catch {
    // It was removed already.
  }
}

/** Options of {@linkcode SpareStore}. */
export interface SpareOptions {
  /** The copy. */
  copy: Store;
  /** Opens the store itself. */
  reopen: () => Promise<Store>;
  /** Why a change is refused, from a failure of `reopen`; `undefined`: that failure is another one. */
  explain: (error: unknown) => string | undefined;
  /** Why changes are refused at first. */
  why: string;
  /** Called when the store itself is open again. */
  onBack?: () => void;
  /** Removes the copy, which is closed. */
  drop: () => void;
  /** Releases what was held for the store itself; called when that was never opened again. */
  release: () => void;
}

export class SpareStore implements Store {
  readonly provider = "local";
  readonly #options: SpareOptions;
  #current: Store;
  #why: string | undefined;
  /** Aborted when the current store is the file itself. */
  readonly #swapped = new AbortController();
  #trying: Promise<void> | undefined;
  #tried = performance.now();
  #timer: number | undefined;
  #closed = false;

  constructor(options: SpareOptions) {
    this.#options = options;
    this.#current = options.copy;
    this.#why = options.why;
    this.#wait();
  }

  #wait(): void {
    this.#timer = setTimeout(() => this.#try(), RETRY_MS);
    Deno.unrefTimer(this.#timer);
  }

  /** Tries whether the store itself can be opened again. */
  #try(): Promise<void> {
    clearTimeout(this.#timer);
    return this.#trying ??= this.#reopen().finally(() => {
      this.#trying = undefined;
      this.#tried = performance.now();
      if (this.#why !== undefined && !this.#closed) this.#wait();
    });
  }

  async #reopen(): Promise<void> {
    let store: Store;
    try {
      store = await this.#options.reopen();
    } catch (error) {
      this.#why = this.#options.explain(error) ?? errorChain(error)[0]!;
      return;
    }
    if (this.#closed) return await store[Symbol.asyncDispose]();
    const before = this.#current;
    this.#current = store;
    this.#why = undefined;
    this.#swapped.abort();
    await before[Symbol.asyncDispose]();
    this.#options.drop();
    this.#options.onBack?.();
  }

  get(key: string): Promise<Entry | undefined> {
    return this.#current.get(key);
  }

  list(prefix: string): Promise<Entry[]> {
    return this.#current.list(prefix);
  }

  async commit(transaction: Transaction): Promise<CommitResult> {
    if (this.#why !== undefined && performance.now() - this.#tried > HURRY_MS) await this.#try();
    if (this.#why !== undefined) throw new NetsvcError("unavailable", this.#why);
    return await this.#current.commit(transaction);
  }

  async *watch(prefix: string, options: WatchOptions = {}): AsyncGenerator<WatchEvent> {
    const { signal } = options;
    if (this.#why !== undefined) {
      const swapped = this.#swapped.signal;
      const either = signal ? AbortSignal.any([signal, swapped]) : swapped;
      yield* this.#current.watch(prefix, { signal: either });
      if (!swapped.aborted || signal?.aborted) return;
    }
    yield* this.#current.watch(prefix, options);
  }

  async lease(ttl: number): Promise<Lease> {
    if (this.#why !== undefined) throw new NetsvcError("unavailable", this.#why);
    return await this.#current.lease(ttl);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#timer);
    await this.#trying;
    await this.#current[Symbol.asyncDispose]();
    if (this.#why === undefined) return;
    this.#options.drop();
    this.#options.release();
  }
}
