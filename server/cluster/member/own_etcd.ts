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

/** What a host or a voter shows and trusts, PEM. */
export interface Tls {
  ca: string;
  cert: string;
  key: string;
}

/** Opens etcd's administration, as a voter unless other certificates are given. */
export async function openAdmin(
  paths: ClusterPaths,
  endpoints: { host: string; port: number }[],
  tls?: Tls,
): Promise<AdminChannels> {
  return new AdminChannels({ endpoints, tls: tls ?? await voterTls(paths) });
}

/** What a host shows and trusts, whether it is a voter or not. */
export function hostTls({ ca, hostCertificate, hostKey }: ClusterPaths): Promise<Tls> {
  return readTls(ca, hostCertificate, hostKey);
}

/** What a voter shows and trusts. */
export function voterTls({ ca, voterCertificate, voterKey }: ClusterPaths): Promise<Tls> {
  return readTls(ca, voterCertificate, voterKey);
}

async function readTls(...paths: [ca: string, cert: string, key: string]): Promise<Tls> {
  const [ca, cert, key] = await Promise.all(
    paths.map((path) => Deno.readTextFile(path)),
  ) as [string, string, string];
  return { ca, cert, key };
}
