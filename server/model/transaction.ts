/**
 * Transactions put together from fragments, and committed optimistically: decided on the state as it is,
 * and decided again where another host was faster.
 *
 * @module
 */
import { backoff } from "../../lib/async/backoff.ts";
import { sleep } from "../../lib/async/sleep.ts";
import type { Check, CommitResult, Transaction } from "../../kv/store.ts";
import { NetsvcError } from "../../lib/api/errors.ts";

/** Attempts before a decision that keeps losing its race is abandoned. */
const MAX_TRIES = 12;
/** The pauses in which the mirror catches up with the store that refused, in milliseconds. */
const PAUSES = { first: 3, longest: 300 };

/** A part of a transaction. All fields are present. */
export type Fragment = Required<Transaction>;

/** What {@linkcode decideAndCommit} commits to: a mirror, which also waits for its own commit to return. */
export interface Committer {
  commit(transaction: Transaction): Promise<CommitResult>;
}

/** Puts fragments together. Equal checks of one key are made once. Pure. */
export function together(...fragments: Transaction[]): Fragment {
  const checks = new Map<string, Check>();
  for (const check of fragments.flatMap((fragment) => fragment.checks ?? [])) {
    checks.set(`${check.key}\0${check.revision}`, check);
  }
  return {
    checks: [...checks.values()],
    puts: fragments.flatMap(({ puts = [] }) => puts),
    deletes: fragments.flatMap(({ deletes = [] }) => deletes),
  };
}

/** How much of a transaction's bound a fragment takes. Pure. */
export function operations({ checks = [], puts = [], deletes = [] }: Transaction): number {
  return checks.length + puts.length + deletes.length;
}

/**
 * Retries an optimistic transaction until it commits.
 *
 * @throws {NetsvcError} `conflict` after twelve conflicts in a row
 */
export async function tryAgain<T>(
  attempt: () => Promise<{ done: T } | { conflict: string }>,
): Promise<T> {
  let conflict = "";
  for (let failures = 1; failures <= MAX_TRIES; failures++) {
    const outcome = await attempt();
    if ("done" in outcome) return outcome.done;
    conflict = outcome.conflict;
    // The mirror may not have the change yet that the store refused by: deciding again at once would be in vain.
    await sleep(backoff(failures, PAUSES));
  }
  throw new NetsvcError(
    "conflict",
    `Somebody else kept changing "${conflict}" at the same time; try again`,
  );
}

/**
 * Decides on the present state and commits; when another host was faster, decides again. `decide` returns the
 * transaction and the answer; it throws to refuse. It gets the keys that other hosts wrote first, since the mirror may
 * not have them yet.
 *
 * @throws {NetsvcError} `conflict` after twelve conflicts in a row
 */
export function decideAndCommit<T>(
  mirror: Committer,
  decide: (lost: ReadonlySet<string>) => { transaction: Transaction; result: T },
): Promise<T> {
  const lost = new Set<string>();
  return tryAgain(async () => {
    const { transaction, result } = decide(lost);
    const outcome = await mirror.commit(transaction);
    if (outcome.ok) return { done: result };
    lost.add(outcome.failed);
    return { conflict: outcome.failed };
  });
}
