/**
 * Several hosts under concurrent load, while daemons, hosts, the store and the ways between them fail
 * at random; then all is healed, and must come to rest by itself with nothing leaked, doubled, lost or
 * stale.
 *
 * @module
 */
import { Client } from "../../cli/client/client.ts";
import { readFileSync } from "../../lib/linux/libc.ts";
import { type StoreName, TestCluster } from "../harness/cluster.ts";
import { type Disaster, strike } from "./disasters.ts";
import { answers, doubled, type HostView, kernelLeaks, sandboxLeaks, viewOf } from "./leaks.ts";
import { work } from "./load.ts";
import { fork, type Random, random } from "./random.ts";
import { storeLeaks } from "./store_leaks.ts";

const WORKERS_PER_HOST = 3;
/** Load before the disaster, and its length, are at most this, in milliseconds. */
const MAX_CALM_MS = 800, MAX_DISASTER_MS = 5_000;
/** After the healing all must be well within this time, in milliseconds. */
const SETTLE_MS = 75_000;
/** A daemon at rest may use this much of a CPU. */
const IDLE_CPU = 0.25;

/** Options of {@linkcode clusterChaos}. */
export interface ClusterChaos {
  store: StoreName;
  seed: number;
  rounds: number;
  hosts: number;
  /** Called with what is happening. */
  say?: (line: string) => void;
}

const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

/** Time to live of leases with a store, in seconds: short where the store allows it. */
export function shortLease(store: StoreName): number {
  return store === "consul" ? 10 : 3;
}

/** Two hosts with such leases. */
export function shortLeased(store: StoreName): Promise<TestCluster> {
  return TestCluster.create({ hosts: 2, store, flags: [`--lease-ttl=${shortLease(store)}`] });
}

/** Runs the rounds. @throws when something is wrong, with the seed that replays it */
export async function clusterChaos(options: ClusterChaos): Promise<void> {
  const { store, seed, rounds, hosts, say = () => {} } = options;
  const next = random(seed);
  await using cluster = await TestCluster.create({
    hosts,
    store,
    flags: [`--lease-ttl=${shortLease(store)}`],
  });
  const fail = (what: string, wrong: string[]): never => {
    throw new Error(
      `${what} of seed ${seed} with ${store}:\n${wrong.join("\n")}\n` +
        `Replay: ./task chaos --cluster --store ${store} --hosts ${hosts} --seed ${seed} ` +
        `--rounds ${rounds}\n${cluster.logs(60)}`,
    );
  };
  for (let round = 0; round < rounds; round++) {
    const what = `Round ${round}`;
    const wrong = await playRound(cluster, next, (line) => say(`${what}: ${line}`));
    const begun = performance.now();
    wrong.push(...await settled(cluster));
    if (wrong.length > 0) fail(what, wrong);
    say(`${what}: at rest after ${Math.round(performance.now() - begun)} ms`);
  }
  const spinning = await spinners(cluster);
  if (spinning.length > 0) fail("The end", spinning);
  await clear(cluster);
  const left = await untilNone(() => remains(cluster));
  if (left.length > 0) fail("The end", left);
}

/** Load with one or two disasters in it. */
async function playRound(
  cluster: TestCluster,
  next: Random,
  say: (line: string) => void,
): Promise<string[]> {
  let on = true;
  const workers = cluster.hosts.flatMap((host, n) =>
    Array.from({ length: WORKERS_PER_HOST }, (_, i) =>
      work({
        socket: host.socket,
        worker: `${n + 1}${"abc"[i]}`,
        driver: "overlay",
        next: fork(next),
        running: () => on,
      }))
  );
  const disasters: Disaster[] = [];
  const plan = fork(next);
  const length = plan() * MAX_DISASTER_MS;
  const two = plan() < 0.4;
  await sleep(plan() * MAX_CALM_MS);
  try {
    disasters.push(await strike(cluster, plan));
    say(disasters[0]!.what);
    if (two) {
      await sleep(plan() * MAX_CALM_MS);
      const second = await strike(cluster, plan).catch(() => undefined);
      // What is down already can't be struck down.
      if (second) disasters.push(second);
      if (second) say(second.what);
    }
    await sleep(length);
  } finally {
    for (const { heal } of disasters) await heal();
    on = false;
  }
  return (await Promise.all(workers)).flat();
}

