/**
 * What a voter says of whoever shows a certificate of the cluster's.
 *
 * @module
 */
import { memberHosts, revoked } from "../../control/records.ts";
import type { Reads } from "../../control/scoped_store.ts";
import type { Expulsed } from "../duties.ts";

/** That a certificate was put out, when and by whom. @param store the public part */
export async function standingOf(
  store: Pick<Reads, "get">,
  serial: string,
): Promise<{ out?: Expulsed }> {
  const { record: out } = await revoked.get(store, serial);
  if (!out) return {};
  const { at, by } = out;
  const { record } = by === undefined ? { record: undefined } : await memberHosts.get(store, by);
  return { out: { at, ...record && { by: record.name } } };
}
