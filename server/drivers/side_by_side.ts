/**
 * Store and kernel are written side by side: neither needs the other's answer, what one refuses is taken
 * back from the other, and after a crash between the two the reconciler goes by the store, or, where a
 * plugin has its part, whoever settles the intents.
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
import type { CommitResult } from "../../kv/store.ts";
import { errorChain } from "../../lib/api/errors.ts";

const log = getLogger(["netsvc", "drivers"]);

/** The two halves of a change that is under way. */
export interface Halves<Made> {
  committed: Promise<CommitResult>;
  made: Promise<Made>;
}

/** How halves become one, or none. */
export interface Ending<Made, Done> {
  /** For the log: `network "front"`. */
  what: string;
  /** Called when both have succeeded; what it throws undoes both. */
  confirm(made: Made): Promise<Done> | Done;
  undoMake(): Promise<void>;
  undoCommit(): Promise<void>;
}

/** Begins both. */
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
 * Ends what was begun: both have succeeded, or neither stays.
 *
 * @returns the key that another host was faster about, as `conflict`: it may be decided again
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
  // What was decided on an old state may well have failed in the kernel, too.
  if (!committed.value.ok) return { conflict: committed.value.failed };
  throw (made as PromiseRejectedResult).reason;
}

async function logged(what: string, undo: () => Promise<void>): Promise<void> {
  try {
    await undo();
  } catch (error) {
    log.error("Cannot roll back {what}: {cause}", { what, cause: errorChain(error).join(": ") });
  }
}
