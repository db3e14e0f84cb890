/**
 * How a cluster's voters are, each asked by itself: a member of etcd says what it knows without a majority, too, and to
 * any host of the cluster.
 *
 * @module
 */
import { EtcdMembers, type MemberStatus } from "../../../../kv/etcd/admin/members.ts";
import type { ClusterPaths } from "../../files/cluster_paths.ts";
import { hostTls, openAdmin } from "../own_etcd.ts";
import type { VoterSeen } from "../duties.ts";

/** Time that one may take to say how it is, in milliseconds. */
const STATUS_MS = 3_000;

/** Asks them all. Never fails: one that can't be asked doesn't answer. */
export async function seeVoters(
  paths: ClusterPaths,
  endpoints: readonly { host: string; port: number }[],
): Promise<VoterSeen[]> {
  try {
    using admin = await openAdmin(paths, [...endpoints], await hostTls(paths));
    const members = new EtcdMembers(admin);
    return await Promise.all(endpoints.map(async (at): Promise<VoterSeen> => {
      const status = await members.status(at, STATUS_MS).catch(() => undefined);
      return { address: at.host, part: partOf(status) };
    }));
  } catch {
    // The files of this host may be on a disk that is away.
    return endpoints.map(({ host }) => ({ address: host, part: "unreachable" }));
  }
}

function partOf(status: MemberStatus | undefined): VoterSeen["part"] {
  if (!status) return "unreachable";
  if (status.learner) return "learner";
  if (status.leader === undefined) return "waiting";
  return status.leader === status.id ? "leader" : "follower";
}
