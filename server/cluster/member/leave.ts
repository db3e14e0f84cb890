/**
 * Takes this host out of its cluster: its rights first, which a voter takes away; then its files.
 *
 * @module
 */
import { isAway, NetsvcError } from "../../../lib/api/errors.ts";
import { memberHosts } from "../control/records.ts";
import { EtcdChild } from "../etcd/etcd_child.ts";
import type { ClusterFile } from "../files/cluster_file.ts";
import type { HostInCluster } from "./duties.ts";

/** @throws {NetsvcError} `in_use` for the last host, and the only voter; `unavailable` where no voter answers */
export async function leaveCluster(
  file: ClusterFile,
  { member, force, forget }: {
    member: HostInCluster;
    force: boolean;
    /** Takes this host's records from the store. */
    forget: () => Promise<void>;
  },
): Promise<void> {
  const { state: { host, role, store } } = member;
  try {
    const all = await memberHosts.list(member.store, "hosts/");
    const others = all.filter(({ id }) => id !== host.id);
    if (others.length === 0 && !force && store.kind === "own") {
      throw new NetsvcError(
        "in_use",
        "Cannot leave the cluster: this is its last host, and its networks and services would go with it; insist with -f",
      );
    }
    const votes = member.voters.length;
    if (others.length > 0 && role === "voter" && votes === 1) {
      throw new NetsvcError(
        "in_use",
        `Cannot leave the cluster: this host is its only voter; ${
          others.length === 1 ? "let the other host leave first" : "wait until others vote, too"
        } ("netsvc cluster status")`,
      );
    }
    if (others.length > 0 || store.kind === "external") {
      await forget();
      await member.leave();
    }
  } catch (error) {
    // The cluster may be gone for good. Its other hosts forget this one with "host rm".
    if (!force || !isAway(error)) throw error;
  }
  if (role === "voter" && store.kind === "own") {
    const child = new EtcdChild({
      paths: file.paths,
      ...store.etcd !== undefined && { program: store.etcd },
    });
    await child.stop();
    child[Symbol.dispose]();
  }
  await file.remove();
}
