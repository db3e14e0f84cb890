/**
 * The last known contents of the shared store, in a file of the state directory: a daemon that starts while the store
 * is away resumes from it.
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
import { Mutex } from "../../../lib/async/mutex.ts";
import type { Entry } from "../../../kv/store.ts";
import type { Mirror } from "../mirror.ts";
import { errorChain } from "../../../lib/api/errors.ts";

const log = getLogger(["netsvc", "snapshot"]);
/** Changes within this time are written together, in milliseconds. */
const DELAY_MS = 1_000;

interface Content {
  /** The store that it is a snapshot of. */
  store: string;
  entries: Record<string, Entry[]>;
}

/** Keeps the file. */
export class Snapshot {
  readonly #path: string;
  readonly #store: string;
  readonly #mirror: Mirror;
  readonly #unsubscribe: () => void;
  #timer: number | undefined;
  readonly #writes = new Mutex();

  /** @param store names the mirror's store, without secrets */
  constructor(path: string, store: string, mirror: Mirror) {
    this.#path = path;
    this.#store = store;
    this.#mirror = mirror;
    this.#unsubscribe = mirror.subscribe(() => {
      this.#timer ??= setTimeout(() => this.#write(), DELAY_MS);
    });
  }

  /** The file's entries of this store, by prefix; empty when there is no file. */
  read(): Map<string, Entry[]> {
    try {
      const { store, entries } = JSON.parse(Deno.readTextFileSync(this.#path)) as Content;
      if (store === this.#store) {
        return new Map(
          Object.entries(entries).map(([prefix, all]) => [prefix, all.filter(isEntryOf(prefix))]),
        );
      }
      log.warn("The snapshot {path} is of another store, {store}; it isn't used", {
        path: this.#path,
        store,
      });
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) {
        log.warn("Cannot read the snapshot: {cause}", { cause: errorChain(error).join(": ") });
      }
    }
    return new Map();
  }

  #write(): void {
    this.#timer = undefined;
    const entries = Object.fromEntries(
      this.#mirror.prefixes.map((prefix) => [prefix, this.#mirror.list(prefix)]),
    );
    const content: Content = { store: this.#store, entries };
    this.#writes.run(async () => {
      // Written whole or not at all: after a crash the previous file is still there.
      await Deno.writeTextFile(`${this.#path}.new`, JSON.stringify(content), { mode: 0o600 });
      await Deno.rename(`${this.#path}.new`, this.#path);
    }).catch((error) =>
      log.warn("Cannot write the snapshot: {cause}", { cause: errorChain(error).join(": ") })
    );
  }

  /** Writes pending changes and stops. */
  async close(): Promise<void> {
    this.#unsubscribe();
    if (this.#timer !== undefined) {
      clearTimeout(this.#timer);
      this.#write();
    }
    await this.#writes.idle();
  }
}

/** Whether a value of the file is an entry of a prefix. */
function isEntryOf(prefix: string): (entry: unknown) => boolean {
  return (entry) => {
    const { key, value, revision } = (entry ?? {}) as Partial<Entry>;
    return typeof key === "string" && key.startsWith(prefix) && typeof value === "string" &&
      typeof revision === "string";
  };
}
