/**
 * From the two commands to a name: a cluster of `cluster init`, its first encrypted network, and a container on each host
 * that asks for another host's. Then ten hosts that join at once. All on this machine, as namespaces.
 *
 * @module
 */
import { Client } from "../cli/client/client.ts";
import type { ClusterHost } from "../lib/api/types.ts";
import { run, until } from "../tests/harness/command.ts";
import { FormedCluster } from "../tests/harness/formed.ts";
import type { TestHost } from "../tests/harness/host.ts";
import { type Row, spread, time } from "./measure.ts";

const HOSTS = 5, ROUNDS = 5;
/** Hosts that join at once. */
const AT_ONCE = 10;
/** What is promised, in milliseconds. */
const PROMISED_MS = 5_000;
/** Votes are given one by one, and etcd wants five seconds between two, in milliseconds. */
const VOTES_MS = 120_000;
/** Votes of so many hosts. */
const VOTERS = 5;

/** Measures both. */
export async function benchFormed(): Promise<Row[]> {
  const whole: number[] = [];
  const two: number[] = [];
  for (let round = 0; round <= ROUNDS; round++) {
    // The first one warms up: files of programs are read then.
    const [all, pair] = [await firstName(HOSTS), await firstName(2)];
    if (round > 0) whole.push(all);
    if (round > 0) two.push(pair);
  }
  const floorIs =
    "no floor; init, join, network create, two containers, until the name resolves and answers";
  return [
    ...([[2, two], [HOSTS, whole]] as const).map(([hosts, values]): Row => ({
      ...{ what: `two commands to a name across ${hosts} hosts`, unit: "ms", floorIs },
      ...spread(values),
      limit: PROMISED_MS,
    })),
    ...await manyAtOnce(),
  ];
}

/** Milliseconds from `init` until every host resolves the first one's container, and reaches it. */
async function firstName(hosts: number): Promise<number> {
  await using cluster = await FormedCluster.create({ hosts, apart: true });
  const [first, ...others] = cluster.hosts as [TestHost, ...TestHost[]];
  return await time(async () => {
    const said = await first.ok("cluster", "init");
    let token = /nsj1\.\S+/.exec(said)![0];
    if (others.length > 1) token = await cluster.token("--uses", String(others.length));
    await Promise.all(others.map((host) => host.ok("cluster", "join", token)));
    await first.ok("network", "create", "-d", "overlay", "prod");
    const words = (name: string) => ["container", "create", "--net", "prod", name];
    await Promise.all(cluster.hosts.map((host, n) => host.ok(...words(`c${n}`))));
    await Promise.all(
      others.map((host, n) => asksFor("c0.prod", { host, container: `c${n + 1}` })),
    );
  });
}

/** Waits until a container resolves a name and reaches who has it. */
async function asksFor(
  name: string,
  { host, container }: { host: TestHost; container: string },
): Promise<void> {
  const namespace = await host.sandbox(container);
  await until(
    `${container} reaches ${name}`,
    async () => {
      const query = ["dig", "@127.0.0.11", "+short", "+time=1", "+tries=1", name];
      const address = (await run(query, { namespace })).stdout.trim();
      if (address === "") return false;
      return (await run(["ping", "-c1", "-W1", address], { namespace })).code === 0;
    },
    30_000,
    5,
  );
}

/** Hosts that join at once: all are in, none twice, and five vote in the end. */
async function manyAtOnce(): Promise<Row[]> {
  await using cluster = await FormedCluster.create({ hosts: AT_ONCE + 1, apart: true });
  const [first, ...others] = cluster.hosts as [TestHost, ...TestHost[]];
  await first.ok("cluster", "init");
  const token = await cluster.token("--uses", String(AT_ONCE));
  const begun = performance.now();
  const each = await Promise.all(
    others.map((host) => time(() => host.ok("cluster", "join", token))),
  );
  const joined = performance.now() - begun;
  await until("five vote", async () => {
    const votes = (await statusOf(first)).filter(({ role, store }) =>
      role === "voter" && store !== "unreachable"
    );
    return votes.length === VOTERS;
  }, VOTES_MS);
  const voted = performance.now() - begun;
  for (const host of cluster.hosts) {
    const hosts = await statusOf(host);
    for (const  of of["id", "name", "address"] as const) {
      const different = new Set(hosts.map((one) => one[of])).size;
      if (different !== AT_ONCE + 1) throw new Error(`${different} hosts by ${of}`);
    }
  }
  const what = `${AT_ONCE} hosts join at once`;
  return [
    { what: `${what}: each`, unit: "ms", ...spread(each) },
    { what: `${what}: all are in`, unit: "ms", median: joined },
    { what: `${what}: ${VOTERS} vote`, unit: "s", median: voted / 1000 },
  ];
}

async function statusOf(host: TestHost): Promise<ClusterHost[]> {
  using client = new Client({ host: `unix://${host.socket}` });
  return (await client.cluster.status()).hosts;
}
