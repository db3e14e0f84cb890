/**
 * Removes links: one by itself, those that wait meanwhile by a group, which takes the kernel as long as one.
 *
 * @module
 */
import { atMost } from "../../lib/async/deadline.ts";
import { hasLinkIndex, linkIndex } from "../../lib/linux/net/netdevice.ts";
import type { NetOp } from "../../lib/linux/net/ops.ts";
import type { Runner } from "../../lib/linux/tools/runner.ts";
import { isMissing } from "../../lib/linux/tools/tool_error.ts";

/** How often it is looked whether links are gone, in milliseconds. */
const LOOK_MS = 1;
/** Links removed at once: the kernel does nothing else to links meanwhile. */
const MAX_AT_ONCE = 256;
/** Groups that nobody else uses: this, and one of the numbers after it. */
const FIRST_GROUP = 0x6e737663;
const GROUPS = 1024;

/** A link that is to go. */
interface Doomed {
  index: number;
  /** What `ip` is to call it. */
  word: string;
  gone: PromiseWithResolvers<void>;
}

/** Links that are removed in one namespace, and those that wait. */
interface Line {
  namespace: string | undefined;
  waiting: Doomed[];
}

/** Removes links of any namespace. */
export class LinkRemoval {
  readonly #runner: Runner;
  readonly #lines = new Map<string | undefined, Line>();
  #group = 0;

  constructor(runner: Runner) {
    this.#runner = runner;
  }

  /**
   * Removes a link; harmless when there is none. Returns when it is gone: from then on nobody finds it or
   * sends through it, and its name is free. The kernel answers `ip` some 20 ms later, when it has freed
   * what belonged to the link (`rcu_barrier()` in `netdev_run_todo()`).
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
      // By its index, which nobody gets again so soon: the name may be another link's by then, if somebody else
      // deleted this one in the meantime. `ip` takes it for a name first, where a link is called so.
      const byIndex = `if${index}`;
      const word = linkIndex(byIndex) === undefined ? byIndex : name;
      return { index, word, gone: Promise.withResolvers<void>() };
    });
  }

  async #work(line: Line): Promise<void> {
    // Those that are asked for at once go together.
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
    // One of them was gone before, or can't go: each by itself says which.
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

  /** Waits until `ip` has answered or all are gone; gives those that are still there. */
  async #apply(ops: NetOp[], all: Doomed[], namespace?: string): Promise<Doomed[]> {
    let answered = false;
    const answer = this.#runner.apply(ops, namespace).finally(() => answered = true);
    answer.catch(() => {}); // Heard of below, unless the links are gone before.
    let left = all;
    while (!answered && left.length > 0) {
      await atMost(answer, LOOK_MS).catch(() => {});
      left = this.#settle(left, namespace);
    }
    if (left.length > 0) await answer;
    return this.#settle(left, namespace);
  }

  /** Tells of those that are gone, and gives the others. */
  #settle(all: Doomed[], namespace?: string): Doomed[] {
    const left = this.#stillThere(all, namespace);
    for (const one of all) if (!left.includes(one)) one.gone.resolve();
    return left;
  }

  #stillThere(all: Doomed[], namespace?: string): Doomed[] {
    try {
      return this.#runner.within(namespace, () => all.filter(({ index }) => hasLinkIndex(index)));
    } catch {
      return all; // With its namespace; `ip` tells.
    }
  }
}
