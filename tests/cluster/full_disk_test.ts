/** A voter whose state directory is on a disk that is too small, or full: on the executable, with a real etcd. */
import assert from "node:assert/strict";
import { ok, run, until } from "../harness/command.ts";
import { TestHost } from "../harness/host.ts";
import { program } from "../harness/versions.ts";

const OVERLAY = "network create -d overlay -o encrypted=false".split(" ");

Deno.test("a voter on a full disk goes on by itself when there is room again", async () => {
  await using host = await TestHost.create({ stopped: true });
  await host.namespace.ip(
    "link add u0 type bridge",
    "link set u0 up",
    "addr add 10.99.0.1/24 dev u0",
  );
  const disk = `${host.directory}/disk`;
  await Deno.mkdir(disk);
  const mount = (...words: string[]) => ok(["mount", "-t", "tmpfs", ...words, "none", disk]);
  await mount("-o", "size=100m");
  await using cleanup = new AsyncDisposableStack();
  cleanup.defer(() => void run(["umount", "--lazy", disk]));
  host.flags.push("--state-dir", `${disk}/state`);
  await host.start();

  // Too small for an etcd: nothing is begun.
  const init = ["cluster", "init", "--etcd", program("etcd")];
  await host.fails(
    1,
    /^netsvc: The disk of "\S+\/disk\/state\/cluster\/etcd" has \d+ MB free, .*needs about 140 MB.*--state-dir$/,
    ...init,
  );
  assert.equal(await Deno.stat(`${disk}/state/cluster`).catch(() => undefined), undefined);
  await mount("-o", "remount,size=300m");
  await host.ok(...init);
  await host.ok(...OVERLAY, "before");

  const etcd = () =>
    JSON.parse(Deno.readTextFileSync(`${disk}/state/cluster/etcd.json`)).process.pid;
  await run(["dd", "if=/dev/zero", `of=${disk}/ballast`, "bs=64k"]);
  await run(["dd", "if=/dev/zero", `of=${disk}/rest`, "bs=512"]);
  const { code, stdout } = await host.run(["doctor"], { timeout: 90_000 });
  assert.equal(code, 1);
  assert.match(
    stdout,
    /^✗ disk +The disk of ".*" has 0\.0 MB free: the cluster's etcd on this host ends/m,
  );
  try {
    Deno.kill(etcd(), "SIGKILL");
  } catch {
    // It has ended by itself, which it does when it has to write.
  }
  await until("it is said how it ended", () => {
    return /etcd has ended: (it was killed|exit status \d)/.test(host.log());
  }, 30_000);
  await until(
    "status says so",
    async () => /its etcd doesn't run/.test((await host.run(["cluster", "status"])).stderr),
    60_000,
  );
  for (const name of ["ballast", "rest"]) await Deno.remove(`${disk}/${name}`);
  await until("changes are taken again", async () => {
    return (await host.run([...OVERLAY, "after"])).code === 0;
  }, 90_000);
  const names = await host.ok("network", "ls", "--format", "{{.Name}}");
  for (const name of ["before", "after"]) assert.ok(names.split("\n").includes(name), names);
});
