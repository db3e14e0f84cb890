/**
 * What a client and a daemon can do to each other: a daemon that isn't netsvc's answers a client that is
 * root; and whoever may not command a daemon tries to.
 */
import assert from "node:assert/strict";
import { run } from "../harness/command.ts";
import { NETSVC, TestHost } from "../harness/host.ts";

/** A daemon of somebody's that answers everything with one plan. */
function evil(path: string, plan: unknown): Deno.HttpServer {
  return Deno.serve({ path, onListen: () => {} }, async (request) => {
    await request.body?.cancel();
    const { pathname } = new URL(request.url);
    if (/\/(launch|exec)$/.test(pathname)) return Response.json(plan);
    return Response.json({ id: "ab".repeat(32), name: "x", ports: [], services: [] }, {
      status: 200,
    });
  });
}

Deno.test("a daemon names no program, no script and no file to a client that is root", async (t) => {
  await using host = await TestHost.create();
  await host.ok("run", "-d", "--name", "web", "--", "sleep", "100");
  const { directory } = host;
  const marker = `${directory}/owned`;
  // What a daemon answers, from the true one.
  const honest = JSON.parse(
    (await host.api(
      "/netsvc/v1/containers/web/exec",
      ...["-X", "POST", "-H", "content-type: application/json", "-d", '{"command":["true"]}'],
    )).body,
  );
  const script = `${directory}/evil.sh`;
  await Deno.writeTextFile(script, `#!/bin/sh\nid > ${marker}\n`, { mode: 0o755 });
  const { exec } = honest;
  const start = {
    ...exec,
    ...{ workdir: "/", rootfs: "", namespace: "/proc/self/ns/net", ownNetwork: true },
    ...{ namespaces: "/tmp", binds: [], pidFile: "/dev/null", statusFile: "", logFile: "" },
  };
  const plans: Record<string, unknown> = {
    "as before": { argv: ["sh", "-c", `id > ${marker}`], signalDepth: 0 },
    "another command": { exec: { ...exec, command: ["sh", "-c", `id > ${marker}`] } },
    // As they were named once; now no answer names any.
    "another nsenter": { exec: { ...exec, paths: { nsenter: script } } },
    "another init": { exec: { ...exec, paths: { init: script } } },
    "another beginning": { exec: { ...exec, begun: "1; id" } },
    "an environment": {
      exec: { ...exec, env: { ENV: script, BASH_ENV: script, LD_PRELOAD: script } },
    },
    "options as a host name": { start: { ...start, hostname: "-c" } },
    "a file of the host": { start: { ...start, pidFile: marker } },
    "a status in a file of the host": { start: { ...start, statusFile: marker } },
    "a log": { start: { ...start, logFile: marker } },
    "no process": { exec: { ...exec, pid: "1; id" } },
    "process 1": { exec: { ...exec, pid: 1 } },
    "a relative bind": { start: { ...start, binds: [["x", "y"]] } },
    "another root": { start: { ...start, rootfs: directory } },
    "nothing": {},
    "null": null,
  };
  for (const [name, plan] of Object.entries(plans)) {
    await t.step(name, async () => {
      const path = `${directory}/evil.sock`;
      const server = evil(path, plan);
      try {
        for (const words of [["exec", "web", "--", "true"], ["run", "--", "true"]]) {
          const { code, stderr } = await run([...NETSVC, "-H", `unix://${path}`, ...words]);
          // It may have run what was asked for, and nothing else.
          if (code !== 0) assert.match(stderr, /^netsvc: [^\n]*\n$/);
          await assert.rejects(Deno.stat(marker), Deno.errors.NotFound);
        }
      } finally {
        await server.shutdown();
        await Deno.remove(path).catch(() => {});
      }
    });
  }

  await t.step("by a socket of another user, or by TCP, nothing is asked", async () => {
    const path = `${directory}/evil.sock`;
    let asked = 0;
    const server = Deno.serve({ path, onListen: () => {} }, () => {
      asked++;
      return Response.json(honest);
    });
    const tcp = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, () => {
      asked++;
      return Response.json(honest);
    });
    try {
      await Deno.chown(path, 65534, 65534);
      for (const words of [["exec", "web", "--", "true"], ["run", "--", "true"]]) {
        const others = await run([...NETSVC, "-H", `unix://${path}`, ...words]);
        assert.equal(others.code, 125);
        assert.match(others.stderr, /belongs to another user/);
        const far = await run([...NETSVC, "-H", `tcp://127.0.0.1:${tcp.addr.port}`, ...words]);
        assert.equal(far.code, 125);
        assert.match(far.stderr, /in the foreground works on the daemon's own machine/);
      }
      assert.equal(asked, 0);
    } finally {
      await server.shutdown();
      await tcp.shutdown();
    }
  });
  // And the true one still works.
  assert.equal((await host.run(["exec", "web", "--", "sh", "-c", "exit 7"])).code, 7);
  assert.equal(await host.ok("run", "--rm", "-e", "A=b", "--", "sh", "-c", "echo $A"), "b");
});
