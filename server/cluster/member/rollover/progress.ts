/**
 * How far a change of authorities is, as every host can see it.
 *
 * @module
 */
import type { Store } from "../../../../kv/store.ts";
import { isAway, NetsvcError } from "../../../../lib/api/errors.ts";
import { sleep } from "../../../../lib/async/sleep.ts";
import {
  followed,
  memberHosts,
  type Phase,
  type RolloverRecord,
  rollovers,
  voterFollowed,
} from "../../control/records.ts";
import { MEMBERS_KEY, parseMembers } from "../../etcd/voters/member_record.ts";
import { planRollover, type RolloverPlan } from "./plan.ts";

/** Pause between two looks, in milliseconds. */
const LOOK_MS = 500;
/** Whoever follows it is told that it goes on by itself when nothing has moved for so long, in milliseconds. */
const PATIENCE_MS = 120_000;

/** A change that is under way. */
export interface RolloverStatus extends RolloverPlan {
  id: string;
  phase: Phase;
  begun: number;
}

/** Reads how far all are. */
export async function observeRollover(
  store: Pick<Store, "get" | "list">,
  { id, phase, begun }: Pick<RolloverRecord, "id" | "phase" | "begun">,
): Promise<RolloverStatus> {
  const [hosts, own, voters, members] = await Promise.all([
    memberHosts.list(store, "hosts/"),
    store.list("self/"),
    store.list("followed/"),
    store.get(MEMBERS_KEY),
  ]);
  const find = <T>(
    all: readonly { key: string }[],
    kind: { key(id: string): string },
    id: string,
  ) => all.find(({ key }) => key === kind.key(id)) as T;
  const plan = planRollover({
    record: { id, phase },
    hosts: hosts.map(({ id, name }) => ({
      id,
      name,
      followed: followed.read(find(own, followed, id)),
    })),
    voters: (members ? parseMembers(members.value).members : []).map(({ host, learner }) => ({
      host,
      learner,
      followed: voterFollowed.read(find(voters, voterFollowed, host)),
    })),
  });
  return { ...plan, id, phase, begun };
}

/** The change that is under way; `undefined` where none is. */
export async function rolloverStatus(
  store: Pick<Store, "get" | "list">,
): Promise<RolloverStatus | undefined> {
  const { record } = await rollovers.get(store);
  return record && await observeRollover(store, record);
}

/**
 * Waits until it is over.
 *
 * @throws {NetsvcError} `timeout` when nothing moves any more: it goes on by itself, whoever waits for it
 */
export async function followRollover(
  store: Pick<Store, "get" | "list">,
  { id, progress = () => {}, patience = PATIENCE_MS }: {
    id: string;
    progress?: (done: number, total: number) => void;
    patience?: number;
  },
): Promise<void> {
  let last: RolloverStatus | undefined;
  let moved = performance.now();
  for (;;) {
    try {
      const now = await rolloverStatus(store);
      if (now?.id !== id) return;
      if (now.done !== last?.done || now.phase !== last.phase) moved = performance.now();
      last = now;
      progress(now.done, now.total);
    } catch (error) {
      // etcd is restarted in between.
      if (!isAway(error)) throw error;
    }
    if (performance.now() - moved > patience) throw stuck(last);
    await sleep(LOOK_MS);
  }
}

function stuck(last: RolloverStatus | undefined): NetsvcError {
  const waits = last?.waits ?? [];
  return new NetsvcError(
    "timeout",
    `The change of the cluster's authority waits${
      waits.length > 0 ? ` for ${waits.join(", ")}` : " for the store"
    }, and goes on by itself; see "netsvc cluster status"${
      waits.length > 0 ? ', or put hosts that are down out with "netsvc cluster ca rotate -f"' : ""
    }`,
  );
}
