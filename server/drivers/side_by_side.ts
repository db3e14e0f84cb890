/**
 * Store and kernel are written side by side: neither needs the other's answer, and what one refuses is rolled back
 * in the other. After a crash between the two the reconciler follows the store, or, where a plugin takes part, the
 * intent log settles it.
 *
 * @module
 */
import { setImmediate } from "node:timers";
import { getLogger } from "@logtape/logtape";
import type { CommitResult } from "../../kv/store.ts";
import { errorChain } from "../../lib/api/errors.ts";

const log = getLogger(["netsvc", "drivers"]);

/** The two halves of a change that is under way. */
export interface Halves<Made> {
  committed: Promise<CommitResult>;
  made: Promise<Made>;
}

/** How the two halves end: both succeed, or both are undone. */
export interface Ending<Made, Done> {
  /** For the log: `network "front"`. */
  what: string;
  /** Called when both have succeeded; what it throws undoes both. */
  confirm(made: Made): Promise<Done> | Done;
  undoMake(): Promise<void>;
  undoCommit(): Promise<void>;
}

/** Begins both halves. */
export function begin<Made>(
  commit: () => Promise<CommitResult>,
  make: () => Promise<Made>,
): Halves<Made> {
  const halves = { committed: commit(), made: make() };
  // finish() handles both; until then a failure of the first would count as unhandled.
  for (const half of Object.values(halves)) half.catch(() => {});
  return halves;
}

/**
 * Finishes what was begun: both halves have succeeded, or both are undone.
 *
 * @returns the key that another host wrote first, as `conflict`: the caller may decide again
 */
export async function finish<Made, Done>(
  halves: Halves<Made>,
  ending: Ending<Made, Done>,
): Promise<{ done: Done } | { conflict: string }> {
  const [committed, made] = await Promise.allSettled([halves.committed, halves.made]);
  const won = committed.status === "fulfilled" && committed.value.ok;
  const undo = async () => {
    await logged(`the kernel's half of ${ending.what}`, ending.undoMake);
    if (won) await logged(`the store's half of ${ending.what}`, ending.undoCommit);
  };
  if (won && made.status === "fulfilled") {
    try {
      return { done: await ending.confirm(made.value) };
    } catch (error) {
      await undo();
      throw error;
    }
  }
  await undo();
  if (committed.status === "rejected") {
    throw made.status === "rejected" ? made.reason : committed.reason;
  }
  // A decision on an old state may well have failed in the kernel, too.
  if (!committed.value.ok) return { conflict: committed.value.failed };
  throw (made as PromiseRejectedResult).reason;
}

/** An end in store and kernel. */
export interface BothEnds {
  commit(): Promise<void>;
  end(): Promise<void>;
  /** For the log: `the attachment of service "db"`. */
  what: string;
  /** Makes in the kernel what has ended there, and is still in the store. */
  makeAgain(): Promise<void>;
}

/**
 * Ends something in store and kernel side by side. Where the store refuses at once, the kernel's half isn't touched;
 * where it refuses later, that is made again. A failure of the kernel's half is told, and what is left is the
 * reconciler's.
 */
export async function endBoth({ commit, end, what, makeAgain }: BothEnds): Promise<void> {
  let refused = false;
  const committing = commit().catch((error) => {
    refused = true;
    throw error;
  });
  committing.catch(() => {}); // Handled below.
  await new Promise<void>((resolve) => setImmediate(resolve));
  if (refused) return await committing;
  const [committed, ended] = await Promise.allSettled([committing, end()]);
  if (committed.status === "rejected") {
    await logged(`the kernel's half of ${what}`, makeAgain);
    throw committed.reason;
  }
  if (ended.status === "rejected") throw ended.reason;
}

async function logged(what: string, undo: () => Promise<void>): Promise<void> {
  try {
    await undo();
  } catch (error) {
    log.error("Cannot roll back {what}: {cause}", { what, cause: errorChain(error).join(": ") });
  }
}
