/**
 * What this host's etcd is started with.
 *
 * @module
 */
import { AdminChannels } from "../../../kv/etcd/admin/admin_calls.ts";
import { type EtcdMember, memberUrl } from "../etcd/arguments.ts";
import type { ClusterState } from "../files/cluster_file.ts";
import type { ClusterPaths } from "../files/cluster_paths.ts";
import { ETCD_CLIENT_PORT, ETCD_PEER_PORT } from "../files/ports.ts";

/** This host as a member of the cluster's etcd. */
export function etcdMember(
  { cluster, host }: Pick<ClusterState, "cluster" | "host">,
  { existing }: { existing: boolean },
): EtcdMember {
  const peer = { host: host.address, port: ETCD_PEER_PORT };
  return {
    name: host.id,
    cluster: cluster.id,
    client: { host: host.address, port: ETCD_CLIENT_PORT },
    peer,
    members: { [host.id]: memberUrl(peer) },
    existing,
  };
}

/** Opens etcd's administration, as a voter. */
export async function openAdmin(
  paths: ClusterPaths,
  endpoints: { host: string; port: number }[],
): Promise<AdminChannels> {
  return new AdminChannels({ endpoints, tls: await voterTls(paths) });
}

/** What a voter shows and trusts, PEM. */
export async function voterTls(
  paths: ClusterPaths,
): Promise<{ ca: string; cert: string; key: string }> {
  const [ca, cert, key] = await Promise.all(
    [paths.ca, paths.voterCertificate, paths.voterKey].map((path) => Deno.readTextFile(path)),
  ) as [string, string, string];
  return { ca, cert, key };
}
