/**
 * The processes that stay in one namespace between batches: of `ip`, and of `bridge`.
 *
 * @module
 */
import type { Batch } from "../net/ip_batch.ts";
import { KeptBatches } from "./kept_batches.ts";
import { KeptEntries, type KeptEntriesOptions } from "./kept_entries.ts";
import type { Processes } from "./processes.ts";

/** The tools of one namespace. */
export class KeptTools {
  readonly #batches: KeptBatches;
  readonly #entries: KeptEntries;

  constructor(processes: Processes, options: KeptEntriesOptions) {
    this.#batches = new KeptBatches(processes, options.namespace);
    this.#entries = new KeptEntries(processes, options);
  }

  /** Runs lines, which have been checked. @throws {ToolError} */
  run({ tool, lines }: Batch): Promise<void> {
    return (tool === "ip" ? this.#batches : this.#entries).run(lines);
  }

  /** Ends the idle ones: what they know of links may be outdated. */
  async forget(): Promise<void> {
    await Promise.all([this.#batches.forget(), this.#entries.forget()]);
  }

  /** Ends the idle ones at once, and keeps none from now on. */
  async end(): Promise<void> {
    this.#entries.retire();
    await Promise.all([this.#batches.end(), this.#entries.forget()]);
  }

  /** Keeps none from now on; those at work end after it. */
  retire(): void {
    this.#batches.retire();
    this.#entries.retire();
  }
}
