/**
 * Makes and joins a cluster on a store that was there before: no etcd of the cluster's own, and nobody votes. As with any
 * other `cluster.json` is written last.
 *
 * @module
 */
import type { ExternalToken } from "../../control/token.ts";
import type { ClusterFile, ClusterState } from "../../files/cluster_file.ts";
import type { NewToken, NewTokenTerms } from "../duties.ts";
import { clearUp, type NewHost } from "../init.ts";
import type { Joined } from "../join.ts";
import { ExternalMember } from "./external_member.ts";
import {
  checkPortable,
  openPortable,
  type PortableUrl,
  readPortable,
  writePortable,
} from "./portable_url.ts";
import { clusterPart, writeCluster, writeJoined } from "./records.ts";

/** @throws {NetsvcError} and leaves nothing on this host */
export async function makeExternal(
  file: ClusterFile,
  { host, kvStore, terms, env }: {
    host: NewHost;
    terms: NewTokenTerms;
    /** As `--kv-store` takes it. */
    kvStore: string;
    env: Readonly<Record<string, string | undefined>>;
  },
): Promise<{ state: ClusterState; token: NewToken }> {
  const portable = await readPortable(kvStore, env);
  await clearUp(file);
  let token: NewToken | undefined;
  const state = await enter(file, portable, async (flag) => {
    await using store = await openPortable(flag, file.paths);
    const made = stateOf(await writeCluster(clusterPart(store), host), host, flag);
    token = await new ExternalMember(made, store).createToken(terms);
    return made;
  });
  return { state, token: token! };
}

/** @throws {NetsvcError} and is in no cluster */
export async function joinExternal(
  file: ClusterFile,
  { token, host }: { token: ExternalToken; host: NewHost },
): Promise<Joined> {
  const { id, secret, clusterId: cluster } = token;
  checkPortable(token);
  let hosts = 0;
  const state = await enter(file, token, async (flag) => {
    await using store = await openPortable(flag, file.paths);
    hosts = await writeJoined(clusterPart(store), { host, token: { id, secret }, cluster });
    return stateOf(cluster, host, flag);
  });
  return { state, hosts, voters: 0 };
}

function stateOf(id: string, { id: hostId, address, given }: NewHost, url: string): ClusterState {
  return {
    cluster: { id },
    host: { id: hostId, address, ...given },
    role: "client",
    store: { kind: "external", url },
  };
}

async function enter(
  file: ClusterFile,
  portable: PortableUrl,
  write: (flag: string) => Promise<ClusterState>,
): Promise<ClusterState> {
  await file.makeDirectory();
  try {
    const state = await write(await writePortable(file.paths, portable));
    await file.write(state);
    return state;
  } catch (error) {
    await file.remove();
    throw error;
  }
}
