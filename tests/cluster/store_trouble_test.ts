import assert from "node:assert/strict";
import { Client } from "../../cli/client/client.ts";
import type { NetsvcError } from "../../lib/api/errors.ts";
import { clusterLeaks, shortLease, shortLeased, spinners } from "../chaos/cluster_chaos.ts";
import { run, until } from "../harness/command.ts";
import { byStore, TestCluster } from "../harness/cluster.ts";
import { etcdBackUp, etcdRestore } from "../harness/etcd.ts";
import type { TestHost } from "../harness/host.ts";
import { dig, pings } from "../harness/inside.ts";

const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

/** A lease is over within this time, in milliseconds, with any store and on a busy machine. */
const OVER_MS = 60_000;

/** Two hosts with a container each, `db` and `web`, on the overlay `prod`. */
async function twoHosts(cluster: TestCluster): Promise<[TestHost, TestHost]> {
  const [one, two] = cluster.hosts as [TestHost, TestHost];
  await one.ok("network", "create", "-d", "overlay", "prod");
  await one.ok("container", "create", "--net", "prod", "db");
  await two.ok("container", "create", "--net", "prod", "web");
  await until("db answers", () => pings(two, "web", "db"), 30_000);
  await until("web answers", () => pings(one, "db", "web"), 30_000);
  return [one, two];
}

