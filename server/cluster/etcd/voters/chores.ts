/**
 * Whose file is to be made smaller. Pure.
 *
 * @module
 */
import type { Endpoint } from "../../../../kv/url/url_parts.ts";
import type { ObservedMember } from "./observed.ts";

/** A file is made smaller when so many bytes are unused. */
const UNUSED = 64 * 1024 * 1024;

/** Give back the unused space of a member's file. */
export interface Chore {
  at: Endpoint;
  host: string;
  /** Bytes. */
  freed: number;
}

/**
 * The member whose file is to be made smaller: it answers nobody meanwhile, so one at a time, while all are well, the
 * leader last.
 */
export function planChore(observed: readonly ObservedMember[]): Chore | undefined {
  if (observed.some(({ status, member }) => member.learner || status?.leader === undefined)) {
    return undefined;
  }
  const chores = observed.flatMap(({ host, status }) => {
    if (!host || !status) return [];
    const freed = status.size - status.used;
    if (freed < UNUSED || freed < status.size / 2) return [];
    return [{ at: host.client, host: host.id, freed, leads: status.id === status.leader }];
  }).sort((a, b) => Number(a.leads) - Number(b.leads) || b.freed - a.freed);
  if (!chores[0]) return undefined;
  const { leads: _, ...chore } = chores[0];
  return chore;
}
