/**
 * The exceptions that netsvc asks others' firewalls for, kept: looked at again as soon as anybody changed
 * rules, as `firewall-cmd --reload` and an iptables-restore do.
 *
 * @module
 */
import { nftGeneration } from "../../lib/linux/nft/generation.ts";
import type { Runner } from "../../lib/linux/tools/runner.ts";
import { mendForeignForward } from "./forward.ts";

/** Rules that change all the time, netsvc's own among them, aren't read more often, in milliseconds. */
const PAUSE_MS = 3000;

/** Exceptions for the bridges of one host. */
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

  /** What a user has to do since its owner takes no exception, a sentence each. */
  get missing(): readonly string[] {
    return this.#missing;
  }

  has(bridge: string): boolean {
    return this.#bridges.includes(bridge);
  }

  /** Another bridge, besides those of the last {@linkcode mend}. */
  add(bridge: string): void {
    if (!this.#bridges.includes(bridge)) this.#bridges.push(bridge);
  }

  /** Sees to the exceptions for these bridges (`nsb+` is a pattern). Gives what was done, a line each. */
  async mend(bridges: string[] = this.#bridges): Promise<string[]> {
    this.#bridges = [...bridges];
    await this.#running?.catch(() => {});
    return await (this.#running = this.#mend().finally(() => this.#running = undefined));
  }

  /** Sees to them if rules of anybody's have changed since, and it isn't long enough ago. */
  async look(): Promise<string[]> {
    if (this.#bridges.length === 0 || performance.now() - this.#looked < PAUSE_MS) return [];
    if (this.#running || this.#ask() === this.#generation) return [];
    return await this.mend();
  }

  async #mend(): Promise<string[]> {
    // What changes while rules are read or written, by netsvc itself as well, is looked at once more.
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
      return undefined; // The rounds look all the same.
    }
  }
}
