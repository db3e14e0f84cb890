/**
 * Forgets certificates that were revoked and have ended since: nobody takes them any more.
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
import { errorChain } from "../../../lib/api/errors.ts";
import { HOST_LASTS_MS } from "./authority.ts";
import { revoked } from "./records.ts";
import type { Reads } from "./scoped_store.ts";
import { endedSince } from "./serials.ts";

const log = getLogger(["netsvc", "cluster"]);
/** Records that one transaction removes. */
const BATCH = 32;

/** Never fails: what is left is for the next time. @param store the public part, opened as a voter */
export async function pruneRevoked(store: Reads, now = Date.now()): Promise<void> {
  try {
    const ended = endedSince(await revoked.list(store, "revoked/"), { lasts: HOST_LASTS_MS, now });
    for (let i = 0; i < ended.length; i += BATCH) {
      const deletes = ended.slice(i, i + BATCH).map(({ serial }) => revoked.key(serial));
      await store.commit({ deletes });
    }
  } catch (error) {
    log.debug("No revoked certificate is forgotten: {cause}", {
      cause: errorChain(error).join(": "),
    });
  }
}
