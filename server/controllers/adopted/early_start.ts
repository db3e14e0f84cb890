/**
 * Containers that are about to be started: each is adopted as soon as it has a process, and attached to its
 * networks before its first instruction, since that process is held meanwhile. One waiter serves all callers that
 * start containers or expect an engine to start one.
 *
 * @module
 */
import { errorChain, NetsvcError } from "../../../lib/api/errors.ts";
import { shortId } from "../../../lib/api/names.ts";
import type { PublishedPort } from "../../../lib/api/types.ts";
import { refuseHostNamespace } from "../../../lib/linux/namespaces/namespace_identity.ts";
import { holdProcess } from "../../../lib/linux/processes/hold.ts";
import { identify } from "../../../lib/linux/processes/process_table.ts";
import type { ForeignContainer } from "../../engines/engine.ts";
import type { Engines } from "../../engines/engines.ts";
import { firstProcess } from "../../engines/first_process.ts";
import { log } from "../context.ts";
import type { Adopter } from "./adopt.ts";
import type { AdoptedReaper } from "./reap.ts";

/** Longest that a container's first process is held for its networks, in milliseconds. */
const HELD_MS = 3_000;
/** Awaited containers at once, of callers that start them and of callers that expect them. */
const MAX_WAITING = 256;

/** `missed`: the container started unseen. */
export type Outcome = "joined" | "missed";

/** A container that is about to be started. */
export interface EarlyStart {
  found: ForeignContainer;
  ports: PublishedPort[];
  /** How long the container is awaited, in milliseconds. */
  deadline: number;
  /** Attaches it; must ask nothing of the engine, which waits for the held process. */
  join: () => Promise<void>;
}

interface Waiting {
  /** The caller will ask for its outcome. */
  asked: boolean;
  abort: AbortController;
  timer: number;
  joined: Promise<Outcome>;
}

/** What {@linkcode EarlyStarts} works with. */
export interface EarlyStartsOptions {
  engines: Pick<Engines, "get">;
  adopter: Pick<Adopter, "adopt">;
  reaper: Pick<AdoptedReaper, "reap">;
  /** Returns the first process of a container, or `undefined` when the signal aborts first. */
  process?: typeof firstProcess;
}

/** Waits for containers. */
export class EarlyStarts {
  readonly #options: EarlyStartsOptions;
  readonly #waiting = new Map<string, Waiting>();

  constructor(options: EarlyStartsOptions) {
    this.#options = options;
  }

  /**
   * Begins to wait for a container whose {@linkcode outcome} the caller asks for after starting it. A wait that is
   * under way is replaced.
   *
   * @throws {NetsvcError} `unavailable` when too many are awaited
   */
  begin(start: EarlyStart): void {
    this.cancel(start.found.id);
    if (this.#count(true) >= MAX_WAITING) {
      throw new NetsvcError(
        "unavailable",
        `${MAX_WAITING} containers are waited for already; try again`,
      );
    }
    this.#wait(start, true);
  }

  #count(asked: boolean): number {
    return this.#waiting.values().filter((waiting) => waiting.asked === asked).toArray().length;
  }

  #wait(start: EarlyStart, asked: boolean): Waiting {
    const { found: { id }, deadline } = start;
    const abort = new AbortController();
    const joined = this.#join(start, abort.signal);
    joined.catch(() => {}); // `outcome` handles it; without this a rejection counts as unhandled.
    const timer = setTimeout(() => this.cancel(id), deadline);
    const waiting = { abort, joined, timer, asked };
    this.#waiting.set(id, waiting);
    return waiting;
  }

  /** Begins to wait for a container that an engine may start by itself; ignored when too many are awaited. */
  expect(start: EarlyStart): void {
    const { found: { id, name } } = start;
    if (this.#waiting.has(id) || this.#count(false) >= MAX_WAITING) return;
    const waiting = this.#wait(start, false);
    waiting.joined.catch((error) =>
      log.debug("Container {name} is attached later: {cause}", {
        name: name ?? shortId(id),
        cause: errorChain(error).join(": "),
      })
    ).finally(() => {
      if (this.#waiting.get(id) === waiting) this.cancel(id);
    });
  }

  /**
   * The outcome for a container that has been started; `undefined` when it wasn't awaited.
   *
   * @param grace how long a running container may take to be seen, in milliseconds; attaching it may take longer
   * @throws what adopting or attaching it threw
   */
  async outcome(id: string, grace: number): Promise<Outcome | undefined> {
    const waiting = this.#waiting.get(id);
    if (!waiting) return undefined;
    const seen = setTimeout(() => waiting.abort.abort(), grace);
    try {
      return await waiting.joined;
    } finally {
      clearTimeout(seen);
      if (this.#waiting.get(id) === waiting) this.cancel(id);
    }
  }

  /** Stops waiting for a container; one that was seen is still attached. */
  cancel(id: string): void {
    const waiting = this.#waiting.get(id);
    if (!waiting) return;
    clearTimeout(waiting.timer);
    waiting.abort.abort();
    this.#waiting.delete(id);
  }

  async #join(
    { found, ports, join }: EarlyStart,
    signal: AbortSignal,
  ): Promise<Outcome> {
    const { engines, adopter, reaper, process: first = firstProcess } = this.#options;
    const files = engines.get(found.runtime)?.filesOf?.(found.id);
    files?.catch(() => {}); // Awaited below, when the process has been seen.
    const pid = await first(found.id, signal);
    const process = pid === undefined ? undefined : identify(pid);
    if (!process) return "missed";
    const release = holdProcess(process.pid, HELD_MS);
    try {
      const namespace = `/proc/${process.pid}/ns/net`;
      refuseHostNamespace(`container "${found.name ?? shortId(found.id)}"`, namespace);
      // A container that is restarted may not have been reaped yet.
      await reaper.reap(found.id);
      await adopter.adopt({ ...await files, ...found, running: { namespace, process } }, { ports });
      await join();
    } finally {
      await release();
    }
    return "joined";
  }

  /** Stops all waits. */
  async close(): Promise<void> {
    const joins = [...this.#waiting.values()].map(({ joined }) => joined.catch(() => {}));
    for (const id of [...this.#waiting.keys()]) this.cancel(id);
    await Promise.all(joins);
  }
}
