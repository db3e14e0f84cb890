import assert from "node:assert/strict";
import { Client } from "../../cli/client/client.ts";
import { capture } from "../harness/capture.ts";
import { ok, until } from "../harness/command.ts";
import { TestCluster } from "../harness/cluster.ts";
import type { TestHost } from "../harness/host.ts";
import { inject, listen } from "../harness/injected.ts";
import { pings } from "../harness/inside.ts";

/** All between the hosts but WireGuard, the store, and what hosts need to find each other's link addresses. */
const CLEAR = "not udp port 51820 and not tcp and not arp and not icmp6 and not igmp and " +
  "not dst net ff02::/16 and not (icmp and icmp[0] == 3)"; // A device that isn't there yet is unreachable.

async function reaches(host: TestHost, container: string, name: string): Promise<void> {
  await until(`${container} reaches ${name}`, () => pings(host, container, name), 20_000);
}

/** The public key that each host says in the store. */
async function keysOf(cluster: TestCluster): Promise<Map<string, { key: string; next?: string }>> {
  const entries = (await cluster.storeEntries()).filter(({ key }) => key.startsWith("tunnels/"));
  return new Map(entries.map(({ value }) => {
    const { host, ...record } = JSON.parse(value);
    return [host, record];
  }));
}

Deno.test("encrypted networks across hosts", async (t) => {
  await using cluster = await TestCluster.create({
    hosts: 3,
    store: "etcd",
    flags: ["--lease-ttl=3"],
  });
  const [one, two, three] = cluster.hosts as [TestHost, TestHost, TestHost];
  const clear = await capture(cluster.hub.path, {
    link: "sw",
    filter: CLEAR,
  });
  const step = (name: string, action: () => Promise<void>) =>
    t.step(name, () => cluster.explain(action));

  await step("containers reach each other, and inspect says so", async () => {
    await one.ok("network", "create", "-d", "overlay", "-o", "encrypted=true", "prod");
    assert.match(await two.ok("network", "inspect", "prod"), /"encrypted": "true"/);
    await one.ok("run", "-d", "--name", "db", "--publish-service", "db.prod", "--", "sleep", "999");
    await two.ok("container", "create", "--net", "prod", "web");
    await three.ok("container", "create", "--net", "prod", "far");
    await reaches(two, "web", "db");
    await reaches(three, "far", "db");
    await reaches(three, "far", "web");
  });

  await step("daemons end and start again, by SIGKILL, too", async () => {
    for (const host of [one, two]) {
      await host.stop();
      await host.start();
      await host.stop("SIGKILL");
      await host.start();
    }
    await reaches(two, "web", "db");
    await reaches(three, "far", "web");
  });

  await step("wireguard-go is killed, and comes back by itself", async () => {
    const shown = await ok(["ps", "-eo", "pid,args"]);
    const own = await one.ok("host", "ls", "--no-trunc");
    const id = own.split("\n").find((line) => line.includes(" host-1"))!.split(" ")[0]!;
    const pid = shown.split("\n").find((line) => line.endsWith(`nsw${id.slice(0, 12)}`))?.trim()
      .split(" ")[0];
    if (pid !== undefined) Deno.kill(Number(pid), "SIGKILL");
    await reaches(two, "web", "db");
  });

  await step("all hosts change their keys, and a connection stays", async () => {
    const before = await keysOf(cluster);
    const { stdout: to } = await one.inside("db", ["dig", "@127.0.0.11", "+short", "web.prod"]);
    const ping = one.inside("db", ["ping", "-i0.05", "-w60", "-c400", to.trim()]);
    const request = { v: 1, id: "ab".repeat(16), requested: new Date().toISOString() };
    await cluster.storeWrite([{ key: "meta/rotation", value: JSON.stringify(request) }]);
    await until("all have new keys", async () => {
      const now = await keysOf(cluster);
      return [...now].every(([host, { key, next }]) =>
        next === undefined && key !== before.get(host)!.key
      );
    }, 60_000);
    const { stdout } = await ping;
    const received = Number(/(\d+) received/.exec(stdout)![1]);
    assert.ok(received > 360, `${received} of 400 answers`);
    await reaches(three, "far", "db");
  });

  await step("a host that has lost its key makes another, which the others take", async () => {
    const before = await keysOf(cluster);
    await two.stop();
    await Deno.remove(`${two.stateDir}/wireguard.json`);
    await two.start();
    await reaches(three, "far", "web");
    await reaches(two, "web", "db");
    const now = await keysOf(cluster);
    assert.equal([...now].filter(([host, { key }]) => before.get(host)!.key !== key).length, 1);
  });

  await step("a host that is removed is a peer no more", async () => {
    await three.ok("container", "rm", "-f", "far");
    await three.stop();
    await until("its lease has ended", async () => {
      try {
        await one.ok("host", "rm", "host-3");
        return true;
      } catch {
        return false;
      }
    }, 20_000);
    assert.equal((await keysOf(cluster)).size, 2);
  });

  assert.deepEqual(await clear.stop(), []);

  await step(
    "100,000 packets in the clear are dropped and counted, and the doctor says so",
    async () => {
      using client = new Client({ host: `unix://${one.socket}` });
      const { vni } = await client.networks.get("prod");
      const end = async (name: string) => {
        const { addresses, mac } = await client.services.get(`${name}.prod`);
        return { ip: addresses[0]!.split("/")[0]!, mac };
      };
      const [by, to] = [await end("web"), await end("db")];
      const listener = await listen(await one.sandbox("db"), { mark: one.directory, peers: [] });
      // From a host of the cluster: it is in the set of those that may send VXLAN.
      const sent = await inject(two.namespace.path, {
        host: cluster.address(0),
        what: [{ word: "injected", vni: vni!, count: 100_000, ports: [4789, 4790], by, to }],
      });
      assert.equal(sent, 100_000);
      const { stdout } = await one.run(["doctor"]);
      assert.match(stdout, /encryption +[1-9]\d+ packets of encrypted networks came in the clear/);
      assert.equal((await listener.stop()).injected, 0);
      assert.doesNotMatch(stdout, /no handshake/);
      assert.match(stdout, /All overlay networks are encrypted/);
    },
  );
});
