/**
 * The table that balances connections in one namespace: what it should have, and what it was last told.
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
import type { Firewall } from "../../../drivers/nft/firewall.ts";
import { type Elements, merged } from "../../../drivers/nft/table.ts";
import { errorChain } from "../../../lib/api/errors.ts";
import { backoff } from "../../../lib/async/backoff.ts";

const log = getLogger(["netsvc", "sandbox"]);
/** Pauses before it is tried again, in milliseconds. */
const PAUSES = { first: 100, longest: 10_000 };

/** What a place is made of. */
export interface PlaceParts {
  /** For the log. */
  name: string;
  firewall: Firewall;
  /** What it should have of a service; `undefined`: nothing. The same object while nothing has changed. */
  wanted: (service: string) => Partial<Elements> | undefined;
  /** Whether the namespace exists. */
  isThere: () => boolean;
  /** The generation of the namespace's nftables. */
  generation: () => number | undefined;
  /** Called when it has nothing any more. */
  ended: () => void;
}

/** One namespace. */
export class Place {
  readonly #parts: PlaceParts;
  readonly #told = new Map<string, Partial<Elements>>();
  readonly #dirty = new Set<string>();
  #running: Promise<void> | undefined;
  #failures = 0;
  #timer: number | undefined;
  #generation: number | undefined;
  #closed = false;

  constructor(parts: PlaceParts) {
    this.#parts = parts;
  }

  /** Services that it has something of. */
  get services(): Iterable<string> {
    return this.#told.keys();
  }

  has(service: string): boolean {
    return this.#told.has(service);
  }

  /** Looks at services again, soon: all that are touched before then in one transaction. */
  touch(services: Iterable<string>): void {
    for (const service of services) this.#dirty.add(service);
    if (this.#closed) return;
    this.#running ??= Promise.resolve().then(() => this.#run())
      .finally(() => this.#running = undefined);
  }

  /** Resolves when it has what it should, or has failed, which it goes on to try. */
  async settled(): Promise<void> {
    await this.#running;
  }

  async #run(): Promise<void> {
    clearTimeout(this.#timer);
    while (this.#dirty.size > 0) {
      const services = [...this.#dirty];
      this.#dirty.clear();
      try {
        await this.#change(services);
        this.#failures = 0;
      } catch (error) {
        for (const service of services) this.#dirty.add(service);
        return this.#failed(error);
      }
    }
    if (this.#told.size === 0) this.#parts.ended();
  }

  async #change(services: string[]): Promise<void> {
    const { firewall, wanted, generation } = this.#parts;
    const changed = services.map((service) => ({
      ...{ service, before: this.#told.get(service), after: wanted(service) },
    })).filter(({ before, after }) => before !== after);
    if (changed.length === 0) return;
    // Whatever an earlier daemon has left is replaced.
    if (this.#told.size === 0) await firewall.startEmpty();
    const left = new Map(this.#told);
    for (const { service, after } of changed) {
      if (after) left.set(service, after);
      else left.delete(service);
    }
    if (left.size === 0) await this.#empty();
    else {
      await firewall.change({
        add: merged(changed.map(({ after = {} }) => after)),
        remove: merged(changed.map(({ before = {} }) => before)),
      });
    }
    for (const { service, after } of changed) {
      if (after) this.#told.set(service, after);
      else this.#told.delete(service);
    }
    this.#generation = generation();
  }

  async #empty(): Promise<void> {
    const { firewall, isThere } = this.#parts;
    // With the sandbox its tables are gone.
    await firewall.startEmpty({ remove: isThere() });
  }

  #failed(error: unknown): void {
    const { name } = this.#parts;
    const cause = errorChain(error).join(": ");
    if (++this.#failures === 1) {
      log.warn("Cannot balance connections of {name}: {cause}", { name, cause });
    }
    if (this.#closed) return;
    const again = () => this.touch([]);
    this.#timer = setTimeout(again, backoff(this.#failures, PAUSES));
  }

  /** Compares the table with what it should have, where anything of nftables has changed there. */
  async reconcile(): Promise<void> {
    await this.settled();
    const generation = this.#parts.generation();
    if (this.#told.size === 0 || generation === this.#generation) return;
    try {
      if (await this.#parts.firewall.reconcile(merged([...this.#told.values()]))) {
        log.info("Replaced the table that balances connections of {name}", {
          name: this.#parts.name,
        });
      }
      this.#generation = this.#parts.generation();
    } catch (error) {
      this.#failed(error);
    }
  }

  /** Removes what an earlier daemon has left. */
  async clear(): Promise<void> {
    await this.settled();
    if (this.#told.size > 0) return;
    await this.#parts.firewall.startEmpty({ remove: true }).catch((error) =>
      log.warn("Cannot remove what balanced connections of {name}: {cause}", {
        name: this.#parts.name,
        cause: errorChain(error).join(": "),
      })
    );
  }

  /** Stops; the table stays. */
  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    await this.settled();
    clearTimeout(this.#timer);
  }
}
