/**
 * A cluster of `cluster init` under load, while its daemons, etcds, hosts and links fail at random: no acknowledged write
 * may be lost, no address doubled, and in the end all see the same.
 *
 * @module
 */
import { Client } from "../../cli/client/client.ts";
import { signal } from "../../lib/linux/processes/process_table.ts";
import { FormedCluster } from "../harness/formed.ts";
import type { TestHost } from "../harness/host.ts";
import { doubled, viewOf } from "./leaks.ts";
import { fork, pick, type Random, random } from "./random.ts";

/** A disaster lasts this long at most, in milliseconds. */
const MAX_DISASTER_MS = 6_000;
/** After the healing all must be well within this time, in milliseconds. */
const SETTLE_MS = 120_000;
const NETWORK = "chaos";

/** Options of {@linkcode formedChaos}. */
export interface FormedChaos {
  seed: number;
  rounds: number;
  hosts: number;
  /** Called with what is happening. */
  say?: (line: string) => void;
}

const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

interface Disaster {
  what: string;
  heal: () => Promise<void>;
}

type Kind = (cluster: FormedCluster, n: number) => Promise<Disaster>;

const daemonKilled: Kind = async ({ hosts }, n) => {
  await hosts[n]!.stop("SIGKILL");
  return { what: "the daemon is killed", heal: () => hosts[n]!.start() };
};

const etcdKilled: Kind = ({ hosts }, n) => {
  const record = `${hosts[n]!.stateDir}/cluster/etcd.json`;
  let pid = 0;
  try {
    pid = JSON.parse(Deno.readTextFileSync(record)).process.pid;
    signal(pid, 9);
  } catch {
    // This host has no vote now.
  }
  return Promise.resolve({ what: `etcd is killed (${pid})`, heal: () => Promise.resolve() });
};

const crashed: Kind = async (cluster, n) => {
  await cluster.crash(n);
  return { what: "the host lost its power", heal: () => cluster.hosts[n]!.start() };
};

const unplugged: Kind = async (cluster, n) => {
  await cluster.setLink(n, "down");
  return { what: "the host is unplugged", heal: () => cluster.setLink(n, "up") };
};

const KINDS: Kind[] = [daemonKilled, etcdKilled, etcdKilled, crashed, unplugged];

/** Publishes services, and keeps those that were acknowledged. */
async function publish(
  host: TestHost,
  { prefix, acknowledged, running }: {
    prefix: string;
    acknowledged: Set<string>;
    running: () => boolean;
  },
): Promise<void> {
  for (let i = 0; running(); i++) {
    using client = new Client({ host: `unix://${host.socket}` });
    const name = `${prefix}-${i}`;
    const done = await client.services.publish({ name, network: NETWORK }).catch(() => undefined);
    if (done) acknowledged.add(name);
    await sleep(50);
  }
}

/** What is wrong now. */
async function wrongs(cluster: FormedCluster, acknowledged: Set<string>): Promise<string[]> {
  const views = await Promise.all(cluster.hosts.map(viewOf));
  const names = views.map(({ services }) =>
    services.filter(({ network }) => network.name === NETWORK).map(({ name }) => name).sort()
  );
  const lost = names.flatMap((seen, n) => {
    const there = new Set(seen);
    return [...acknowledged].filter((name) => !there.has(name))
      .map((name) => `${cluster.name(n)} has lost ${name}`);
  });
  const differ = names.some((seen) => seen.join() !== names[0]!.join());
  const status = JSON.parse(await cluster.hosts[0]!.ok("cluster", "status", "--format", "json"));
  const votes = status.filter(({ role }: { role: string }) => role === "voter").length;
  const down = status.filter(({ status }: { status: string }) => status !== "up");
  return [
    ...lost,
    ...views.flatMap(doubled),
    ...differ ? ["hosts see different services"] : [],
    ...votes === 3 ? [] : [`${votes} hosts vote`],
    ...down.map(({ name }: { name: string }) => `${name} is down`),
  ];
}

/** Runs the rounds. @throws when something is wrong, with the seed that replays it */
export async function formedChaos(options: FormedChaos): Promise<void> {
  const { seed, rounds, hosts, say = () => {} } = options;
  const next = random(seed);
  await using cluster = await FormedCluster.create({ hosts, flags: ["--lease-ttl=3"] });
  const acknowledged = new Set<string>();
  await settle(cluster, acknowledged, seed);
  await cluster.hosts[0]!.ok(
    "network",
    "create",
    "-d",
    "overlay",
    "-o",
    "encrypted=false",
    NETWORK,
  );
  for (let round = 0; round < rounds; round++) {
    await play(cluster, { next, round, acknowledged, say });
    const begun = performance.now();
    await settle(cluster, acknowledged, seed);
    const ms = Math.round(performance.now() - begun);
    say(`Round ${round}: at rest after ${ms} ms, ${acknowledged.size} acknowledged`);
  }
}

async function play(
  cluster: FormedCluster,
  { next, round, acknowledged, say }: {
    next: Random;
    round: number;
    acknowledged: Set<string>;
    say: (line: string) => void;
  },
): Promise<void> {
  let on = true;
  const load = cluster.hosts.map((host, n) =>
    publish(host, { prefix: `r${round}h${n}`, acknowledged, running: () => on })
  );
  const plan = fork(next);
  await sleep(plan() * 1_000);
  const n = Math.floor(plan() * cluster.hosts.length);
  const disaster = await pick(plan, KINDS)(cluster, n);
  say(`Round ${round}: ${cluster.name(n)}: ${disaster.what}`);
  await sleep(plan() * MAX_DISASTER_MS);
  await disaster.heal();
  on = false;
  await Promise.all(load);
}

async function settle(
  cluster: FormedCluster,
  acknowledged: Set<string>,
  seed: number,
): Promise<void> {
  const end = performance.now() + SETTLE_MS;
  for (;;) {
    const wrong = await wrongs(cluster, acknowledged).catch((error) => [String(error)]);
    if (wrong.length === 0) return;
    if (performance.now() > end) {
      throw new Error(
        `Seed ${seed}:\n${
          wrong.slice(0, 20).join("\n")
        }\nReplay: ./task chaos --cluster init --seed ` +
          `${seed}\n${cluster.logs(60)}`,
      );
    }
    await sleep(500);
  }
}
