/**
 * The suite that every backend passes. A backend's test calls {@linkcode storeConformance} once.
 *
 * @module
 */
import type { Conforming } from "./case.ts";
import { withDeadline } from "./case.ts";
import { concurrency } from "./concurrency.ts";
import { ensembles, type Members } from "./ensembles.ts";
import { entries } from "./entries.ts";
import { faults, type Faulty } from "./faults.ts";
import { leases } from "./leases.ts";
import { model } from "./model.ts";
import { transactions } from "./transactions.ts";
import { watches } from "./watches.ts";

export type { Conforming } from "./case.ts";
export type { Members } from "./ensembles.ts";
export type { Faulty } from "./faults.ts";

/** Time that one case may take, in milliseconds. */
const CASE_MS = 60_000;
/** Time that one case with failures may take, in milliseconds. */
const FAULT_MS = 180_000;

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
 * Registers the cases with failures, for a store with a server, as tests named `NAME: …`. They wait for
 * most of their time, so all versions are tried at once.
 *
 * @param versions by version, what gives a server without data to each case; the suite disposes of it
 */
export function storeFaults(name: string, versions: Record<string, () => Promise<Faulty>>): void {
  for (const [title, run] of Object.entries(faults)) {
    Deno.test(`${name}: ${title}`, async () => {
      const outcomes = await Promise.allSettled(
        Object.entries(versions).map(async ([version, open]) => {
          await using subject = await open();
          await withDeadline(run(subject), FAULT_MS, title).catch((error) => {
            throw new Error(`With ${name} ${version}: ${error.stack}`, { cause: error });
          });
        }),
      );
      for (const outcome of outcomes) if (outcome.status === "rejected") throw outcome.reason;
    });
  }
}

/**
 * Registers the cases of stores of several members as tests named `NAME: …`.
 *
 * @param open gives three members without data to each case; the suite disposes of it
 */
export function storeEnsembles(name: string, open: () => Promise<Members>): void {
  for (const [title, run] of Object.entries(ensembles)) {
    Deno.test(`${name}: ${title}`, async () => {
      await using subject = await open();
      await withDeadline(run(subject), FAULT_MS, title);
    });
  }
}
