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

/** The table on one host. */
export class Firewall {
  readonly #runner: Runner;
  /** What the table should hold. */
  #wanted: Elements = noElements();
  #sound = false;
  /** Changes run one after the other: each is a difference to the one before. */
  #tail: Promise<unknown> = Promise.resolve();

  constructor(runner: Runner) {
    this.#runner = runner;
  }

  /** Whether the last change succeeded. */
  get sound(): boolean {
    return this.#sound;
  }

  /** Takes `remove` out and puts `add` in, in one transaction. */
  change(add: Elements, remove: Elements = noElements()): Promise<void> {
    return this.#alone(async () => {
      const adding = noElements();
      const removing = noElements();
      for (const name of SET_NAMES) {
        for (const e of remove[name]) {
          if (this.#wanted[name].has(e) && !add[name].has(e)) removing[name].add(e);
        }
        for (const e of add[name]) if (!this.#wanted[name].has(e)) adding[name].add(e);
      }
      const script = elementScript("delete", removing) + elementScript("add", adding);
      if (script === "") return;
      const before = this.#wanted;
      this.#wanted = noElements();
      for (const name of SET_NAMES) {
        for (const e of before[name]) if (!removing[name].has(e)) this.#wanted[name].add(e);
        for (const e of adding[name]) this.#wanted[name].add(e);
      }
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

  /** Makes the table hold exactly `wanted`; tells whether it had to be replaced. */
  reconcile(wanted: Elements): Promise<boolean> {
    return this.#alone(async () => {
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
