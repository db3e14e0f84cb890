/**
 * Removes links: a single one by itself, further ones that queue meanwhile by a group, which takes the kernel as
 * long as one.
 *
 * @module
 */
import { atMost } from "../../lib/async/deadline.ts";
import { hasLinkIndex, linkIndex } from "../../lib/linux/net/netdevice.ts";
import { linkWord } from "./link_word.ts";
import type { NetOp } from "../../lib/linux/net/ops.ts";
import type { Runner } from "../../lib/linux/tools/runner.ts";
import { isMissing } from "../../lib/linux/tools/tool_error.ts";

/** Interval at which the removal checks whether links are gone, in milliseconds. */
const LOOK_MS = 1;
/** Links removed at once: the kernel changes no other links meanwhile. */
const MAX_AT_ONCE = 256;
/** First of the group numbers that no other program uses; the numbers after it are used, too. */
const FIRST_GROUP = 0x6e737663;
const GROUPS = 1024;

/** A link to remove. */
interface Doomed {
  index: number;
  /** How `ip` is told which link. */
  word: string;
  gone: PromiseWithResolvers<void>;
}

/** The links that are being removed in one namespace, and those that queue. */
interface Line {
  namespace: string | undefined;
  waiting: Doomed[];
}

/** Removes links in any namespace. */
export class LinkRemoval {
  readonly #runner: Runner;
  readonly #lines = new Map<string | undefined, Line>();
  #group = 0;

  constructor(runner: Runner) {
    this.#runner = runner;
  }

  /**
   * Removes a link; harmless when it doesn't exist. Returns when the link is gone: from then on no program finds it
   * or sends through it, and its name is free. The kernel answers `ip` some 20 ms later, when it has freed what
   * belonged to the link (`rcu_barrier()` in `netdev_run_todo()`).
   */
  async delete(name: string, namespace?: string): Promise<void> {
    const doomed = this.#find(name, namespace);
    if (!doomed) return;
    const line = this.#lines.get(namespace);
    if (line) line.waiting.push(doomed);
    else {
      const first: Line = { namespace, waiting: [doomed] };
      this.#lines.set(namespace, first);
      void this.#work(first);
    }
    await doomed.gone.promise;
  }

  #find(name: string, namespace?: string): Doomed | undefined {
    return this.#runner.within(namespace, () => {
      const index = linkIndex(name);
      if (index === undefined) return undefined;
      // The kernel doesn't reuse an index so soon: the name may be another link's by then, if another program
      // deleted this one in the meantime.
      return { index, word: linkWord(name, index), gone: Promise.withResolvers<void>() };
    });
  }

  async #work(line: Line): Promise<void> {
    // Yield once so that all removals of this turn go together.
    await Promise.resolve();
    while (line.waiting.length > 0) {
      const all = line.waiting.splice(0, MAX_AT_ONCE);
      try {
        await this.#remove(all, line.namespace);
      } catch (error) {
        for (const { gone } of all) gone.reject(error);
      }
    }
    this.#lines.delete(line.namespace);
  }

  async #remove(all: Doomed[], namespace?: string): Promise<void> {
    if (all.length === 1) return await this.#removeOne(all[0]!, namespace);
    const group = FIRST_GROUP + this.#group++ % GROUPS;
    const left = await this.#apply(
      [
        ...all.map(({ word }): NetOp => ({ op: "setLink", link: word, group })),
        { op: "deleteGroup", group },
      ],
      all,
      namespace,
    ).catch(() => this.#settle(all, namespace));
    // One link was gone before, or can't be removed: removing each by itself shows which.
    await Promise.all(left.map((one) => this.#removeOne(one, namespace)));
  }

  async #removeOne(one: Doomed, namespace?: string): Promise<void> {
    try {
      await this.#apply([{ op: "deleteLink", link: one.word }], [one], namespace);
      one.gone.resolve();
    } catch (error) {
      const isGone = isMissing(error) || this.#settle([one], namespace).length === 0;
      if (isGone) one.gone.resolve();
      else one.gone.reject(error);
    }
  }

  /** Waits until `ip` has answered or all links are gone; returns those that still exist. */
  async #apply(ops: NetOp[], all: Doomed[], namespace?: string): Promise<Doomed[]> {
    let answered = false;
    const answer = this.#runner.apply(ops, namespace).finally(() => answered = true);
    // Awaited below unless the links are gone before; without this a rejection would count as unhandled then.
    answer.catch(() => {});
    let left = all;
    while (!answered && left.length > 0) {
      await atMost(answer, LOOK_MS).catch(() => {});
      left = this.#settle(left, namespace);
    }
    if (left.length > 0) await answer;
    return this.#settle(left, namespace);
  }

  /** Resolves the removals of links that are gone, and returns the others. */
  #settle(all: Doomed[], namespace?: string): Doomed[] {
    const left = this.#stillThere(all, namespace);
    for (const one of all) if (!left.includes(one)) one.gone.resolve();
    return left;
  }

  #stillThere(all: Doomed[], namespace?: string): Doomed[] {
    try {
      return this.#runner.within(namespace, () => all.filter(({ index }) => hasLinkIndex(index)));
    } catch {
      return all; // The links are gone with their namespace; `ip` reports that.
    }
  }
}
