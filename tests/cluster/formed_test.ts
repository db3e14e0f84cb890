import assert from "node:assert/strict";
import { until } from "../harness/command.ts";
import { FormedCluster } from "../harness/formed.ts";
import type { TestHost } from "../harness/host.ts";

Deno.test("two commands make a cluster, which daemons that are killed are in again", async (t) => {
  await using cluster = await FormedCluster.create({ hosts: 2, apart: true });
  const [one, two] = cluster.hosts as [TestHost, TestHost];
  const step = (name: string, action: () => Promise<void>) =>
    t.step(name, () => cluster.explain(action));
  const pids = [one.pid, two.pid];
  let id = "";

  await step("a host of its own says how to make or join one", async () => {
    assert.match(await one.ok("cluster", "status"), /cluster init.*cluster join/);
    await one.ok("container", "create", "before");
    await one.ok("network", "create", "own");
  });

  await step("init", async () => {
    const said = await one.ok("cluster", "init");
    const [, cluster8, token] =
      /^Cluster ([0-9a-f]{8}): this host is its first member\.\nAdd a host within the hour:\n {4}netsvc cluster join (nsj1\.\S+)$/
        .exec(said)!;
    id = cluster8!;
    assert.equal(
      await two.ok("cluster", "join", token!),
      `Joined cluster ${id}: 2 hosts, 1 voter.`,
    );
  });

  await step("local containers and networks stay", async () => {
    assert.match(await one.ok("container", "ls", "-a"), /before/);
    assert.match(await one.ok("network", "ls"), /\bown\b/);
  });

  await step("the daemons are the same processes", () => {
    assert.deepEqual([one.pid, two.pid], pids);
    for (const pid of pids) Deno.kill(pid, "SIGCONT");
    return Promise.resolve();
  });

  await step("a name is resolved across hosts", async () => {
    await one.ok("network", "create", "-d", "overlay", "-o", "encrypted=false", "prod")
      .catch(() => one.ok("network", "create", "-d", "overlay", "prod"));
    await one.ok(..."run -d --name db --publish-service db.prod -- sleep 1000".split(" "));
    await two.ok(..."run -d --name web --publish-service web.prod -- sleep 1000".split(" "));
    await until(
      "web reaches db",
      async () => (await two.run("exec web ping -c1 -W1 db".split(" "))).code === 0,
      20_000,
    );
    await until(
      "db reaches web",
      async () => (await one.run("exec db ping -c1 -W1 web".split(" "))).code === 0,
      20_000,
    );
  });

  await step("status", async () => {
    const status = await one.ok("cluster", "status");
    assert.match(status, /^HOST +ADDRESS +ROLE +STORE +KEYS +LAST SEEN\n/);
    assert.match(status, /^host-1 \* +10\.99\.0\.1 +voter +leader +until 2027 +now$/m);
    assert.match(status, /^host-2 +10\.99\.0\.2 +client +– +until 2027 +(now|\d\.\d s)$/m);
  });

  await step("both daemons are killed and start again", async () => {
    await Promise.all([one.stop("SIGKILL"), two.stop("SIGKILL")]);
    await Promise.all([one.start(), two.start()]);
    for (const host of [one, two]) {
      await until(
        "it is in the cluster",
        async () => JSON.parse(await host.ok("cluster", "status", "--format", "json")).length === 2,
        20_000,
      );
    }
    await two.ok(..."exec web ping -c1 -W2 db".split(" "));
    await two.ok("service", "publish", "later.prod");
    assert.match(await one.ok("service", "ls"), /later/);
  });

  await step("a token is good once", async () => {
    const token = await cluster.token();
    assert.match(await one.ok("cluster", "token", "ls"), /^[0-9a-f]{16} +1 +20/m);
    await two.fails(1, /already/, "cluster", "join", token);
    const third = await cluster.addHost();
    assert.equal(
      await third.ok("cluster", "join", token),
      `Joined cluster ${id}: 3 hosts, 1 voter.`,
    );
    const fourth = await cluster.addHost();
    await fourth.fails(1, /join token is not good.*token create/, "cluster", "join", token);
    assert.match(await fourth.ok("cluster", "status"), /in no cluster/);
  });

  await step("a host leaves, and its certificate is good no more", async () => {
    const third = cluster.hosts[2]!;
    const stolen = await Deno.makeTempDir({ prefix: "netsvc-test-" });
    await Deno.copyFile(`${third.stateDir}/cluster/host.crt`, `${stolen}/host.crt`);
    await third.ok("cluster", "leave");
    assert.match(await third.ok("cluster", "status"), /in no cluster/);
    await Deno.remove(stolen, { recursive: true });
    await until(
      "it is forgotten",
      async () => !/host-3/.test(await one.ok("cluster", "status")),
      20_000,
    );
    await third.ok("cluster", "join", await cluster.token());
  });
});