/** A write that must fail with one line that says why, within `ms` milliseconds. */
async function writeFails(host: TestHost, ms: number): Promise<void> {
  const begun = performance.now();
  await host.fails(
    1,
    /^netsvc: .*(has not answered|did not answer|answer in time|Cannot reach|can't be reached|lost its lease)/,
    ...["network", "create", "-d", "overlay", "late"],
  );
  const took = performance.now() - begun;
  assert.ok(took < ms, `the write failed after ${took} ms`);
}

/** Listings that must be answered whatever the store does. */
async function listsAnswer(host: TestHost): Promise<void> {
  const begun = performance.now();
  assert.match(await host.ok("network", "ls"), / prod +overlay/);
  assert.match(await host.ok("service", "ls"), / db +prod /);
  assert.match(await host.ok("host", "ls"), /host-1 /);
  const took = performance.now() - begun;
  assert.ok(took < 15_000, `listings took ${took} ms`);
}

/** A write that succeeds by itself some time after the store is back. */
async function writesAgain(host: TestHost): Promise<void> {
  await until(
    "writes succeed again",
    async () => (await host.run(["network", "create", "-d", "overlay", "late"])).code === 0,
    OVER_MS,
  );
  await host.ok("network", "rm", "late");
}

/** Nothing is left over, lost, doubled or stale. */
async function atRest(cluster: TestCluster): Promise<void> {
  let wrong: string[] = [];
  await until(
    "the cluster is at rest",
    async () => (wrong = await clusterLeaks(cluster)).length === 0,
    OVER_MS,
  ).catch((error) => {
    throw new Error(wrong.join("\n"), { cause: error });
  });
}

byStore("the store is away for a while, and a daemon starts without it", async (store) => {
  const ttl = shortLease(store);
  await using cluster = await shortLeased(store);
  await cluster.explain(async () => {
    const [one, two] = await twoHosts(cluster);
    await one.ok("container", "create", "--net", "prod", "gone");
    for (const { stateDir } of [one, two]) {
      const knows = () =>
        Deno.readTextFile(`${stateDir}/shared.json`).then(
          (text) => /\bgone\b/.test(text),
          () => false,
        );
      await until("the snapshot has what is known", knows);
    }
    await cluster.store.stop("SIGKILL");
    await writeFails(two, 15_000);
    await writeFails(two, 5_000);
    assert.ok(await pings(two, "web", "db"), "names and traffic go on");
    await listsAnswer(two);

    const db = await one.sandbox("db");
    await one.stop("SIGKILL");
    const { code } = await run(["ping", "-c1", "-W2", await dig(two, "web", "web")], {
      namespace: db,
    });
    assert.equal(code, 0);
    await one.start();
    assert.ok(await pings(one, "db", "web"), "it starts from what it knew");
    await listsAnswer(one);
    await writeFails(one, 15_000);

    // Longer than a lease: names go on all the same.
    await sleep(ttl * 1000);
    assert.deepEqual(await spinners(cluster), []);
    assert.ok(await pings(two, "web", "db"));
    await cluster.store.start();
    // What was forgotten with the outage comes back before anybody misses it.
    for (const end = performance.now() + 4_000; performance.now() < end;) {
      assert.notEqual(await dig(two, "web", "db"), "", "no name is lost with the store's return");
    }
    await writesAgain(two);
    await writesAgain(one);
    await one.ok("container", "rm", "gone");
    await atRest(cluster);
  });
});

byStore("a host that alone can't reach the store", async (store) => {
  await using cluster = await shortLeased(store);
  await cluster.explain(async () => {
    const [one, two] = await twoHosts(cluster);
    const address = await dig(two, "web", "db");
    await one.namespace.ok(["nft", "-f", "-"], {
      stdin: `table inet parted { chain out { type filter hook output priority 0;
        ip daddr ${cluster.store.host} drop;
      }
      }\n`,
    });
    await until("its names are gone", async () => await dig(two, "web", "db") === "", OVER_MS);
    assert.ok(await pings(one, "db", "web"), "it keeps the names that it knew");
    const ping = await two.inside("web", ["ping", "-c1", "-W2", address]);
    assert.equal(ping.code, 0, "the traffic of its containers goes on");
    await writeFails(one, 15_000);
    await listsAnswer(one);
    await two.ok("network", "create", "-d", "overlay", "other");
    assert.deepEqual(await spinners(cluster), []);
    await one.namespace.ok(["nft", "delete", "table", "inet", "parted"]);
    await until("its names are back", () => pings(two, "web", "db"), OVER_MS);
    // Its lease may be seen elsewhere a moment before it sees everything else.
    await until("it has caught up", async () => / other /.test(await one.ok("network", "ls")));
    await writesAgain(one);
    await atRest(cluster);
  });
}, ["etcd", "denokv"]);

byStore("a first start without the store", async (store) => {
  await using cluster = await TestCluster.create({ hosts: 1, store, stopped: true });
  await cluster.store.stop();
  const [one] = cluster.hosts as [TestHost];
  await cluster.explain(async () => {
    await one.start();
    await one.ok("network", "create", "here");
    await one.ok("container", "create", "--net", "here", "box");
    assert.ok(await pings(one, "box", "box"));
    await writeFails(one, 15_000);
    assert.match(await one.ok("host", "ls"), /host-1 \* /);
    assert.deepEqual(await spinners(cluster), []);
    await cluster.store.start();
    await writesAgain(one);
    await one.ok("network", "create", "-d", "overlay", "prod");
    await one.ok("container", "create", "--net", "prod", "db");
    assert.ok(await pings(one, "db", "db"));
    await one.ok("container", "rm", "box");
    await atRest(cluster);
  });
}, ["etcd", "consul"]);

Deno.test("what a hanging store interrupts is taken back", async () => {
  await using cluster = await TestCluster.create({
    hosts: 1,
    store: "etcd",
    flags: ["--lease-ttl=3"],
  });
  const [one] = cluster.hosts as [TestHost];
  await cluster.explain(async () => {
    using client = new Client({ host: `unix://${one.socket}` });
    await client.networks.create({ name: "prod", driver: "overlay" });
    for (let round = 0; round < 2; round++) {
      const making = Array.from({ length: 4 }, (_, i) =>
        client.containers.create({
          name: `c${round}-${i}`,
          publishServices: Array.from({ length: 40 }, (_, n) => `s${round}-${i}-${n}.prod`),
        }));
      await sleep(700);
      await cluster.store.freeze();
      const outcomes = Promise.allSettled(making);
      await sleep(7_000);
      cluster.store.thaw();
      const errors = (await outcomes).flatMap((outcome) =>
        outcome.status === "rejected" ? [outcome.reason as NetsvcError] : []
      );
      for (const error of errors) {
        assert.doesNotMatch(String(error), /The daemon at .* doesn't answer/);
      }
      await writesAgain(one);
      await until(
        "what was half made is gone",
        async () => (await client.containers.list()).length === 4 - errors.length,
        OVER_MS,
      );
      for (const { id } of await client.containers.list()) await client.containers.remove(id, true);
    }
    await atRest(cluster);
  });
});

/** From the record with this text on nothing is answered to the host that it came from. */
async function unanswered(
  { storeNamespace }: TestCluster,
  text: string,
  action: () => Promise<void>,
): Promise<void> {
  const list = ["-m", "recent", "--name", crypto.randomUUID().slice(0, 8)];
  const string = ["-m", "string", "--algo", "bm", "--string", text];
  const rule = (...words: string[]) => storeNamespace.ok(["iptables", "-w", "-A", ...words]);
  await rule("INPUT", "-p", "tcp", ...string, ...list, "--rsource", "--set");
  await rule("OUTPUT", "-p", "tcp", ...list, "--rdest", "--rcheck", "-j", "DROP");
  try {
    await action();
  } finally {
    await storeNamespace.ok(["iptables", "-w", "-F"]);
  }
}

Deno.test("what the store has done without answering is taken back", async () => {
  await using cluster = await TestCluster.create({
    hosts: 1,
    store: "etcd",
    flags: ["--lease-ttl=30"],
  });
  const [one] = cluster.hosts as [TestHost];
  await cluster.explain(async () => {
    await one.ok("network", "create", "-d", "overlay", "prod");
    await one.ok("container", "create", "--net", "prod", "other");
    await one.ok("container", "create", "--net", "bridge", "box");
    const connect = () => one.api("/v1.43/networks/prod/connect", "--json", `{"Container":"box"}`);
    const isOnProd = async () => / box +prod /.test(await one.ok("service", "ls"));
    const create = ["network", "create", "-d", "overlay", "given-up"];
    await unanswered(cluster, '"name":"given-up"', async () => {
      await one.fails(1, /answer|reach/, ...create);
      const stored = await cluster.storeEntries();
      assert.ok(stored.some(({ key }) => key === "network-names/given-up"), "the store has it");
    });
    await writesAgain(one);
    await unanswered(cluster, '"name":"box"', async () => {
      const { status, body } = await connect();
      assert.ok(status >= 500, `${status} ${body}`);
      const stored = await cluster.storeEntries();
      assert.ok(stored.some(({ key }) => /^service-names\/.*\/box$/.test(key)), "the store has it");
    });
    await writesAgain(one);
    await until("it is off the network", async () => !await isOnProd(), OVER_MS);
    await sleep(3_000);
    assert.equal(await isOnProd(), false);
    assert.doesNotMatch(await one.ok("network", "ls"), /given-up/);
    await one.ok(...create);
    await one.ok("network", "rm", "given-up");
    assert.doesNotMatch(await one.ok("container", "info", "box"), /"network": "prod"/);
    assert.equal((await connect()).status, 200);
    await until("it is reached", () => pings(one, "other", "box"));
    await one.ok("container", "rm", "box", "other");
    await atRest(cluster);
  });
});

Deno.test("the store is restored from a backup - etcd", async () => {
  await using cluster = await TestCluster.create({
    hosts: 2,
    store: "etcd",
    flags: ["--lease-ttl=3"],
  });
  await cluster.explain(async () => {
    const [one, two] = await twoHosts(cluster);
    await one.ok("service", "publish", "before.prod");
    await etcdBackUp(cluster.store);
    await writesAgain(one);
    await writesAgain(two);
    // All of this is undone.
    await one.ok("container", "create", "after");
    await one.ok("service", "attach", "after", "before.prod");
    await two.ok("network", "create", "-d", "overlay", "newer");
    await two.ok("container", "create", "--net", "newer", "lost");
    await cluster.store.stop("SIGKILL");
    await etcdRestore(cluster.store);
    await cluster.store.start();
    await writesAgain(two);
    await writesAgain(one);
    assert.ok(await pings(two, "web", "db"));
    await until(
      "what the backup doesn't have is gone",
      async () =>
        await dig(two, "web", "before") === "" &&
        !/newer/.test(await one.ok("network", "ls")) &&
        !/newer/.test(await two.ok("network", "ls")),
    );
    // Its containers are there, on no network.
    assert.match(await two.ok("container", "ls"), /lost/);
    await atRest(cluster);
    await two.ok("service", "attach", "web", "before.prod");
    await until("before answers", () => pings(one, "db", "before"), 20_000);
    await two.ok("container", "rm", "-f", "lost");
    await atRest(cluster);
  });
});
