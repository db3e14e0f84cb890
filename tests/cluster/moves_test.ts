/**
 * Clusters of `cluster init` whose hosts are elsewhere than they were: a voter with another address, a host that knows no
 * voter any more, another cluster in the place of the own one.
 *
 * @module
 */
import assert from "node:assert/strict";
import { ok, until } from "../harness/command.ts";
import { FormedCluster } from "../harness/formed.ts";
import type { TestHost } from "../harness/host.ts";
import { pings } from "../harness/inside.ts";

interface Shown {
  name: string;
  address: string;
  role: string;
  store?: string;
}

async function status(host: TestHost): Promise<Shown[]> {
  const { code, stdout } = await host.run(["cluster", "status", "--format", "json"]);
  return code === 0 ? JSON.parse(stdout) : [];
}

const FLAGS = ["--replace-after=600", "--lease-ttl=3"];

/** The nth host gets another address in place of the one that it has. */
async function move(cluster: FormedCluster, n: number): Promise<string> {
  const six = cluster.options.family === 6;
  const now = six ? `fd99::9${n}` : `10.99.0.9${n}`;
  await cluster.hosts[n]!.namespace.ip(
    `addr del ${cluster.address(n)}/${six ? 64 : 24} dev u0`,
    `addr add ${now}/${six ? "64 nodad" : 24} dev u0`,
  );
  return now;
}

Deno.test("a voter that gets another address takes its vote there", async () => {
  await using cluster = await FormedCluster.create({ hosts: 3, flags: FLAGS });
  await cluster.explain(async () => {
    const [first, , third] = cluster.hosts as [TestHost, TestHost, TestHost];
    const votes = async () =>
      (await status(first)).filter(({ store = "" }) => /leader|follower/.test(store));
    await until("three vote", async () => (await votes()).length === 3, 120_000);
    const now = await move(cluster, 2);
    await until("it votes there", async () => {
      return (await votes()).some(({ name, address }) => name === "host-3" && address === now);
    }, 120_000);
    // The majority is that of the voter that has moved and one more.
    await cluster.crash(1);
    for (const [host, name] of [[third, "one"], [first, "two"]] as const) {
      await until("the store takes changes", async () => {
        const words = ["network", "create", "-d", "overlay", "-o", "encrypted=false", name];
        return (await host.run(words)).code === 0;
      }, 60_000);
    }
  });
});

Deno.test("a client that gets another address is reached there through the tunnel", async () => {
  await using cluster = await FormedCluster.create({ hosts: 2, family: 6, flags: FLAGS });
  await cluster.explain(async () => {
    const [first, second] = cluster.hosts as [TestHost, TestHost];
    await first.ok("network", "create", "-d", "overlay", "-o", "encrypted=true", "prod");
    await first.ok("container", "create", "--net", "prod", "db");
    await second.ok("container", "create", "--net", "prod", "web");
    await until("web reaches db", () => pings(second, "web", "db"), 30_000);
    const now = await move(cluster, 1);
    await until("web reaches db again", () => pings(second, "web", "db"), 120_000);
    await until("db reaches web", () => pings(first, "db", "web"), 60_000);
    await until("the voters know it there", async () => {
      const { stdout } = await first.run(["cluster", "status"]);
      return stdout.includes(now);
    }, 60_000);
  });
});

Deno.test("a host finds its voters, and begins where others are in their place", async (t) => {
  await using cluster = await FormedCluster.create({ hosts: 2, flags: FLAGS });
  const [first, second] = cluster.hosts as [TestHost, TestHost];
  const step = (name: string, action: () => Promise<void>) =>
    t.step(name, () => cluster.explain(action));
  const file = `${second.stateDir}/cluster/cluster.json`;

  await step("all the voters that it knew are gone", async () => {
    await until("it knows where hosts are", async () => {
      const text = await Deno.readTextFile(`${second.stateDir}/cluster/hosts.json`).catch(() => "");
      return text.includes("10.99.0.1") && text.includes("10.99.0.2");
    }, 30_000);
    await second.stop();
    const state = JSON.parse(await Deno.readTextFile(file));
    state.store.endpoints = [{ host: "10.99.0.77", port: 2479 }];
    await Deno.writeTextFile(file, JSON.stringify(state));
    await second.start();
    await until("it has found them", async () => {
      const words = ["network", "create", "-d", "overlay", "-o", "encrypted=false", "found"];
      return (await second.run(words)).code === 0;
    }, 60_000);
    assert.match(second.log(), /Host 10\.99\.0\.1 has said where the cluster's voters are now/);
  });

  await step(
    "it was put out while it was down: it serves what is its own, and leaves",
    async () => {
      await second.stop();
      await first.ok("host", "rm", "-f", "host-2");
      await second.start();
      await second.ok("network", "create", "own");
      await second.ok("container", "create", "--net", "own", "box");
      assert.match(second.log(), /The store "?cluster [0-9a-f]{8}"? doesn't answer/);
      await second.ok("cluster", "leave", "-f");
      assert.match(await second.ok("container", "ls", "-a"), /box/);
      await cluster.join(second);
      assert.equal((await status(second)).length, 2);
    },
  );

  await step("another cluster is where its voter was", async () => {
    await second.stop();
    await first.ok("cluster", "leave", "-f").catch(() => {});
    await first.stop();
    await Deno.remove(`${first.stateDir}/cluster`, { recursive: true }).catch(() => {});
    const { stdout } = await first.namespace.run(["ss", "-Htlnp", "sport", "=", ":2479"]);
    const pid = /pid=(\d+)/.exec(stdout)?.[1];
    if (pid) await ok(["kill", "-9", pid]);
    await first.start();
    await first.ok("cluster", "init");
    await second.start();
    assert.match(second.log(), /has no trusted connection/);
    await second.ok("network", "create", "mine");
    await second.fails(1, /has not answered/, "network", "create", "-d", "overlay", "no");
    await second.ok("cluster", "leave", "-f");
    await cluster.join(second);
    assert.equal((await status(second)).length, 2);
  });
});
