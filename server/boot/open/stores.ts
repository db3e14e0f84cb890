/**
 * Opens the daemon's stores and loads the state from them.
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
import { existsSync } from "node:fs";
import { tmpdir } from "node:os";
import { openLocalStore } from "../../../kv/local/local_store.ts";
import { migrateLocal } from "../../model/migration/migrate.ts";
import { migrateDesired } from "../../model/repository/desired.ts";
import { Mirror } from "../../model/mirror.ts";
import { SharedStore } from "../../model/shared/shared_store.ts";
import { State } from "../../model/state.ts";
import type { Boot } from "../boot.ts";
import type { EtcdChild } from "../../cluster/etcd/etcd_child.ts";
import { openOwnStore } from "./own_store.ts";
import { checkDefaultSetting } from "./default_network.ts";
import { hostIdOf } from "./host_values.ts";

const log = getLogger(["netsvc", "daemon"]);

/** The open stores, and the state that they hold. */
export interface Stores {
  /** This host's own store. */
  local: Mirror;
  /** The cluster's store; on a host that isn't in a cluster, its own store. */
  shared: SharedStore;
  state: State;
  /** This host's etcd, which runs where it is a voter of its cluster. */
  etcd: EtcdChild | undefined;
}

/**
 * Opens the stores, unless another daemon has the machine or the default network is invalid.
 *
 * @throws {NetsvcError}
 */
export async function openStores(boot: Boot): Promise<Stores> {
  const { plan: { settings, storeUrl, leaseTtl, cluster }, stack } = boot;
  await checkDefaultSetting(boot);
  await refuseOthers(boot);
  const store = stack.use(
    await openLocalStore(settings.stateDir, {
      scratch: [settings.runDir, tmpdir()],
      onSpare: (why) => log.error("{why}; names and traffic go on meanwhile", { why }),
      onBack: () => log.info("The store takes changes again"),
    }),
  );
  // The copy first: it is what is migrated, so that the store is read once.
  const local = await Mirror.open(store);
  stack.defer(() => local.close());
  await migrateLocal(local);
  await migrateDesired(local);
  const hostId = await hostIdOf(local);
  const etcd = await openOwnStore(boot, hostId);
  const shared = storeUrl.provider === "local"
    ? SharedStore.local(local)
    : await SharedStore.open(settings.kvStore, {
      stateDir: settings.stateDir,
      hostId,
      ttl: leaseTtl,
      env: cluster.env,
      own: cluster.state?.store.kind === "own",
      ...cluster.display !== undefined && { display: cluster.display },
    });
  stack.defer(() => shared.close());
  const state = new State(local, shared.mirror, {
    hostId,
    memberGrace: shared.link ? leaseTtl : 0,
  });
  stack.defer(() => state.close());
  return { local, shared, state, etcd };
}

/** Keeps a daemon without state from creating one on a machine that another daemon has. */
async function refuseOthers({ plan: { settings }, machine }: Boot): Promise<void> {
  const { stateDir, runDir, takeOver } = settings;
  if (existsSync(`${stateDir}/state.kv`)) return;
  await machine.refuseOthers({
    state: "",
    stateDir,
    runDir,
    takeOver,
    knowsLink: () => false,
    knowsContainer: () => false,
  });
}
