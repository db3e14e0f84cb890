/**
 * The store of a cluster of `cluster init`, read past all daemons.
 *
 * @module
 */
import type { Entry } from "../../../kv/store.ts";
import { clusterPaths } from "../../../server/cluster/files/cluster_paths.ts";
import type { FormedCluster } from "../../harness/formed.ts";
import { SERVERS } from "../../harness/versions.ts";

/** What daemons read and write, without the prefix. */
const PREFIX = "netsvc/";

/** All entries that are the daemons'. */
export async function entriesOf(cluster: FormedCluster): Promise<Entry[]> {
  for (const [n, { namespace, stateDir }] of cluster.hosts.entries()) {
    const paths = clusterPaths(stateDir);
    const { code, stdout } = await namespace.run([
      `${SERVERS}/etcd/usr/bin/etcdctl`,
      ...[`--endpoints=https://${cluster.address(n)}:2479`, `--cacert=${paths.ca}`],
      ...[`--cert=${paths.voterCertificate}`, `--key=${paths.voterKey}`, "--command-timeout=5s"],
      ...["get", PREFIX, "--prefix", "--write-out=json"],
    ], { env: { ETCDCTL_API: "3" } });
    if (code !== 0) continue; // It has no vote.
    const decode = (text: string) => new TextDecoder().decode(Uint8Array.fromBase64(text));
    const found: { key: string; value?: string; mod_revision: number }[] = JSON.parse(stdout).kvs;
    return found.map(({ key, value, mod_revision }) => ({
      key: decode(key).slice(PREFIX.length),
      value: decode(value ?? ""),
      revision: String(mod_revision),
    }));
  }
  throw new Error("No voter's etcd answers");
}
