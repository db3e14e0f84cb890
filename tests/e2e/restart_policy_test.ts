/** Containers that are stopped, started and restarted: by somebody, by their policy, by a boot. */
import assert from "node:assert/strict";
import { run, until } from "../harness/command.ts";
import { TestHost } from "../harness/host.ts";

interface Shown {
  state: string;
  exitCode?: number;
  restarts?: number;
  services: { name: string; network: string; addresses: string[] }[];
}

async function shown(host: TestHost, name: string): Promise<Shown> {
  return JSON.parse(await host.ok("container", "info", "-f", "json", name))[0];
}

async function resolves(host: TestHost, from: string, name: string): Promise<boolean> {
  return (await host.run(["exec", from, "--", "getent", "hosts", name])).code === 0;
}

Deno.test("containers are stopped, started and restarted, and come back to where they were", async () => {
  await using host = await TestHost.create();
  await host.ok("network", "create", "--ipv6", "foo");
  await host.ok("network", "create", "bar");
  await host.ok("container", "create", "--net", "foo", "asks");
  const serve = [
    "sh",
    "-c",
    "trap 'sleep 0.3; exit 7' TERM; echo up; while :; do sleep 0.05; done",
  ];
  await host.ok("run", "-d", "--name", "web", "--net", "foo", "-p", "8080:80", "--", ...serve);
  await host.ok("service", "publish", "api.bar");
  await host.ok("service", "attach", "web", "api.bar");
  const before = await shown(host, "web");
  assert.equal(before.services.length, 2);

  await host.ok("container", "stop", "web");
  const stopped = await shown(host, "web");
  assert.deepEqual([stopped.state, stopped.exitCode], ["exited", 7], "it ended by itself");
  assert.ok(!await resolves(host, "asks", "web"), "its name is gone meanwhile");
  await host.ok("container", "stop", "web");

  await host.ok("container", "start", "web");
  const started = await shown(host, "web");
  assert.equal(started.state, "running");
  assert.deepEqual(started.services.map(({ name }) => name).sort(), ["api", "web"]);
  const addresses = ({ services }: Shown) =>
    Object.fromEntries(services.map(({ name, addresses }) => [name, addresses]));
  assert.deepEqual(addresses(started), addresses(before), "and under the same addresses");
  assert.ok(await resolves(host, "asks", "web"));
  await host.ok("exec", "web", "--", "true");
  await host.ok("restart", "-t", "5", "web");
  assert.deepEqual(addresses(await shown(host, "web")), addresses(before));
  assert.equal(await host.ok("container", "logs", "web"), "up\nup\nup", "the log goes on");

  // Who doesn't hear is killed; who is told another signal gets that.
  await host.ok(
    "run",
    "-d",
    "--name",
    "deaf",
    "--",
    "sh",
    "-c",
    "trap '' TERM; while :; do sleep 0.05; done",
  );
  await host.ok("stop", "-t", "0", "deaf");
  assert.equal((await shown(host, "deaf")).exitCode, 137);
  await host.ok(
    ...["run", "-d", "--name", "usr", "--stop-signal", "sigusr1", "--", "sh", "-c"],
    "trap 'exit 3' USR1; while :; do sleep 0.05; done",
  );
  await host.ok("stop", "usr");
  assert.equal((await shown(host, "usr")).exitCode, 3);
  // What is in the way is said, and changes nothing.
  await host.ok("stop", "web");
  await host.ok(
    "run",
    "-d",
    "--name",
    "thief",
    "--net",
    "foo",
    "-p",
    "8080:80",
    "--",
    "sleep",
    "100",
  );
  await host.fails(1, /8080/, "container", "start", "web");
  assert.equal((await shown(host, "web")).state, "exited");
  await host.ok("container", "rm", "-f", "thief");
  await host.ok("start", "web");
  await host.fails(1, /Unknown signal "NOPE"/, "stop", "-s", "nope", "web");
  await host.fails(2, /give seconds/, "stop", "-t", "soon", "web");
  await host.fails(
    125,
    /Invalid restart policy "sometimes"; use no, always/,
    "run",
    "-d",
    "--restart",
    "sometimes",
    "--",
    "true",
  );
  await host.fails(2, /add -d/, "run", "--restart", "always", "--", "true");
  await host.fails(
    125,
    /with --rm isn't started again/,
    "run",
    "-d",
    "--rm",
    "--restart",
    "always",
    "--",
    "true",
  );
});

