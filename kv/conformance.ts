/**
 * The suite that every backend passes. A backend's test calls {@linkcode storeConformance} once.
 *
 * @module
 */
import type { Conforming } from "./conformance/case.ts";
import { withDeadline } from "./conformance/case.ts";
import { concurrency } from "./conformance/concurrency.ts";
import { entries } from "./conformance/entries.ts";
import { faults, type Faulty } from "./conformance/faults.ts";
import { leases } from "./conformance/leases.ts";
import { model } from "./conformance/model.ts";
import { transactions } from "./conformance/transactions.ts";
import { watches } from "./conformance/watches.ts";

export type { Conforming } from "./conformance/case.ts";
export type { Faulty } from "./conformance/faults.ts";

/** Time that one case may take, and one with failures, in milliseconds. */
const CASE_MS = 60_000, FAULT_MS = 180_000;

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

/**
 * Registers the cases with failures, for a store with a server, as tests named `NAME: …`.
 *
 * @param open gives a server without data to each case; the suite disposes of it
 * @param skip titles of cases that this store can't have, with the reason
 */
export function storeFaults(
  name: string,
  open: () => Promise<Faulty>,
  skip: Record<string, string> = {},
): void {
  for (const title of Object.keys(skip)) {
    if (!(title in faults)) throw new Error(`There is no case "${title}"`);
  }
  for (const [title, run] of Object.entries(faults)) {
    if (title in skip) continue;
    Deno.test(`${name}: ${title}`, async () => {
      await using subject = await open();
      await withDeadline(run(subject), FAULT_MS, title);
    });
  }
}
