/**
 * netsvc's nftables table: holds what should be in it, changes it by elements, and replaces it as a
 * whole when somebody took it away.
 *
 * @module
 */
import { errorChain, NetsvcError } from "../../server/wire/errors.ts";
import type { Runner } from "../runner.ts";
import { type NftObject, readTable, sameElements } from "./observe.ts";
import { type Elements, elementScript, noElements, SET_NAMES, tableScript } from "./rules.ts";

/** What needs no answer waits so long for others, in milliseconds. */
const SOON_MS = 10;

/** What is in one and not in the other. */
function difference(one: Elements, other: Elements): Elements {
  const elements = noElements();
  for (const name of SET_NAMES) elements[name] = one[name].difference(other[name]);
  return elements;
}

/** Elements after a change. */
function changed(from: Elements, { add, remove }: { add: Elements; remove: Elements }): Elements {
  const elements = noElements();
  for (const name of SET_NAMES) {
    elements[name] = from[name].difference(remove[name]).union(add[name]);
  }
  return elements;
}

/** The table on one host. */
export class Firewall {
  readonly #runner: Runner;
  /** What the table should hold. */
  #wanted: Elements = noElements();
  #sound = false;
  /** What is put in with the next change. */
  readonly #soon: Elements[] = [];
  #timer: number | undefined;
  /** Changes run one after the other: each is a difference to the one before. */
  #tail: Promise<unknown> = Promise.resolve();

  constructor(runner: Runner) {
    this.#runner = runner;
  }

  /** Whether the last change succeeded. */
  get sound(): boolean {
    return this.#sound;
  }

  /**
   * Puts elements in a moment later, together with others and at the latest with the next change: a
   * process takes as long to start as all else of an operation. A failure is the next change's, or the
   * reconciler's, to mend.
   */
  putSoon(add: Elements): void {
    this.#soon.push(add);
    this.#timer ??= setTimeout(() => this.change(noElements()).catch(() => {}), SOON_MS);
  }

  /** Takes `remove` out and puts `add` in, in one transaction. */
  change(add: Elements, remove: Elements = noElements()): Promise<void> {
    return this.#alone(async () => {
      const before = this.#wanted;
      const steps = [...this.#takeSoon().map((add) => ({ add, remove: noElements() })), {
        add,
        remove,
      }];
      this.#wanted = steps.reduce(changed, before);
      const script = elementScript("delete", difference(before, this.#wanted)) +
        elementScript("add", difference(this.#wanted, before));
      if (script === "") return;
      try {
        await this.#runner.nft(script);
      } catch {
        // The table isn't as it was left (a flush by somebody, a first start): put up all of it.
        await this.#runner.nft(tableScript(this.#wanted)).catch((error) => {
          this.#wanted = before;
          throw error;
        });
      }
    });
  }

  #takeSoon(): Elements[] {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    return this.#soon.splice(0);
  }

  /** Makes the table hold exactly `wanted`; tells whether it had to be replaced. */
  async reconcile(wanted: Elements): Promise<boolean> {
    // What is only late is no damage. Where it can't be put in, the table is replaced.
    await this.change(noElements()).catch(() => {});
    return await this.#alone(async () => {
      this.#wanted = wanted;
      if (await this.#isRight()) return false;
      await this.#runner.nft(tableScript(wanted));
      return true;
    });
  }

  async #isRight(): Promise<boolean> {
    try {
      const listing = await this.#runner.json<{ nftables: NftObject[] }>("nft", [
        "list",
        "table",
        "inet",
        "netsvc",
      ]);
      const shown = readTable(listing.nftables);
      return shown !== undefined && sameElements(shown, this.#wanted);
    } catch (error) {
      if (error instanceof NetsvcError && error.code === "unsupported") throw error;
      if (!errorChain(error)[0]!.includes("No such file")) throw error;
      return false; // There is no table (yet).
    }
  }

  #alone<T>(action: () => Promise<T>): Promise<T> {
    const mine = this.#tail.then(action);
    this.#tail = mine.then(() => this.#sound = true, () => this.#sound = false);
    return mine;
  }
}