Deno.test("restart policies hold after an end, after the daemon was away, and after a boot", async () => {
  await using host = await TestHost.create();
  await host.ok("network", "create", "foo");
  const policy = (name: string, restart: string, script: string) =>
    host.ok(
      "run",
      "-d",
      "--name",
      name,
      "--net",
      "foo",
      "--restart",
      restart,
      "--",
      "sh",
      "-c",
      script,
    );
  const rests = "sleep 1000";
  await policy("always", "always", rests);
  await policy("unless", "unless-stopped", rests);
  await policy("failing", "on-failure:2", "sleep 0.2; exit 4");
  await policy("fine", "on-failure", "sleep 0.2; exit 0");
  await policy("quiet", "unless-stopped", rests);
  await host.ok("run", "-d", "--name", "plain", "--net", "foo", "--", "sh", "-c", rests);

  await until("it has failed three times", async () => {
    const { state, restarts } = await shown(host, "failing");
    return state === "exited" && restarts === 2;
  }, 20_000);
  assert.deepEqual([(await shown(host, "fine")).state, (await shown(host, "fine")).restarts], [
    "exited",
    0,
  ]);
  assert.match(
    await host.ok("container", "info", "failing"),
    /^Restart: on-failure:2 \(so far 2×\)$/m,
  );
  // It is ended from outside, not by netsvc.
  const { pid } = JSON.parse(await host.ok("container", "info", "-f", "json", "always"))[0];
  await run(["kill", "-9", String(pid)]);
  await until("it runs again", async () => {
    const { state, restarts } = await shown(host, "always");
    return state === "running" && restarts === 1;
  });
  // Who is killed by its user stays so.
  await host.ok("kill", "quiet");
  await until("it has ended", async () => (await shown(host, "quiet")).state === "exited");
  const address = (await shown(host, "unless")).services[0]!.addresses;

  for (const how of ["the daemon was away", "a boot"] as const) {
    if (how === "a boot") await host.crash();
    else {
      await host.stop("SIGKILL");
      const init = JSON.parse(
        (await run(["pgrep", "-f", `${host.directory}.*unless`])).stdout.split("\n")[0] || "0",
      );
      if (init > 0) await run(["kill", "-9", String(init)]);
    }
    await host.start();
    for (const name of ["always", "unless"]) {
      await until(
        `${name} runs after ${how}`,
        async () => (await shown(host, name)).state === "running",
      );
    }
    assert.deepEqual((await shown(host, "unless")).services[0]!.addresses, address, how);
    await until("they know each other", () => resolves(host, "always", "unless"));
    const ping = await host.run(["exec", "always", "--", "ping", "-c1", "-W3", "unless"]);
    assert.equal(ping.code, 0, `${how}: ${ping.stdout}`);
    for (const name of ["failing", "fine", "quiet"]) {
      assert.equal((await shown(host, name)).state, "exited", `${name} after ${how}`);
    }
  }
  assert.equal((await shown(host, "plain")).state, "exited");
  // A stop holds through a boot but for "always", which means it.
  await host.ok("stop", "-t", "0", "always", "unless");
  await host.stop();
  await host.start();
  await until("always runs", async () => (await shown(host, "always")).state === "running");
  assert.equal((await shown(host, "unless")).state, "exited");
  await host.ok("container", "rm", "-f", "always", "unless", "failing", "fine", "quiet", "plain");
  assert.equal((await host.links()).length, 2);
});
