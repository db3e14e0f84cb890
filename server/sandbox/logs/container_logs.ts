/**
 * The logs of all detached containers: looked at as they are written, so that their times are known and
 * none grows without bound.
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
import { errorChain } from "../../../lib/api/errors.ts";
import { shortId } from "../../../lib/api/names.ts";
import { LogFile, type LogOptions } from "./log_file.ts";

const log = getLogger(["netsvc", "logs"]);
/**
 * Logs that have been written to are looked at so often, others less often: then the time of the file
 * is that of all that is new, if it was written in one go. In milliseconds.
 */
const LOOK_MS = 250, IDLE_LOOK_MS = 2_000;
/** So long after the last change a log counts as written to, in milliseconds. */
const ACTIVE_MS = 10_000;

interface Watched {
  file: LogFile;
  /** When it was looked at, and when something new was found; in milliseconds (monotonic). */
  looked: number;
  changed: number;
  failed: boolean;
}

/** What {@linkcode ContainerLogs} is made of. */
export interface ContainerLogsOptions {
  /** Path of a container's log, by its id. */
  path: (id: string) => string;
  /** Ids of the containers that may write. */
  writing: () => Iterable<string>;
}

/** Follows the logs of containers. */
export class ContainerLogs {
  readonly #options: ContainerLogsOptions;
  readonly #watched = new Map<string, Watched>();
  #timer: number | undefined;

  constructor(options: ContainerLogsOptions) {
    this.#options = options;
  }

  /** Looks at them from now on, until {@linkcode stop}. */
  start(): void {
    this.#timer ??= setInterval(() => this.#round(), LOOK_MS);
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  /** What a container has said; see {@linkcode LogFile.read}. */
  read(id: string, options: LogOptions): AsyncGenerator<Uint8Array<ArrayBuffer>> {
    return this.#of(id).file.read(options);
  }

  /** Whether what a container says is kept. */
  has(id: string): boolean {
    try {
      return Deno.statSync(this.#options.path(id)).isFile;
    } catch {
      return false;
    }
  }

  /** The end of what a container has said, as text. */
  async last(id: string): Promise<string> {
    const decoder = new TextDecoder();
    let text = "";
    for await (const bytes of this.read(id, { tail: 1 })) {
      text += decoder.decode(bytes, { stream: true });
    }
    return text.trim();
  }

  #of(id: string): Watched {
    let watched = this.#watched.get(id);
    if (!watched) {
      const file = new LogFile(this.#options.path(id));
      watched = { file, looked: 0, changed: 0, failed: false };
      this.#watched.set(id, watched);
    }
    return watched;
  }

  #round(): void {
    const now = performance.now();
    const writing = new Set(this.#options.writing());
    for (const id of this.#watched.keys()) {
      if (writing.has(id)) continue;
      this.#look(id, now); // What it said last.
      this.#watched.delete(id);
    }
    for (const id of writing) {
      const { looked, changed } = this.#of(id);
      const every = now - changed < ACTIVE_MS ? LOOK_MS : IDLE_LOOK_MS;
      // A timer is early or late by a little.
      if (now - looked >= every - LOOK_MS / 2) this.#look(id, now);
    }
  }

  #look(id: string, now: number): void {
    const watched = this.#of(id);
    watched.looked = now;
    try {
      if (!watched.file.look()) return;
      watched.changed = now;
      watched.file.cut();
      watched.failed = false;
    } catch (error) {
      if (!watched.failed) {
        log.warn("Cannot keep the log of container {id} short: {cause}", {
          id: shortId(id),
          cause: errorChain(error).join(": "),
        });
      }
      watched.failed = true;
    }
  }
}
