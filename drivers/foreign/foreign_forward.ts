/**
 * Maintains the exceptions that netsvc puts into other owners' firewalls: checks them again as soon as any program
 * changed rules, as `firewall-cmd --reload` and iptables-restore do.
 *
 * @module
 */
import { nftGeneration } from "../../lib/linux/nft/generation.ts";
import type { Runner } from "../../lib/linux/tools/runner.ts";
import { mendForeignForward } from "./forward.ts";

/** Some rules change all the time, netsvc's own among them: shortest time between two readings, in milliseconds. */
const PAUSE_MS = 3000;

/** The exceptions for the bridges of one host. */
export class ForeignForward {
  readonly #runner: Runner;
  #bridges: string[] = [];
  #generation: number | undefined;
  #looked = -Infinity;
  #missing: string[] = [];
  #running: Promise<string[]> | undefined;

  constructor(runner: Runner) {
    this.#runner = runner;
  }

  /** What the user has to do where a firewall's owner admits no exceptions, a sentence each. */
  get missing(): readonly string[] {
    return this.#missing;
  }

  has(bridge: string): boolean {
    return this.#bridges.includes(bridge);
  }

  /** Adds a bridge to those of the last {@linkcode mend}. */
  add(bridge: string): void {
    if (!this.#bridges.includes(bridge)) this.#bridges.push(bridge);
  }

  /** Puts up the exceptions for these bridges (`nsb+` is a pattern). Returns what was done, a line each. */
  async mend(bridges: string[] = this.#bridges): Promise<string[]> {
    this.#bridges = [...bridges];
    await this.#running?.catch(() => {});
    return await (this.#running = this.#mend().finally(() => this.#running = undefined));
  }

  /** Puts up the exceptions again if any program's rules have changed since, at most every {@linkcode PAUSE_MS}. */
  async look(): Promise<string[]> {
    if (this.#bridges.length === 0 || performance.now() - this.#looked < PAUSE_MS) return [];
    if (this.#running || this.#ask() === this.#generation) return [];
    return await this.mend();
  }

  async #mend(): Promise<string[]> {
    // Rules may change while they are read or written, by netsvc itself as well: the next call then looks once
    // more.
    const generation = this.#ask();
    try {
      const { done, missing } = await mendForeignForward(this.#runner, this.#bridges);
      this.#missing = missing;
      this.#generation = generation;
      return done;
    } finally {
      this.#looked = performance.now();
    }
  }

  #ask(): number | undefined {
    try {
      return this.#runner.within(undefined, nftGeneration);
    } catch {
      return undefined; // The reconcile rounds check them nevertheless.
    }
  }
}
