import assert from "node:assert/strict";
import type { Exec, Launch } from "../../lib/api/types.ts";
import { planFor } from "./launch_plan.ts";

const directory = `/run/netsvc/containers/${"a".repeat(64)}`;
const launch: Launch = {
  command: ["evil"],
  env: { LD_PRELOAD: "/evil.so" },
  workdir: "/evil",
  hostname: "web",
  rootfs: "",
  privileged: true,
  namespace: "/run/netsvc/namespaces/x",
  ownNetwork: true,
  namespaces: "/run/netsvc/namespaces",
  binds: [[`${directory}/hosts`, "/etc/hosts"]],
  pidFile: `${directory}/pid`,
  statusFile: `${directory}/status`,
  logFile: "",
  tty: true,
  terminal: true,
};
const own = { command: ["ls", "-l"], env: { A: "1" }, workdir: "/tmp", terminal: false };

Deno.test("of a daemon's answer only the place counts: what runs is the client's own", () => {
  const plan = planFor({ start: launch }, own);
  assert.ok("start" in plan);
  const { command, env, workdir, tty, terminal, privileged, namespace } = plan.start;
  assert.deepEqual({ command, env, workdir, tty, terminal, privileged }, {
    ...own,
    tty: false,
    privileged: false,
  });
  assert.equal(namespace, launch.namespace);
});

const START: [name: string, change: Partial<Launch>][] = [
  ["a process file elsewhere", { pidFile: "/etc/cron.d/evil" }],
  ["a status file elsewhere", { statusFile: `${directory}/../../../etc/passwd` }],
  ["a log", { logFile: "/var/log/x" }],
  ["a relative namespace", { namespace: "x" }],
  ["a relative bind", { binds: [["x", "/etc/hosts"]] }],
  ["a host name that is an option", { hostname: "-x" }],
  ["a root that wasn't asked for", { rootfs: "/srv" }],
  ["a NUL byte", { namespace: "/a\0b" }],
];
const EXEC: [name: string, change: Partial<Exec>][] = [
  ["the host's init", { pid: 1 }],
  ["no process", { pid: 1.5 }],
  ["a begin that is no number", { begun: "soon" }],
];

Deno.test("an answer that isn't as netsvc's daemon has it is refused", async (t) => {
  const refused = { code: "forbidden", exitCode: 125, message: /nothing is run/ };
  for (const [name, change] of START) {
    await t.step(name, () => {
      assert.throws(() => planFor({ start: { ...launch, ...change } }, own), refused);
    });
  }
  const exec: Exec = { ...launch, pid: 77, begun: "123" };
  for (const [name, change] of EXEC) {
    await t.step(name, () => {
      assert.throws(() => planFor({ exec: { ...exec, ...change } }, own), refused);
    });
  }
  await t.step("no object at all", () => {
    assert.throws(() => planFor({ exec: 7 } as never, own), refused);
  });
});

Deno.test("exec enters the container's process, with the client's words", () => {
  const exec: Exec = { ...launch, pid: 77, begun: "123" };
  const plan = planFor({ exec }, { command: ["id"], terminal: true, tty: true });
  assert.deepEqual(plan, {
    exec: {
      ...{ pid: 77, begun: "123", hostname: "web", rootfs: "", privileged: true },
      ...{ command: ["id"], env: {}, tty: true, terminal: true },
    },
  });
});
