/** Services with many backends: names, endpoints, and what `service` says and does about them. */
import assert from "node:assert/strict";
import { until } from "../harness/command.ts";
import { TestHost } from "../harness/host.ts";
import { pings } from "../harness/inside.ts";

/** What a container's resolver answers, in order. */
async function asked(host: TestHost, container: string, name: string, type = "A") {
  const argv = ["dig", "@127.0.0.11", "+short", name, type];
  const { stdout } = await host.inside(container, argv);
  return stdout.trim().split("\n").filter((line) => line !== "").sort();
}

Deno.test("dnsrr: each backend has its endpoint, the name answers all of them", async () => {
  await using host = await TestHost.create();
  await host.ok("network", "create", "--ipv6", "prod");
  await host.ok("service", "publish", "--mode", "dnsrr", "--port", "http:80", "web.prod");
  for (const name of ["c1", "c2", "asker"]) await host.ok("container", "create", name);
  await host.ok("run", "-d", "--name", "gone", "--", "sleep", "1000");
  await host.ok("service", "publish", "client.prod");
  await host.ok("service", "attach", "asker", "client.prod");
  for (const name of ["c1", "c2", "gone"]) await host.ok("service", "attach", name, "web.prod");
  await host.fails(
    1,
    /"c1" is attached to service "web.prod" already/,
    ...["service", "attach"],
    "c1",
    "web.prod",
  );
  assert.match(await host.ok("service", "ls"), / web +prod +dnsrr +3\/3 +/);
  const lines = (await host.ok("service", "ps", "web.prod")).trim().split("\n");
  assert.deepEqual(lines.slice(1).map((line) => line.split(/ +/)[0]), ["c1", "c2", "gone"]);
  for (const type of ["A", "AAAA"]) {
    assert.equal((await asked(host, "asker", "web", type)).length, 3);
    assert.equal((await asked(host, "asker", "tasks.web.prod", type)).length, 3);
    assert.equal((await asked(host, "asker", "c1.web", type)).length, 1);
  }
  assert.deepEqual(await asked(host, "asker", "_http._tcp.web", "SRV"), [
    ...["0 1 80 c1.web.prod.", "0 1 80 c2.web.prod.", "0 1 80 gone.web.prod."],
  ]);
  for (const name of ["c1.web", "c2.web"]) assert.ok(await pings(host, "asker", name), name);

  const [before] = await asked(host, "asker", "c1.web");
  await host.ok("service", "update", "--weight", "c2=5", "--drain", "c1", "web.prod");
  assert.match(
    await host.ok("service", "ps", "web.prod"),
    /c1 .* draining +1\n.*c2 .* active +5\n/,
  );
  assert.equal((await asked(host, "asker", "web")).includes(before!), false);
  assert.ok(await pings(host, "asker", "c1.web"), "its connections go on");
  // After a restart, whose daemon knows it from the store, and after one ended that was killed meanwhile.
  await host.ok("container", "kill", "gone");
  await until(
    "the container's end",
    async () => (await asked(host, "asker", "tasks.web")).length === 2,
  );
  await host.stop("SIGKILL");
  await host.start();
  await until(
    "names are served",
    async () => (await asked(host, "asker", "tasks.web")).length === 2,
  );
  assert.ok(await pings(host, "asker", "c2.web"));
  await host.ok("service", "detach", "c1", "web.prod");
  await host.ok("service", "attach", "c1", "web.prod");
  assert.deepEqual(await asked(host, "asker", "c1.web"), [before]);
  await host.fails(1, /2 backends: .*detach them first/, ...[
    "service",
    "update",
    "--mode",
    "single",
  ], "web.prod");
  await host.fails(1, /backs it; detach it first/, "service", "unpublish", "web.prod");
  await host.ok("service", "unpublish", "-f", "web.prod");
  assert.deepEqual(await asked(host, "asker", "tasks.web"), []);
  await host.ok("network", "rm", "-f", "prod");
});
