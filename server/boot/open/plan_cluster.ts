/**
 * What a daemon's membership of a cluster, which it has kept on its disk, makes of its settings.
 *
 * @module
 */
import { NetsvcError } from "../../../lib/api/errors.ts";
import { type DaemonSettings, DEFAULT_SETTINGS } from "../../../lib/api/settings/settings.ts";
import type { ClusterFile, ClusterState } from "../../cluster/files/cluster_file.ts";
import { storeFlag } from "../../cluster/member/store_flags.ts";

/** A daemon's membership, as its start goes by it. */
export interface ClusterPlan {
  file: ClusterFile;
  /** Absent on a host that is in no cluster. */
  state: ClusterState | undefined;
  /** Names the shared store, whose endpoints may change; absent where `--kv-store` does. */
  display: string | undefined;
  /** Where the store's credentials may lie besides its URL. */
  env: Record<string, string>;
  /** With the store, the name and the address of the membership. */
  settings: DaemonSettings;
}

/** @throws {NetsvcError} `invalid` when the settings name another store */
export async function planCluster(given: DaemonSettings, file: ClusterFile): Promise<ClusterPlan> {
  const state = await file.read();
  const env = Deno.env.toObject();
  if (!state) return { file, state, display: undefined, env, settings: given };
  if (given.kvStore !== DEFAULT_SETTINGS.kvStore) {
    throw new NetsvcError(
      "invalid",
      `This host is in cluster ${
        state.cluster.id.slice(0, 8)
      }, which knows its store: start its daemon ` +
        `without --kv-store, or take it out of the cluster before ("netsvc cluster leave")`,
    );
  }
  const { name, advertise } = state.host;
  return {
    file,
    state,
    display: `cluster ${state.cluster.id.slice(0, 8)}`,
    env: {}, // What was in it is in files since `cluster init`.
    settings: {
      ...given,
      kvStore: storeFlag(state, { paths: file.paths, part: "state", as: "host" }),
      ...name !== undefined && given.hostName === undefined && { hostName: name },
      ...advertise !== undefined && given.advertise === undefined && { advertise },
    },
  };
}
