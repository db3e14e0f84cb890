import assert from "node:assert/strict";
import { TestCluster } from "../harness/cluster.ts";
import { until } from "../harness/command.ts";
import { PluggedDocker, telling } from "../harness/docker_plugin.ts";

const EACH = 10;

Deno.test("Docker's containers of two hosts are on one network", async (t) => {
  await using stack = new AsyncDisposableStack();
  const docks = [
    stack.use(await PluggedDocker.create()),
    stack.use(await PluggedDocker.create()),
  ] as const;
  const cluster = stack.use(
    await TestCluster.create({ hosts: 2, store: "etcd", flagsOf: (n) => docks[n]!.flags }),
  );
  const [one, two] = cluster.hosts as [typeof cluster.hosts[0], typeof cluster.hosts[0]];
  const step = (name: string, action: () => Promise<void>) =>
    t.step(name, telling(action, one, two));
  const ping = async (dock: PluggedDocker, from: string, to: string) => {
    const { code, stdout, stderr } = await dock.docker.run("exec", from, "ping", "-c1", "-W2", to);
    assert.equal(code, 0, `${from} to ${to}: ${stdout}${stderr}`);
  };
  const services = async (): Promise<{ name: string; addresses: string[]; host?: string }[]> =>
    JSON.parse(await one.ok("service", "ls", "--net", "prod", "--format", "json"));

  await step("each host's network of Docker's is the same one", async () => {
    await one.ok("network", "create", "-d", "overlay", "prod");
    await one.ok(..."run -d --name db --publish-service db.prod -- sleep 1000".split(" "));
    for (const dock of docks) await dock.createNetwork("prod", "-o", "netsvc.network=prod");
    await docks[0].docker.sleeper("api", "--net", "prod");
    await docks[1].docker.ok("run", "--rm", "--net", "prod", "box", "ping", "-c1", "-W2", "api");
    await docks[1].docker.sleeper("web", "--net", "prod");
    await ping(docks[0], "api", "web");
    await ping(docks[1], "web", "api");
    await ping(docks[1], "web", "db");
    await two.ok(..."run --rm --net prod -- ping -c1 -W2 api".split(" "));
    await one.ok(..."run --rm --net prod -- ping -c1 -W2 web".split(" "));
  });

  await step("no two containers have one address", async () => {
    await Promise.all(docks.map(async ({ docker }, n) => {
      for (let i = 0; i < EACH; i++) await docker.sleeper(`c${n}-${i}`, "--net", "prod");
    }));
    const all = await services();
    assert.equal(all.length, 2 * EACH + 3);
    assert.equal(new Set(all.flatMap(({ addresses }) => addresses)).size, all.length);
    await ping(docks[0], "c0-0", `c1-${EACH - 1}`);
  });

  await step("a name that the other host has", async () => {
    await docks[1].docker.sleeper("api", "--net", "prod");
    const names = (await services()).map(({ name }) => name);
    assert.ok(names.includes("api") && names.includes("api-host-2"), names.join(" "));
  });

  await step("the store is away: what runs goes on, what starts says why", async () => {
    await cluster.setLink("store", "down");
    await ping(docks[0], "api", "web");
    const { code, stderr } = await docks[0].docker.run("run", "--rm", "--net", "prod", "box", "id");
    assert.notEqual(code, 0);
    assert.match(stderr, /IpamDriver\.RequestAddress: .*store/i);
    await cluster.setLink("store", "up");
    await until(
      "it works again",
      async () =>
        (await docks[0].docker.run("run", "--rm", "--net", "prod", "box", "true")).code === 0,
      60_000,
    );
  });

  await step("nothing is left", async () => {
    for (const [n, { docker }] of docks.entries()) {
      const ids = (await docker.ok("ps", "-aq")).split("\n");
      await docker.ok("rm", "-f", ...n === 0 ? ids : ids.reverse());
      await docker.ok("network", "rm", "prod");
    }
    await until(
      "only db is there",
      async () => (await services()).map(({ name }) => name).join() === "db",
      90_000,
    );
    assert.doesNotMatch(await one.ok("container", "ls"), /docker/);
    assert.equal(await two.ok("container", "ls", "-q"), "");
    await one.ok("container", "rm", "-f", "db");
    await one.ok("network", "rm", "-f", "prod");
  });
});
