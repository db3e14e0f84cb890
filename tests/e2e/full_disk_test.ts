/** A state directory on a disk that takes no writes. */
import assert from "node:assert/strict";
import { ok, run, until } from "../harness/command.ts";
import { TestHost } from "../harness/host.ts";

Deno.test("a daemon on a full disk starts, serves names, refuses changes, and goes on when there is room", async () => {
  await using host = await TestHost.create({ stopped: true });
  const disk = `${host.directory}/disk`;
  await Deno.mkdir(disk);
  await ok(["mount", "-t", "tmpfs", "-o", "size=1m", "none", disk]);
  await using cleanup = new AsyncDisposableStack();
  cleanup.defer(() => void run(["umount", "--lazy", disk]));
  host.flags.push("--state-dir", `${disk}/state`);
  const fill = () => run(["dd", "if=/dev/zero", `of=${disk}/ballast`, "bs=4k"]);
  const free = () => Deno.remove(`${disk}/ballast`);
  await host.start();
  await host.ok("network", "create", "foo");
  await host.ok(
    "run",
    "-d",
    "--name",
    "web",
    "--net",
    "foo",
    "-p",
    "8080:80",
    "--",
    "sleep",
    "1000",
  );
  await host.ok("run", "-d", "--name", "app", "--net", "foo", "--", "sleep", "1000");
  const links = await host.links();
  const full = new RegExp(
    `The disk of "${disk}/state" is full, so nothing can be changed; free space on it`,
  );

  // It fills up while the daemon runs: what can't be recorded isn't begun.
  await fill();
  await host.fails(1, full, "network", "create", "bar");
  await host.fails(1, full, "container", "rm", "-f", "web");
  assert.equal((await host.run(["exec", "web", "--", "true"])).code, 0, "it still runs");

  for (const signal of ["SIGKILL", "SIGTERM"] as const) {
    await host.stop(signal);
    await host.start();
    assert.equal((await host.run(["exec", "app", "--", "getent", "hosts", "web"])).code, 0);
    assert.deepEqual(await host.links(), links);
    assert.match(host.log().split("Stopping").at(-1)!, full);
    await host.fails(1, full, "network", "create", "bar");
    await host.fails(1, full, "container", "rm", "-f", "web");
    assert.equal((await host.run(["exec", "web", "--", "true"])).code, 0, "it still runs");
    const doctor = await host.run(["doctor"]);
    assert.match(
      doctor.stdout,
      /✗ store +The embedded store takes no changes; names and traffic go on: The disk of .* is full/,
    );
    assert.doesNotMatch(doctor.stdout, /--kv-store is right/);
  }

  await free();
  await until(
    "changes are taken again",
    async () => (await host.run(["network", "create", "bar"])).code === 0,
  );
  assert.equal((await host.run(["exec", "app", "--", "getent", "hosts", "web"])).code, 0);
  await host.ok("container", "rm", "-f", "web", "app");
  await host.ok("network", "rm", "bar", "foo");
  assert.deepEqual([...Deno.readDirSync(host.runDir)].filter(({ name }) => /store/.test(name)), []);
  // What it holds is what was said.
  await host.stop("SIGKILL");
  await host.start();
  assert.equal(await host.ok("network", "ls", "-q", "-f", "name=foo"), "");
  assert.equal((await host.links()).length, 1);
});
