/**
 * The logs of all detached containers: checked while they are written, so that the times of lines are known and no
 * log grows without bound.
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
import { errorChain } from "../../../lib/api/errors.ts";
import { shortId } from "../../../lib/api/names.ts";
import { LogFile, type LogOptions } from "./log_file.ts";

const log = getLogger(["netsvc", "logs"]);
/**
 * Interval at which logs with recent writes are checked, in milliseconds: so short that the file's modification
 * time applies to all that is new, if it was written in one go.
 */
const LOOK_MS = 250;
/** The same for other logs, in milliseconds. */
const IDLE_LOOK_MS = 2_000;
/** How long after its last change a log counts as recently written, in milliseconds. */
const ACTIVE_MS = 10_000;

interface Watched {
  file: LogFile;
  /** When it was last checked, and when new output was last found; in milliseconds (monotonic). */
  looked: number;
  changed: number;
  failed: boolean;
}

/** Options of {@linkcode ContainerLogs}. */
export interface ContainerLogsOptions {
  /** Path of a container's log, by its id. */
  path: (id: string) => string;
  /** Ids of the containers that may still write. */
  writing: () => Iterable<string>;
}

/** Follows the logs of all detached containers. */
export class ContainerLogs {
  readonly #options: ContainerLogsOptions;
  readonly #watched = new Map<string, Watched>();
  #timer: number | undefined;

  constructor(options: ContainerLogsOptions) {
    this.#options = options;
  }

  /** Checks the logs from now on, until {@linkcode stop}. */
  start(): void {
    this.#timer ??= setInterval(() => this.#round(), LOOK_MS);
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  /** A container's output; see {@linkcode LogFile.read}. */
  read(id: string, options: LogOptions): AsyncGenerator<Uint8Array<ArrayBuffer>> {
    return this.#of(id).file.read(options);
  }

  /** Whether a container's output is kept. */
  has(id: string): boolean {
    try {
      return Deno.statSync(this.#options.path(id)).isFile;
    } catch {
      return false;
    }
  }

  /** The end of a container's output, as text. */
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
      this.#look(id, now); // Records the last output.
      this.#watched.delete(id);
    }
    for (const id of writing) {
      const { looked, changed } = this.#of(id);
      const every = now - changed < ACTIVE_MS ? LOOK_MS : IDLE_LOOK_MS;
      // Timers fire a little early or late.
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
