/** A container that backs two services of one network has two links there, and answers at both. */
import assert from "node:assert/strict";
import { until } from "../harness/command.ts";
import { TestHost } from "../harness/host.ts";

Deno.test("both services of a container on one network are reached, in both families", async () => {
  await using host = await TestHost.create();
  await host.ok(
    ...["network", "create", "--subnet", "10.7.0.0/24", "--subnet", "fd00:7::/64", "--ipv6", "foo"],
  );
  await host.ok(
    ...["run", "-d", "--name", "app", "--publish-service", "one.foo", "--publish-service"],
    ...["two.foo", "--", "python3", "-m", "http.server", "--bind", "::", "8000"],
  );
  await host.ok("run", "-d", "--name", "asker", "--net", "foo", "--", "sleep", "1000");
  const ask = async (family: string, name: string) =>
    (await host.run(
      [
        "exec",
        "asker",
        "--",
        "curl",
        family,
        "-sSo",
        "/dev/null",
        "-m",
        "2",
        `http://${name}:8000`,
      ],
    )).code;
  await until("it serves", async () => await ask("-4", "one") === 0);
  const asked: Record<string, number> = {};
  const all = async () => {
    for (const family of ["-4", "-6"]) {
      for (const name of ["one", "two"]) asked[`${family} ${name}`] = await ask(family, name);
    }
    assert.deepEqual(asked, { "-4 one": 0, "-4 two": 0, "-6 one": 0, "-6 two": 0 });
  };
  await all();
  // As well after a restart, whose daemon knows it from the store; and when one of the two comes again.
  await host.stop("SIGKILL");
  await host.start();
  await all();
  await host.ok("service", "detach", "app", "one.foo");
  await host.ok("service", "attach", "app", "one.foo");
  await all();
});
