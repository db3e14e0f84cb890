import assert from "node:assert/strict";
import { until } from "../harness/command.ts";
import { TestCluster } from "../harness/cluster.ts";
import type { TestHost } from "../harness/host.ts";

Deno.test("an overlay network of several subnets and both families spans hosts", async () => {
  await using cluster = await TestCluster.create({ hosts: 2, store: "etcd" });
  const [one, two] = cluster.hosts as [TestHost, TestHost];
  // A subnet for one address only, so that the second service is in the next; and the host's own.
  await one.ok(
    "network",
    "create",
    "-d",
    "overlay",
    "--ipv6",
    "--subnet",
    "10.99.0.0/30",
    "--subnet",
    "10.98.0.0/24",
    "prod",
  );
  const sleeper = ["--", "sleep", "1000"];
  await one.ok("run", "-d", "--name", "db", "--publish-service", "db1.prod", ...sleeper);
  await one.ok("run", "-d", "--name", "more", "--publish-service", "db2.prod", ...sleeper);
  await two.ok("run", "-d", "--name", "web", "--publish-service", "web.prod", ...sleeper);
  const ping = (host: TestHost, container: string, family: string, name: string) =>
    until(`${container} reaches ${name} by IPv${family}`, async () => {
      const words = ["exec", container, "ping", `-${family}`, "-c1", "-W2", name];
      return (await host.run(words)).code === 0;
    });
  for (const family of ["4", "6"]) {
    await ping(two, "web", family, "db1");
    await ping(two, "web", family, "db2.prod");
    await ping(one, "db", family, "web");
  }
  await one.ok("network", "rm", "-f", "prod");
  await until(
    "both hosts are rid of it",
    () =>
      [one, two].every(({ runDir }) =>
        [...Deno.readDirSync(`${runDir}/netns`)].every(({ name }) => !name.startsWith("overlay-"))
      ),
    60_000,
  );
});

Deno.test("containers of one name on two hosts are on one network by Docker's API", async () => {
  await using cluster = await TestCluster.create({ hosts: 2, store: "etcd" });
  const [one, two] = cluster.hosts as [TestHost, TestHost];
  await one.ok("network", "create", "-d", "overlay", "prod");
  for (const host of [one, two]) {
    await host.ok("container", "create", "web");
    const body = ["--json", '{"Container":"web"}'];
    const { status, body: said } = await host.api("/v1.41/networks/prod/connect", ...body);
    assert.equal(status, 200, said);
  }
  const names = await one.ok("service", "ls", "--net", "prod", "--format", "{{.Name}}");
  assert.deepEqual(names.split("\n").sort(), ["web", "web-host-2"]);
  await until(
    "web reaches web-host-2",
    async () =>
      (await one.run(["exec", "web", "--", "ping", "-c1", "-W2", "web-host-2"])).code === 0,
  );
  for (const host of [one, two]) await host.ok("container", "rm", "web");
});
