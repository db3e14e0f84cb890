/**
 * Records of the shared store that this host leaves out, since they can't be netsvc's.
 *
 * @module
 */
import { SHARED_PREFIXES } from "../../model/shared_records.ts";
import type { Finding } from "../../../lib/api/types.ts";
import type { CheckContext } from "../check.ts";
import { enumerate, findingsOf } from "../finding.ts";

const { ok, problem } = findingsOf("records");
/** Records that are named. */
const NAMED = 5;

/** Checks the records of all networks, services and hosts. */
export async function checkRecords({ context, link, admission }: CheckContext): Promise<Finding[]> {
  if (!link) return [];
  if (!link.away) {
    await Promise.all(SHARED_PREFIXES.map((prefix) => context.state.shared.store.list(prefix)));
  }
  const { leftOut } = admission;
  if (leftOut.length === 0) return [ok("All records of networks, services and hosts are netsvc's")];
  const named = leftOut.slice(0, NAMED).map(({ key, fault }) => `${key} (${fault})`);
  const more = leftOut.length > NAMED ? [`${leftOut.length - NAMED} more`] : [];
  return [problem(
    `The store has ${leftOut.length} records that are left out: ${enumerate([...named, ...more])}`,
    "Find out who writes into the store besides netsvc, or which host runs another version; then " +
      "delete these keys",
  )];
}
