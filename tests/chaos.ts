/**
 * `./task chaos`: failures at random moments under concurrent load, again and again, then a check
 * that nothing is leaked, doubled or lost. One host by itself whose daemon is killed; with `--cluster`
 * several (`--hosts N`) that share a store (`--store NAME`), where all may fail. `--seed N` replays the
 * decisions of a run, `--rounds N` sets its length. `--cluster init`: on a cluster of `cluster init`.
 *
 * @module
 */
import { parseArgs } from "node:util";
import { clusterChaos } from "./chaos/cluster_chaos.ts";
import { formedChaos } from "./chaos/formed_chaos.ts";
import { hostChaos } from "./chaos/host_chaos.ts";
import { isStoreName } from "./harness/cluster.ts";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  args: Deno.args,
  options: {
    cluster: { type: "boolean", default: false },
    store: { type: "string", default: "etcd" },
    hosts: { type: "string", default: "3" },
    seed: { type: "string" },
    rounds: { type: "string" },
  },
});
const seed = Number(values.seed ?? crypto.getRandomValues(new Uint32Array(1))[0]);
const rounds = Number(values.rounds ?? (values.cluster ? 20 : 100));
if (!isStoreName(values.store)) {
  console.error(`Unknown store "${values.store}"`);
  Deno.exit(2);
}
console.log(`Seed ${seed}, ${rounds} rounds`);
if (values.cluster && positionals[0] === "init") {
  await formedChaos({ seed, rounds, hosts: Number(values.hosts), say: console.log });
} else if (values.cluster) {
  const { store, hosts } = values;
  await clusterChaos({ store, seed, rounds, hosts: Number(hosts), say: console.log });
} else await hostChaos(seed, rounds);
console.log("Nothing leaked, nothing doubled, nothing lost");