/** Asks until nothing is wrong, or the time is over: then what is wrong. */
async function untilNone(ask: () => Promise<string[]>, ms = SETTLE_MS): Promise<string[]> {
  const deadline = performance.now() + ms;
  while (true) {
    const wrong = await ask().catch((error) => [String(error)]);
    if (wrong.length === 0 || performance.now() > deadline) return wrong;
    await sleep(500);
  }
}

function settled(cluster: TestCluster): Promise<string[]> {
  return untilNone(() => clusterLeaks(cluster));
}

/** All that is wrong with a cluster at this moment. */
export async function clusterLeaks(cluster: TestCluster): Promise<string[]> {
  const views = await Promise.all(cluster.hosts.map(viewOf));
  const wrong = [
    ...views.flatMap(doubled),
    ...disagreements(views),
    ...views.flatMap(({ self, hosts }) =>
      hosts.filter(({ status }) => status !== "up")
        .map(({ name }) => `${name} is down for ${self.name}`)
    ),
  ];
  // Cheap questions first: what is wrong now may be right in a moment.
  if (wrong.length > 0) return wrong;
  wrong.push(...storeLeaks(await cluster.storeEntries()));
  if (wrong.length > 0) return wrong;
  for (const check of [kernelLeaks, sandboxLeaks, answers]) {
    wrong.push(
      ...(await Promise.all(views.map(check))).flatMap((found, n) =>
        found.map((line) => `${cluster.name(n)}: ${line}`)
      ),
    );
  }
  return wrong;
}

/** Where hosts see different networks and services of the shared store. */
function disagreements(views: HostView[]): string[] {
  const seen = views.map(({ networks, services }) =>
    JSON.stringify([
      networks.filter(({ scope }) => scope === "global")
        .map(({ name, id }) => `${name} ${id.slice(0, 12)}`).sort(),
      services.filter(({ network }) => network.scope === "global").map((s) =>
        `${s.name}.${s.network.name} ${s.addresses} ${s.backend?.container.id.slice(0, 12)}`
      ).sort(),
    ])
  );
  return seen.every((one) => one === seen[0])
    ? []
    : [`hosts disagree:\n${seen.map((one, n) => `${views[n]!.self.name}: ${one}`).join("\n")}`];
}

/** CPU time of a process in seconds (`utime` and `stime` of proc_pid_stat(5)). */
export function cpuSeconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`).split(") ")[1]!.split(" ");
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

/** Daemons that are busy with nothing. */
export async function spinners(cluster: TestCluster, ms = 3_000): Promise<string[]> {
  const before = cluster.hosts.map((host) => cpuSeconds(host.pid));
  await sleep(ms);
  return cluster.hosts.flatMap((host, n) => {
    const share = (cpuSeconds(host.pid) - before[n]!) / (ms / 1000);
    return share > IDLE_CPU ? [`${cluster.name(n)} uses ${share.toFixed(2)} of a CPU at rest`] : [];
  });
}

/** Takes all away: containers on their hosts, networks from any. */
async function clear(cluster: TestCluster): Promise<void> {
  for (const host of cluster.hosts) {
    using client = new Client({ host: `unix://${host.socket}` });
    for (const { id } of await client.containers.list()) await client.containers.remove(id, true);
  }
  using client = new Client({ host: `unix://${cluster.hosts[0]!.socket}` });
  for (const { id, scope } of await client.networks.list()) {
    if (scope === "global") await client.networks.remove(id, true);
  }
}

/** What is there of a cluster that should be empty. */
async function remains(cluster: TestCluster): Promise<string[]> {
  const entries = await cluster.storeEntries();
  const wrong = entries.filter(({ key }) =>
    !/^(hosts|host-names|host-leases|tunnels|meta)\/|^ready$/.test(key)
  )
    .map(({ key }) => `the key ${key} is left`);
  const views = await Promise.all(cluster.hosts.map(viewOf));
  for (const view of views) {
    wrong.push(...await kernelLeaks(view));
    const strays = [...Deno.readDirSync(`${view.host.runDir}/netns`)];
    wrong.push(...strays.map(({ name }) => `the namespace ${name} is left`));
  }
  return wrong;
}
