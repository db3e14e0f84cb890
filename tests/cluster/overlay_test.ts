import assert from "node:assert/strict";
import { clusterLeaks } from "../chaos/cluster_chaos.ts";
import { type Result, spawn, until } from "../harness/command.ts";
import { TestCluster } from "../harness/cluster.ts";
import type { TestHost } from "../harness/host.ts";
import { dig, pings } from "../harness/inside.ts";

/** Headers of an ICMP echo by family, in bytes: IP and ICMP. */
const HEADERS = { 4: 28, 6: 48 };

/** One ping of this size that routers must not split. */
async function pingOf(
  host: TestHost,
  container: string,
  family: 4 | 6,
  name: string,
  bytes: number,
): Promise<Result> {
  const size = String(bytes - HEADERS[family]);
  const record = family === 4 ? "A" : "AAAA";
  const { stdout } = await host.inside(container, ["dig", "@127.0.0.11", "+short", name, record]);
  const argv = ["ping", "-c1", "-W3", "-M", "do", "-s", size, stdout.trim()];
  return await host.inside(container, argv);
}

async function reaches(host: TestHost, container: string, name: string): Promise<void> {
  await until(`${container} reaches ${name}`, () => pings(host, container, name), 20_000);
}

Deno.test("overlays of all kinds across hosts", async (t) => {
  await using cluster = await TestCluster.create({
    hosts: 2,
    store: "etcd",
    flags: ["--default-network=overlay:main"],
  });
  const [one, two] = cluster.hosts as [TestHost, TestHost];
  const outside = cluster.storeNamespace;
  const step = (name: string, action: () => Promise<void>) =>
    t.step(name, () => cluster.explain(action));

  await step("the default network is an overlay", async () => {
    await one.ok("run", "-d", "--name", "db", "--", "sleep", "999");
    assert.match(
      await two.ok("run", "--rm", "--", "ping", "-c1", "-W5", "db"),
      / 0% packet loss/,
    );
    assert.match(await two.ok("service", "ls"), / db +main +db +host-1/);
    await one.fails(1, /default network of this daemon/, "network", "rm", "main");
    await one.ok("container", "rm", "-f", "db");
  });

  await step("whole packets cross, and larger ones are told so, in both families", async () => {
    await one.ok("network", "create", "-d", "overlay", "--ipv6", "dual");
    await one.ok("container", "create", "--net", "dual", "here");
    await two.ok("container", "create", "--net", "dual", "there");
    await reaches(two, "there", "here");
    for (const family of [4, 6] as const) {
      assert.equal((await pingOf(two, "there", family, "here", 1450)).code, 0);
      const large = await pingOf(two, "there", family, "here", 1451);
      assert.match(large.stdout + large.stderr, /too long.*mtu.?.?1450/i);
    }
  });

  await step("a service has backends on both hosts, and each is reached by its name", async () => {
    await one.ok("service", "publish", "--mode", "dnsrr", "many.dual");
    for (const [host, name] of [[one, "m1"], [two, "m2"]] as const) {
      await host.ok("container", "create", name);
      await host.ok("service", "attach", name, "many.dual");
    }
    const answers = async (host: TestHost, container: string, name: string) =>
      (await dig(host, container, name)).trim().split("\n").filter((line) => line !== "").length;
    for (const [host, container] of [[one, "here"], [two, "there"]] as const) {
      await until("both answer", async () => await answers(host, container, "many") === 2);
      for (const name of ["m1.many", "m2.many"]) await reaches(host, container, name);
    }
    assert.match(await two.ok("service", "ls"), / many +dual +dnsrr +2\/2 +host-1,host-2/);
    await using servers = new AsyncDisposableStack();
    // The same with an address of the service's own, which is in force on both hosts.
    await one.ok(
      ...["service", "update", "--mode", "vip", "--port", "80:8080", "many.dual"],
    );
    for (const [host, name] of [[one, "m1"], [two, "m2"]] as const) {
      const argv = ["busybox", "httpd", "-f", "-p", "8080", "-h", "/etc"];
      const server = spawn(argv, { namespace: await host.sandbox(name) });
      servers.defer(async () => {
        server.kill("SIGKILL");
        await server.status;
      });
    }
    for (const [host, container] of [[one, "here"], [two, "there"]] as const) {
      const address = await until("it has an address", async () => {
        const found = await dig(host, container, "many");
        return found !== "" && !found.includes("\n") && found;
      });
      const fetch = ["curl", "-sSf", "-m", "3", `http://${address}/hostname`];
      for (const drained of ["m1", "m2"]) {
        await one.ok("service", "update", "--drain", drained, "many.dual");
        await until(
          "one of them serves",
          async () => (await host.inside(container, fetch)).code === 0,
        );
        await one.ok("service", "update", "--activate", drained, "many.dual");
      }
    }
    await one.ok("service", "update", "--mode", "dnsrr", "--port", "8080", "many.dual");
    // Another host's backend is detached by its name.
    await one.ok("service", "detach", "m2", "many.dual");
    await until("it is gone", async () => await answers(two, "there", "many") === 1);
    await one.ok("service", "unpublish", "-f", "many.dual");
    for (const [host, name] of [[one, "m1"], [two, "m2"]] as const) {
      await host.ok("container", "rm", "-f", name);
    }
  });

  await step("one is internal, the other has a way out, and ports lead in", async () => {
    await one.ok("network", "create", "-d", "overlay", "--internal", "inner");
    await one.ok("container", "create", "--net", "inner", "inside");
    await two.ok("container", "create", "--net", "inner", "too");
    await reaches(two, "too", "inside");
    const out = (container: string) =>
      one.inside(container, ["ping", "-c1", "-W2", cluster.store.host]);
    assert.notEqual((await out("inside")).code, 0);
    assert.equal((await out("here")).code, 0);
    await one.ok(
      ..."run -d --name www --net dual -p 8080:80 -- busybox httpd -f -p 80 -h /etc"
        .split(" "),
    );
    const fetched = await until(
      "the port leads in",
      async () => {
        const url = `http://${cluster.address(0)}:8080/hostname`;
        const { code, stdout } = await outside.run(["curl", "-fsS", "-m5", url]);
        return code === 0 && stdout;
      },
    );
    assert.match(fetched, /^www$/m);
    // Containers don't reach each other by their ways out.
    const { stdout } = await one.inside("www", ["ip", "-4", "-br", "addr", "show"]);
    const leg = stdout.match(/169\.254\.\d+\.\d+/)![0];
    assert.notEqual((await one.inside("here", ["ping", "-c1", "-W1", leg])).code, 0);
  });

  await step("networks may have one subnet, also the underlay's own", async () => {
    for (const name of ["red", "blue"]) {
      await one.ok("network", "create", "-d", "overlay", "--subnet", "10.99.0.0/24", name);
      await one.ok("service", "publish", "--ip", "10.99.0.2", `x.${name}`);
      await one.ok("container", "create", `x-${name}`);
      await one.ok("service", "attach", `x-${name}`, `x.${name}`);
      await two.ok("container", "create", "--net", name, `y-${name}`);
      await reaches(two, `y-${name}`, "x");
      assert.equal(await dig(two, `y-${name}`, "x"), "10.99.0.2");
    }
    // Each has its own 10.99.0.2, and neither is the host of that address.
    await one.ok("service", "detach", "x-red", "x.red");
    const ping = (container: string) => two.inside(container, ["ping", "-c1", "-W1", "10.99.0.2"]);
    assert.notEqual((await ping("y-red")).code, 0);
    assert.equal((await ping("y-blue")).code, 0);
    await one.fails(1, /whose subnet overlaps/, "service", "attach", "x-blue", "x.red");
  });

  await step("a container on two overlays, and on a bridge as well", async () => {
    await one.ok("network", "create", "-d", "overlay", "second");
    await one.ok("network", "create", "plain");
    await one.ok("container", "create", "--net", "plain", "neighbour");
    for (const name of ["second", "plain"]) {
      await one.ok("service", "publish", `both.${name}`);
      await one.ok("service", "attach", "here", `both.${name}`);
    }
    await two.ok("container", "create", "--net", "second", "far");
    await reaches(two, "far", "both");
    await reaches(one, "here", "far");
    await reaches(one, "here", "there");
    await reaches(one, "here", "neighbour");
    await reaches(two, "there", "here");
    const out = await one.inside("here", ["ping", "-c1", "-W2", cluster.store.host]);
    assert.equal(out.code, 0);
  });

  await step("a service moves from host to host and back at once", async () => {
    await one.ok("service", "publish", "moves.dual");
    await two.ok("container", "create", "home");
    await one.ok("container", "create", "away");
    const address = (await one.ok("service", "info", "--format", "{{.addresses}}", "moves.dual"))
      .split("/")[0]!;
    for (const [host, container] of [[one, "away"], [two, "home"], [one, "away"]] as const) {
      await host.ok("service", "attach", container, "moves.dual");
      for (const [from, by] of [[one, "www"], [two, "there"]] as const) {
        await until(
          `${by} reaches it`,
          async () => (await from.inside(by, ["ping", "-c1", "-W1", address])).code === 0,
        );
        assert.equal(await dig(from, by, "moves"), address);
      }
      await host.ok("service", "detach", container, "moves.dual");
      await until("it is gone", async () => await dig(two, "there", "moves") === "");
    }
  });

  await step("exec is inside, and run --rm leaves nothing", async () => {
    assert.match(await one.ok("exec", "www", "--", "ip", "-br", "link"), /eth1@/);
    const before = (await cluster.storeEntries()).map(({ key }) => key)
      .filter((key) => !/^(retired|network-fences)\//.test(key)).sort();
    await two.ok(..."run --rm --net dual -- ping -c1 -W5 www".split(" "));
    await until("nothing of it is left", async () => {
      const after = (await cluster.storeEntries()).map(({ key }) => key)
        .filter((key) => !/^(retired|network-fences)\//.test(key)).sort();
      return after.join() === before.join();
    });
  });

  await step("all is as the objects imply", async () => {
    await until("at rest", async () => (await clusterLeaks(cluster)).length === 0, 30_000)
      .catch(async (cause) => {
        throw new Error((await clusterLeaks(cluster)).join("\n"), { cause });
      });
  });
});

Deno.test("an underlay of IPv6 with small packets", async () => {
  await using cluster = await TestCluster.create({ hosts: 2, store: "etcd", family: 6, mtu: 1400 });
  const [one, two] = cluster.hosts as [TestHost, TestHost];
  await cluster.explain(async () => {
    assert.match(await one.ok("host", "ls"), /host-2 +fd99::2 +up/);
    await one.ok("network", "create", "-d", "overlay", "--ipv6", "prod");
    await one.ok("container", "create", "--net", "prod", "db");
    await two.ok("container", "create", "--net", "prod", "web");
    await reaches(two, "web", "db");
    for (const family of [4, 6] as const) {
      assert.equal((await pingOf(two, "web", family, "db", 1330)).code, 0);
      const large = await pingOf(two, "web", family, "db", 1331);
      assert.match(large.stdout + large.stderr, /too long.*mtu.?.?1330/i);
    }
    assert.deepEqual(await clusterLeaks(cluster), []);
  });
});
