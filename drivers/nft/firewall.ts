/**
 * netsvc's nftables tables in one namespace: holds their desired elements, changes the tables element by element,
 * and replaces them as a whole after another program removed them.
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
  netChange,
  noElements,
  sameElements,
  tableScript,
  type TableSpec,
} from "./table.ts";

/** Delay of elements that no caller waits for, so that they go together with others, in milliseconds. */
const SOON_MS = 10;

/** Changes in one transaction, at most. */
const MAX_TOGETHER = 128;

/** Elements to change, by set; sets that aren't named stay as they are. */
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
  /** Whether the tables certainly don't exist. */
  #absent = false;
  /** The elements that the tables should hold. */
  #wanted: Elements;
  /** Whether the tables may differ from that: a reconcile set the desired elements, and failed. */
  #unsure = false;
  /** Elements that stay in the tables independently of what is reconciled. */
  #standing: Partial<Elements> = {};
  #sound = false;
  /** Elements that go in with the next change. */
  readonly #soon: Partial<Elements>[] = [];
  #timer: number | undefined;
  /** Changes run one after the other: each is a difference to the one before. */
  readonly #changes = new Mutex();
  /** The changes that wait in line last. */
  #last: { changes: Change[]; outcomes: Promise<PromiseSettledResult<void>[]> } | undefined;

  /** @param path of the namespace; by default the host's */
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

  /** The elements given to {@linkcode stand}. */
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

  /**
   * Starts over for a namespace that is new or about to be made, without tables. When this resolves, no change
   * still uses the old namespace.
   *
   * @param remove removes tables that are there
   */
  async startEmpty({ remove = false }: { remove?: boolean } = {}): Promise<void> {
    if (remove) {
      const scripts = this.#specs.map(({ name }) => `add table ${name}\ndelete table ${name}\n`);
      await this.#alone(() => this.#session.run(scripts.join("")));
    }
    this.#wanted = noElements(this.#specs);
    this.#absent = true;
    await this.#session.close();
  }

  /** Elements whose first word is `word`. */
  about(word: string): Partial<Elements> {
    return Object.fromEntries(
      Object.entries(this.#wanted).map(([name, elements]) => [
        name,
        new Set([...elements].filter((e) => e === word || e.startsWith(`${word} . `))),
      ]),
    );
  }

  /**
   * Adds elements a moment later, together with others and at the latest with the next change: a process takes as
   * long to start as all the rest of an operation. The next change, or the reconciler, repairs a failure.
   */
  putSoon(add: Partial<Elements>): void {
    this.#soon.push(add);
    this.#timer ??= setTimeout(() => this.change({}).catch(() => {}), SOON_MS);
  }

  /**
   * Removes `remove` and adds `add`, in one transaction, and with it what other callers want that wait in line
   * directly before it.
   */
  async change(change: Change): Promise<void> {
    if (this.#last === undefined || this.#last.changes.length >= MAX_TOGETHER) {
      const changes: Change[] = [];
      const outcomes = this.#changes.run(() => {
        if (this.#last?.changes === changes) this.#last = undefined;
        return this.#makeAll(changes);
      });
      this.#last = { changes, outcomes };
    }
    const { changes, outcomes } = this.#last;
    const place = changes.push(change) - 1;
    const outcome = (await outcomes)[place]!;
    if (outcome.status === "rejected") throw outcome.reason;
  }

  async #makeAll(changes: Change[]): Promise<PromiseSettledResult<void>[]> {
    const soon = { add: merged(this.#takeSoon()) };
    const done = { status: "fulfilled", value: undefined } as const;
    if (changes.length > 1) {
      try {
        await this.#sounding(() => this.#make([soon, ...changes]));
        return changes.map(() => done);
      } catch {
        // One of them can't be. By itself each shows whether it is the one.
      }
    }
    const outcomes: PromiseSettledResult<void>[] = [];
    for (const [n, change] of changes.entries()) {
      const all = n === 0 ? [soon, change] : [change];
      outcomes.push(...await Promise.allSettled([this.#sounding(() => this.#make(all))]));
    }
    return outcomes;
  }

  /** Makes changes in one transaction, or none of them. */
  async #make(changes: Change[]): Promise<void> {
    const change = netChange(changes.map(({ add = {}, remove = {} }) => {
      const one = changeOf(this.#wanted, { add, remove });
      applyChange(this.#wanted, one);
      return one;
    }));
    const script = elementScript(this.#specs, { verb: "delete", elements: change.removed }) +
      elementScript(this.#specs, { verb: "add", elements: change.added });
    if (script === "" && !this.#unsure) return;
    try {
      if (this.#absent || this.#unsure) await this.#replace();
      else await this.#session.run(script);
    } catch {
      // The tables aren't as netsvc left them (another program's flush, or a first start): make all of them.
      await this.#replace().catch((error) => {
        applyChange(this.#wanted, { added: change.removed, removed: change.added });
        throw error;
      });
    }
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
    // Elements that are only late are no fault to report. Where they can't be added, the tables are replaced.
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
   * Makes the tables again where another program removed them, as a reload of nftables' own rules does; tells
   * whether they were missing. Until then none of their rules is in force.
   */
  restore(): Promise<boolean> {
    this.#last = undefined;
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
      return undefined; // There is no table, or not yet.
    }
  }

  #alone<T>(action: () => Promise<T>): Promise<T> {
    this.#last = undefined; // Changes that come from now on come after it.
    return this.#changes.run(() => this.#sounding(action));
  }

  /** Notes whether it succeeds. */
  async #sounding<T>(action: () => Promise<T>): Promise<T> {
    try {
      const result = await action();
      this.#sound = true;
      return result;
    } catch (error) {
      this.#sound = false;
      throw error;
    }
  }
}
