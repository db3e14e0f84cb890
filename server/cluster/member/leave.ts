/**
 * Takes this host out of its cluster: its rights first, which a voter takes away; then its files.
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
import { errorChain, NetsvcError } from "../../../lib/api/errors.ts";
import { whyNotExpel } from "../control/expulsion.ts";
import { type HostRecord, memberHosts } from "../control/records.ts";
import { EtcdChild } from "../etcd/etcd_child.ts";
import type { ClusterFile } from "../files/cluster_file.ts";
import type { HostInCluster } from "./duties.ts";

const log = getLogger(["netsvc", "cluster"]);

/**
 * @returns where this host's backups of the cluster are now, if it has any
 * @throws {NetsvcError} `in_use` for the last host, and a voter that the others need; `unavailable` where no voter answers
 */
export async function leaveCluster(
  file: ClusterFile,
  { member, force, forget }: {
    member: HostInCluster;
    force: boolean;
    /** Takes this host's records from the store. */
    forget: () => Promise<void>;
  },
): Promise<string | undefined> {
  const { state: { host, role, store } } = member;
  const all = await memberHosts.list(member.store, "hosts/").catch((error) => {
    if (!force) throw error;
    return undefined;
  });
  if (all) refuseLast(all.filter(({ id }) => id !== host.id).length, { member, force });
  // Before anything is changed: who is refused half-way is forgotten, and a member still.
  if (!force && store.kind === "own") await refuseNeeded(member, all ?? []);
  const others = all?.some(({ id }) => id !== host.id) ?? true;
  if (others || store.kind === "external") await goAway({ member, force, forget });
  if (role === "voter" && store.kind === "own") {
    const child = new EtcdChild({
      paths: file.paths,
      ...store.etcd !== undefined && { program: store.etcd },
    });
    await child.stop();
    child[Symbol.dispose]();
  }
  const kept = await file.keepSnapshots(member.state.cluster.id);
  await file.remove();
  return kept;
}

/** Refuses what the others would have no cluster after, and what goes with the last host unless told so. */
function refuseLast(
  others: number,
  { member, force }: { member: HostInCluster; force: boolean },
): void {
  if (others === 0 && !force && member.state.store.kind === "own") {
    throw new NetsvcError(
      "in_use",
      "Cannot leave the cluster: this is its last host, and its networks and services would go with it; insist with -f",
    );
  }
  if (others > 0 && member.state.role === "voter" && member.voters.length === 1) {
    throw new NetsvcError(
      "in_use",
      `Cannot leave the cluster: this host is its only voter; ${
        others === 1 ? "let the other host leave first" : "wait until others vote, too"
      } ("netsvc cluster status")`,
    );
  }
}

/** Refuses what would cost the others their majority, and what no voter is there for. */
async function refuseNeeded(
  { duties, state: { host: { id } } }: Pick<HostInCluster, "duties" | "state">,
  all: readonly HostRecord[],
): Promise<void> {
  if (!all.some((one) => one.id !== id)) return;
  const votes = await duties.votes();
  const why = whyNotExpel({
    target: { id, name: all.find((one) => one.id === id)?.name ?? "this one" },
    by: undefined,
    members: votes.map(({ host, part }) => ({
      member: host,
      host,
      learner: part === "learner",
      well: part === "leader" || part === "follower",
    })),
    names: new Map(all.map(({ id, name }) => [id, name])),
  });
  if (why !== undefined) throw new NetsvcError("in_use", why);
}

/** Has the others forget this host; with `force` whatever they say, or whoever is where they were. */
async function goAway(
  { member, force, forget }: {
    member: Pick<HostInCluster, "leave">;
    force: boolean;
    forget: () => Promise<void>;
  },
): Promise<void> {
  for (const step of [forget, () => member.leave()]) {
    try {
      await step();
    } catch (error) {
      // The cluster may be gone for good, or another one be in its place. The others forget this host with "host rm".
      if (!force) throw error;
      const cause = errorChain(error).join(": ");
      log.warn("This host leaves, though the cluster doesn't take leave of it: {cause}", { cause });
    }
  }
}
