/**
 * Checks for records of the shared store that this host ignores because netsvc can't have written them.
 *
 * @module
 */
import { SHARED_PREFIXES } from "../../model/shared_records.ts";
import type { Finding } from "../../../lib/api/types.ts";
import type { LeftOut } from "../../model/shared/admission.ts";
import type { CheckContext } from "../check.ts";
import { enumerate, findingsOf } from "../finding.ts";

const { ok, problem } = findingsOf("records");
/** Number of records that a finding names. */
const NAMED = 5;

/** Checks the records of all networks, services and hosts. */
export async function checkRecords({ context, link, admission }: CheckContext): Promise<Finding[]> {
  if (!link) return [];
  if (!link.away) {
    await Promise.all(SHARED_PREFIXES.map((prefix) => context.state.shared.store.list(prefix)));
  }
  const refused = context.cluster.vteps.refused().map(({ host, address, fault }) =>
    problem(
      `The store says that host ${
        JSON.stringify(host)
      } has the address ${address}, which is left out: ` +
        fault,
      `Give that host's daemon --advertise; if there is none such, find out who writes into the store`,
    )
  ).slice(0, NAMED);
  if (refused.length > 0) return [...refused, ...findingsAbout(admission.leftOut)];
  if (admission.leftOut.length === 0) {
    return [ok("All records of networks, services and hosts are netsvc's")];
  }
  return findingsAbout(admission.leftOut);
}

function findingsAbout(leftOut: LeftOut[]): Finding[] {
  if (leftOut.length === 0) return [];
  const named = leftOut.slice(0, NAMED).map(({ key, fault }) => `${key} (${fault})`);
  const more = leftOut.length > NAMED ? [`${leftOut.length - NAMED} more`] : [];
  return [problem(
    `The store has ${leftOut.length} records that are left out: ${enumerate([...named, ...more])}`,
    "Find out who writes into the store besides netsvc, or which host runs another version; then " +
      "delete these keys",
  )];
}
