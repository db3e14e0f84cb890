/**
 * `./task chaos`: failures at random moments under concurrent load, again and again, then a check
 * that nothing is leaked, doubled or lost. One host by itself whose daemon is killed; with `--cluster`
 * several (`--hosts N`) that share a store (`--store NAME`), where all may fail. `--seed N` replays the
 * decisions of a run, `--rounds N` sets its length. `--cluster init`: on an encrypted cluster of `cluster init`; there
 * `--minutes N` sets it, too, and `--lease SECONDS` the leases: longer ones for a machine with much else to do.
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
    minutes: { type: "string" },
    lease: { type: "string", default: "3" },
  },
});
const seed = Number(values.seed ?? crypto.getRandomValues(new Uint32Array(1))[0]);
const minutes = values.minutes === undefined ? undefined : Number(values.minutes);
const rounds = minutes !== undefined && values.rounds === undefined
  ? Infinity
  : Number(values.rounds ?? (values.cluster ? 20 : 100));
if (!isStoreName(values.store)) {
  console.error(`Unknown store "${values.store}"`);
  Deno.exit(2);
}
console.log(`Seed ${seed}, ${minutes === undefined ? `${rounds} rounds` : `${minutes} minutes`}`);
if (values.cluster && positionals[0] === "init") {
  const started = performance.now();
  await formedChaos({
    ...{ seed, rounds, hosts: Number(values.hosts), lease: Number(values.lease) },
    ...minutes !== undefined && { minutes },
    say: (line) => console.log(`${((performance.now() - started) / 1000).toFixed(1)} s  ${line}`),
  });
} else if (values.cluster) {
  const { store, hosts } = values;
  await clusterChaos({ store, seed, rounds, hosts: Number(hosts), say: console.log });
} else await hostChaos(seed, rounds);
console.log("Nothing leaked, nothing doubled, nothing lost");
