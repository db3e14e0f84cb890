import { clusterChaos } from "../chaos/cluster_chaos.ts";
import { byStore } from "../harness/cluster.ts";

byStore(
  "failures at random under load leave nothing leaked, doubled, lost or stale",
  async (store) => {
    const seed = crypto.getRandomValues(new Uint32Array(1))[0]!;
    await clusterChaos({ store, seed, rounds: store === "etcd" ? 4 : 1, hosts: 3 });
  },
);
