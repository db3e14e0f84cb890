/**
 * What `netsvc cluster ca rotate` does on a voter: looks whether a change of authorities may begin, and begins it.
 *
 * @module
 */
import type { EtcdMembers } from "../../../../kv/etcd/admin/members.ts";
import { NetsvcError } from "../../../../lib/api/errors.ts";
import { type HostRecord, memberHosts, rollovers } from "../../control/records.ts";
import { MAX_ISSUED, unexpired } from "../../control/serials.ts";
import { observeMembers, type VotingHost } from "../../etcd/voters/observed.ts";
import type { ChangedAuthority } from "../duties.ts";
import type { Store } from "../../../../kv/store.ts";
import { whyNotBegin } from "./begin.ts";
import type { Rollover } from "./rollover.ts";

/** A voter gets three of a new authority, and renewals go on. */
const MARGIN = 8;

/** What {@linkcode changeAuthority} works with. */
export interface ChangeParts {
  /** Id of the cluster. */
  cluster: string;
  /** The public part of its store. */
  store: Pick<Store, "get" | "list">;
  members: Pick<EtcdMembers, "list" | "status">;
  /** All hosts, as they are now. */
  hosts: () => Promise<readonly VotingHost[]>;
  rollover: Pick<Rollover, "start">;
  /** Puts a host out. */
  expel: (host: string) => Promise<unknown>;
}

/**
 * Begins it, or finds it under way.
 *
 * @param force puts the hosts without a vote out that are down
 * @throws {NetsvcError} `conflict` with what to do first; then nothing has changed
 */
export async function changeAuthority(
  { cluster, store, members, hosts, rollover, expel }: ChangeParts,
  force: boolean,
): Promise<ChangedAuthority> {
  const { record: underWay } = await rollovers.get(store);
  if (underWay && !force) return { id: (await rollover.start(cluster)).id, expelled: [] };
  const [all, taken] = await Promise.all([hosts(), memberHosts.list(store, "hosts/")]);
  const observed = await observeMembers(members, all);
  const nameOf = (id: string | undefined) =>
    taken.find((host) => host.id === id)?.name ?? "that was added last";
  const voting = new Set(observed.flatMap(({ host }) => host?.id ?? []));
  const down = all.filter(({ id, up }) => !up && !voting.has(id)).map(({ id }) => id);
  const why = whyNotBegin({
    voters: observed.map(({ member: { learner }, host, status }) => ({
      name: nameOf(host?.id),
      learner,
      // Its daemon has to take part, too.
      well: host?.up === true && (learner || status?.leader !== undefined),
    })),
    down: down.map(nameOf),
    force,
  });
  if (why !== undefined && !underWay) throw new NetsvcError("conflict", why);
  if (!underWay) refuseFull(taken);
  const expelled: ChangedAuthority["expelled"] = [];
  for (const id of down) {
    await expel(id);
    expelled.push({ id, name: nameOf(id) });
  }
  const { id } = await rollover.start(cluster);
  return { id, expelled };
}

/** Nobody's certificate is forgotten before it ends, so a host may have had too many to get those of another authority. */
function refuseFull(hosts: readonly HostRecord[]): void {
  const full = hosts.find(({ issued }) => unexpired(issued).length > MAX_ISSUED - MARGIN);
  if (!full) return;
  throw new NetsvcError(
    "exhausted",
    `Cannot change the cluster's authority: host ${full.name} has ${full.issued.length} certificates that haven't ended, ` +
      `and may get no other; forget it with "netsvc host rm" and have it join again`,
  );
}
