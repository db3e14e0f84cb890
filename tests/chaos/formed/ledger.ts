/**
 * What a store has acknowledged, and so must have. Pure.
 *
 * A backup that is restored takes back what came after it: that is what it is for. So the ledger can be marked, and put
 * back to a mark; what was asked for meanwhile may have happened or not.
 *
 * @module
 */

/** What is known of a name. */
type Known = "there" | "gone";

/** A ledger at one moment. */
export type Mark = ReadonlyMap<string, Known>;

/** Names that were acknowledged. Each has one writer, which asks for one thing at a time. */
export class Ledger {
  #known = new Map<string, Known>();
  /** Odd while a restore is under way. */
  #epoch = 0;
  /** Writes that were acknowledged, over all. */
  acknowledged = 0;

  /** Those that must be there. */
  there(): string[] {
    return this.#all("there");
  }

  /** Those that must not. */
  gone(): string[] {
    return this.#all("gone");
  }

  #all(what: Known): string[] {
    return [...this.#known].filter(([, known]) => known === what).map(([name]) => name);
  }

  /** Does what is to make a name what it is then. What fails may have happened all the same. */
  async write(name: string, then: Known, act: () => Promise<unknown>): Promise<void> {
    const epoch = this.#epoch;
    // Until the answer it is either.
    this.#known.delete(name);
    await act();
    this.acknowledged++;
    if (epoch === this.#epoch && epoch % 2 === 0) this.#known.set(name, then);
  }

  /** What is known when a backup begins. */
  mark(): Mark {
    return new Map(this.#known);
  }

  /** What a backup must have that ends now: whatever nobody has written since it began. */
  narrow(mark: Mark): Mark {
    return new Map([...mark].filter(([name, known]) => this.#known.get(name) === known));
  }

  /** A restore begins: what is acknowledged from now on it may take back. */
  restoring(): void {
    if (this.#epoch % 2 === 0) this.#epoch++;
  }

  /** It has ended. */
  restored(mark: Mark): void {
    this.#known = new Map(mark);
    if (this.#epoch % 2 === 1) this.#epoch++;
  }

  /** Whether a restore has begun that hasn't ended. */
  get halfRestored(): boolean {
    return this.#epoch % 2 === 1;
  }
}
