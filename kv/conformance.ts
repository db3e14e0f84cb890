/**
 * The suite that every backend passes. A backend's test calls {@linkcode storeConformance} once.
 *
 * @module
 */
import type { Conforming } from "./conformance/case.ts";
import { withDeadline } from "./conformance/case.ts";
import { concurrency } from "./conformance/concurrency.ts";
import { entries } from "./conformance/entries.ts";
import { leases } from "./conformance/leases.ts";
import { model } from "./conformance/model.ts";
import { transactions } from "./conformance/transactions.ts";
import { watches } from "./conformance/watches.ts";

export type { Conforming } from "./conformance/case.ts";

/** Time that one case may take, in milliseconds. */
const CASE_MS = 60_000;

/**
 * Registers the suite as tests named `NAME: …`.
 *
 * @param open gives an empty store of its own to each case; the suite disposes of it
 */
export function storeConformance(name: string, open: () => Promise<Conforming>): void {
  const groups = [transactions, entries, watches, leases, concurrency, model];
  for (const [title, run] of groups.flatMap((group) => Object.entries(group))) {
    Deno.test(`${name}: ${title}`, async () => {
      await using subject = await open();
      await withDeadline(run(subject), CASE_MS, title);
    });
  }
}
