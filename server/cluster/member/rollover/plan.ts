/**
 * How other authorities take the place of the cluster's, for hosts and for voters among each other, while it runs. In
 * four steps, each of which begins when all have done the one before, so that at no time one shows what another doesn't
 * trust:
 *
 * 1. `keys`: every voter has the new authorities' keys. Nothing has changed yet.
 * 2. `trust`: everybody trusts the old and the new ones; voters' etcds were restarted, one after the other.
 * 3. `sign`: the new ones sign; everybody has a certificate of theirs.
 * 4. `drop`: everybody trusts the new ones alone; voters' etcds were restarted again.
 *
 * Pure.
 *
 * @module
 */
import { type Phase, PHASES } from "../../control/records.ts";
import type { FollowedRecord, RolloverRecord } from "../../control/records.ts";

/** What is known of how far all are. */
export interface RolloverFacts {
  record: Pick<RolloverRecord, "id" | "phase">;
  /** All hosts that were taken in, and what they say. */
  hosts: readonly { id: string; name: string; followed: FollowedRecord | undefined }[];
  /** Members of etcd by their hosts, and what their voters say. */
  voters: readonly { host: string; learner: boolean; followed: FollowedRecord | undefined }[];
}

/** What is next, or whom it waits for. */
export interface RolloverPlan {
  /** The step that all have done is followed by this one; `end`: it was the last one. */
  next?: Phase | "end";
  /** Names of the hosts that it waits for. */
  waits: string[];
  /** Steps that are done, and all that there are: for each phase one for each host. */
  done: number;
  total: number;
}

/** Whether somebody has done a step. */
export function hasDone(
  { id, phase }: RolloverFacts["record"],
  followed: FollowedRecord | undefined,
): boolean {
  return followed?.rollover === id && PHASES.indexOf(followed.phase) >= PHASES.indexOf(phase);
}

/** Decides it. */
export function planRollover({ record, hosts, voters }: RolloverFacts): RolloverPlan {
  const names = new Map(hosts.map(({ id, name }) => [id, name]));
  // Who is about to vote has been given what there was when it was asked to, and says nothing yet.
  const late = voters.filter(({ learner, followed }) => learner || !hasDone(record, followed))
    .map(({ host }) => names.get(host) ?? "a new voter");
  const slow = record.phase === "keys"
    ? []
    : hosts.filter(({ followed }) => !hasDone(record, followed)).map(({ name }) => name);
  const waits = [...new Set([...late, ...slow])].sort();
  const at = PHASES.indexOf(record.phase);
  const total = PHASES.length * hosts.length;
  const done = at * hosts.length + Math.max(0, hosts.length - waits.length);
  if (waits.length > 0) return { waits, done, total };
  return { next: PHASES[at + 1] ?? "end", waits, done, total };
}

/** The authorities of hosts in a step, the one that signs first. */
export function trustedIn(phase: Phase, { next, before }: Pick<RolloverRecord, "next" | "before">) {
  const one = (which: "hosts" | "peers") =>
    phase === "keys"
      ? [before[which]]
      : phase === "trust"
      ? [before[which], next[which]]
      : phase === "sign"
      ? [next[which], before[which]]
      : [next[which]];
  return { hosts: one("hosts"), peers: one("peers") };
}
