/**
 * One watch of an engine, shared by all its followers.
 *
 * @module
 */
import type { EngineEvent } from "./engine.ts";

type Listener = (event: EngineEvent) => void;

/** A watch that is under way. */
interface Run {
  abort: AbortController;
  /** The watch has reported its first `gap`: no event after that is lost. */
  hears: boolean;
  done: Promise<void>;
}

/** Starts the watch with the first follower, and ends it with the last. */
export class SharedWatch {
  readonly #watch: (listener: Listener, signal: AbortSignal) => Promise<void>;
  readonly #listeners = new Set<Listener>();
  #run: Run | undefined;

  /** @param watch reports a `gap` once it is subscribed, then events, until the signal; never rejects */
  constructor(watch: (listener: Listener, signal: AbortSignal) => Promise<void>) {
    this.#watch = watch;
  }

  /** Reports events from now on, a `gap` first, until the signal aborts. */
  async follow(listener: Listener, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return;
    // A set holds a function once: the wrapper lets one listener follow twice.
    const own: Listener = (event) => listener(event);
    this.#listeners.add(own);
    const run = this.#run ??= this.#begin();
    if (run.hears) own({ type: "gap" });
    await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
    this.#listeners.delete(own);
    if (this.#listeners.size > 0) return;
    this.#run = undefined;
    run.abort.abort();
    await run.done;
  }

  #begin(): Run {
    const abort = new AbortController();
    const run: Run = { abort, hears: false, done: Promise.resolve() };
    run.done = this.#watch((event) => {
      if (event.type === "gap") run.hears = true;
      if (this.#run !== run) return;
      for (const listener of [...this.#listeners]) listener(event);
    }, abort.signal);
    return run;
  }
}
