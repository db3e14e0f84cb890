/**
 * One watch of an engine for all who follow it.
 *
 * @module
 */
import type { EngineEvent } from "./engine.ts";

type Listener = (event: EngineEvent) => void;

/** A watch that is under way. */
interface Run {
  abort: AbortController;
  /** It has told that it hears: of what happens from then on nothing is missed. */
  hears: boolean;
  done: Promise<void>;
}

/** Starts the watch with the first follower, and ends it with the last. */
export class SharedWatch {
  readonly #watch: (listener: Listener, signal: AbortSignal) => Promise<void>;
  readonly #listeners = new Set<Listener>();
  #run: Run | undefined;

  /** @param watch tells a `gap` when it begins to hear, then what happens, until the signal; never rejects */
  constructor(watch: (listener: Listener, signal: AbortSignal) => Promise<void>) {
    this.#watch = watch;
  }

  /** Tells what happens from now on, a `gap` first, until the signal. */
  async follow(listener: Listener, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return;
    // A set knows a function once; who follows twice hears twice.
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
