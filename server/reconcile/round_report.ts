/**
 * What a round of the reconciler found.
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
import { errorChain } from "../../lib/api/errors.ts";

const log = getLogger(["netsvc", "reconcile"]);

/** Findings as text; both lists are empty when all was well. */
export class RoundReport {
  /** Differences that the round repaired. */
  readonly mended: string[] = [];
  /** Differences that remain. */
  readonly failed: string[] = [];

  tell(line: string): void {
    this.mended.push(line);
    log.info("{line}", { line });
  }

  warn(what: string, error: unknown): void {
    const cause = errorChain(error).join(": ");
    this.failed.push(`${what}: ${cause}`);
    log.warn("{what}: {cause}", { what, cause });
  }
}
