/**
 * netsvc's nftables tables in one namespace: holds what should be in them, changes them by elements, and
 * replaces them as a whole when somebody took them away.
 *
 * @module
 */
import { Mutex } from "../../lib/async/mutex.ts";
import { NetsvcError } from "../../lib/api/errors.ts";
import type { NftSession } from "../../lib/linux/nft/nft_session.ts";
import type { Runner } from "../../lib/linux/tools/runner.ts";
import { ToolError } from "../../lib/linux/tools/tool_error.ts";
import { type NftObject, readTable } from "./observe.ts";
import {
  addElements,
  applyChange,
  changeOf,
  type Elements,
  elementScript,
  merged,
  noElements,
  sameElements,
  tableScript,
  type TableSpec,
  without,
} from "./table.ts";

/** What needs no answer waits so long for others, in milliseconds. */
const SOON_MS = 10;

/** What to change: elements by set, those of sets that aren't named stay. */
export interface Change {
  add?: Partial<Elements>;
  remove?: Partial<Elements>;
}

/** The tables on one host, or in one namespace. */
export class Firewall {
  readonly #runner: Runner;
  readonly #specs: readonly TableSpec[];
  readonly #path: () => string | undefined;
  readonly #session: NftSession;
  /** Nothing of the tables is there, for sure. */
  #absent = false;
  /** What the tables should hold. */
  #wanted: Elements;
  /** They may not hold it: a reconcile said what it should be, and failed. */
  #unsure = false;
  /** What is in them whatever else is. */
  #standing: Partial<Elements> = {};
  #sound = false;
  /** What is put in with the next change. */
  readonly #soon: Partial<Elements>[] = [];
  #timer: number | undefined;
  /** Changes run one after the other: each is a difference to the one before. */
  readonly #changes = new Mutex();

  /** @param path of the namespace; the host's unless given */
  constructor(
    runner: Runner,
    specs: readonly TableSpec[],
    path: () => string | undefined = () => undefined,
  ) {
    this.#runner = runner;
    this.#specs = specs;
    this.#path = path;
    this.#wanted = noElements(specs);
    this.#session = runner.nftSession(path);
  }

  /** Whether the last change succeeded. */
  get sound(): boolean {
    return this.#sound;
  }

  /** What was given to {@linkcode stand}. */
  get standing(): Partial<Elements> {
    return this.#standing;
  }

  /** Makes sets hold exactly these elements, from now on, whatever is reconciled. */
  async stand(sets: Partial<Elements>): Promise<void> {
    const before = this.#standing;
    this.#standing = { ...before, ...sets };
    const remove = Object.fromEntries(Object.keys(sets).map((name) => [name, before[name]]));
    await this.change({ add: sets, remove });
  }

  /** The namespace is new, or will be: there is nothing in it. The old one is let go when this resolves. */
  async startEmpty(): Promise<void> {
    this.#wanted = noElements(this.#specs);
    this.#absent = true;
    await this.#session.close();
  }

  /** Elements whose first word is this. */
  about(word: string): Partial<Elements> {
    return Object.fromEntries(
      Object.entries(this.#wanted).map(([name, elements]) => [
        name,
        new Set([...elements].filter((e) => e === word || e.startsWith(`${word} . `))),
      ]),
    );
  }

  /**
   * Puts elements in a moment later, together with others and at the latest with the next change: a
   * process takes as long to start as all else of an operation. A failure is the next change's, or the
   * reconciler's, to mend.
   */
  putSoon(add: Partial<Elements>): void {
    this.#soon.push(add);
    this.#timer ??= setTimeout(() => this.change({}).catch(() => {}), SOON_MS);
  }

  /** Takes `remove` out and puts `add` in, in one transaction. */
  change({ add = {}, remove = {} }: Change): Promise<void> {
    return this.#alone(async () => {
      const soon = this.#takeSoon().map((part) => without(part, remove));
      const change = changeOf(this.#wanted, { add: merged([...soon, add]), remove });
      const script = elementScript(this.#specs, { verb: "delete", elements: change.removed }) +
        elementScript(this.#specs, { verb: "add", elements: change.added });
      if (script === "" && !this.#unsure) return;
      applyChange(this.#wanted, change);
      try {
        if (this.#absent || this.#unsure) await this.#replace();
        else await this.#session.run(script);
      } catch {
        // The tables aren't as they were left (a flush by somebody, a first start): put up all of it.
        await this.#replace().catch((error) => {
          applyChange(this.#wanted, { added: change.removed, removed: change.added });
          throw error;
        });
      }
    });
  }

  async #replace(): Promise<void> {
    await this.#session.run(tableScript(this.#specs, this.#wanted));
    this.#absent = false;
    this.#unsure = false;
  }

  #takeSoon(): Partial<Elements>[] {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    return this.#soon.splice(0);
  }

  /** Makes the tables hold exactly `wanted`; tells whether they had to be replaced. */
  async reconcile(wanted: Partial<Elements>): Promise<boolean> {
    // What is only late is no damage. Where it can't be put in, the table is replaced.
    await this.change({}).catch(() => {});
    return await this.#alone(async () => {
      this.#wanted = addElements(noElements(this.#specs), wanted, this.#standing);
      this.#unsure = true;
      if (await this.#areRight()) {
        this.#unsure = false;
        return false;
      }
      await this.#replace();
      return true;
    });
  }

  /**
   * Puts the tables up again where somebody took them away, as a reload of nftables' own rules does; tells whether.
   * Until then nothing of what they hold would be so.
   */
  restore(): Promise<boolean> {
    return this.#changes.run(async () => {
      if (!this.#sound || this.#absent) return false;
      const args = ["list", "tables"];
      const { nftables } = await this.#runner.json<{ nftables: NftObject[] }>(
        "nft",
        args,
        this.#path(),
      );
      const names = new Set(nftables.map(({ table }) => `${table?.family} ${table?.name}`));
      if (this.#specs.every(({ name }) => names.has(name))) return false;
      await this.#replace();
      return true;
    });
  }

  async #areRight(): Promise<boolean> {
    const shown = await Promise.all(this.#specs.map((spec) => this.#read(spec)));
    if (!shown.every((elements) => elements !== undefined)) return false;
    return sameElements(addElements(noElements(this.#specs), ...shown), this.#wanted);
  }

  async #read(spec: TableSpec): Promise<Elements | undefined> {
    try {
      const args = ["list", "table", ...spec.name.split(" ")];
      const listing = await this.#runner.json<{ nftables: NftObject[] }>(
        "nft",
        args,
        this.#path(),
      );
      return readTable(spec, listing.nftables);
    } catch (error) {
      if (error instanceof NetsvcError && error.code === "unsupported") throw error;
      if (!(error instanceof ToolError) || error.errno !== "ENOENT") throw error;
      return undefined; // There is no table (yet).
    }
  }

  #alone<T>(action: () => Promise<T>): Promise<T> {
    return this.#changes.run(async () => {
      try {
        const result = await action();
        this.#sound = true;
        return result;
      } catch (error) {
        this.#sound = false;
        throw error;
      }
    });
  }
}
