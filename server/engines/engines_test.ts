import assert from "node:assert/strict";
import { spawn, until } from "../../tests/harness/command.ts";
import { TestDocker } from "../../tests/harness/docker.ts";
import { TestNamespace } from "../../tests/harness/host.ts";
import { TestPodman } from "../../tests/harness/podman.ts";
import { NetsvcError } from "../../lib/api/errors.ts";
import { Docker } from "./docker/docker.ts";
import { engineConformance } from "../../tests/harness/engine_conformance.ts";
import type { Engine, EngineEvent, ForeignContainer } from "./engine.ts";
import { Engines } from "./engines.ts";
import { netnsEngine } from "./kernel/netns.ts";
import { pidEngine } from "./kernel/pid.ts";
import { podmanEngine } from "./podman/podman.ts";
import { unwatched } from "./kernel/static_engine.ts";

Deno.test("Docker", async (t) => {
  await using docker = await TestDocker.create();
  using engine = new Docker(docker.socket);
  await engineConformance(t, {
    engine,
    ok: (...words) => docker.ok(...words),
    sleeper: (name, ...options) => docker.sleeper(name, ...options),
  });

  await t.step("a daemon that is restarted is watched again, after a gap", async () => {
    const events: EngineEvent[] = [];
    const abort = new AbortController();
    const watching = engine.watch((event) => events.push(event), abort.signal);
    await until("it watches", () => events.length === 1);
    await docker.stop("SIGKILL");
    await assert.rejects(engine.find("web"), { code: "unavailable", message: /Docker at .*sock/ });
    await docker.start();
    await until("it watches again", () => events.filter((e) => e.type === "gap").length === 2);
    const id = await docker.sleeper("later");
    await until("it hears", () => events.some((e) => e.type === "start" && e.id === id));
    abort.abort();
    await watching;
  });
});

Deno.test("Podman without a service", async (t) => {
  await using podman = await TestPodman.create();
  using engine = podmanEngine({ socket: podman.socket, env: podman.env });
  await engineConformance(t, {
    engine,
    ok: (...words) => podman.ok(...words),
    sleeper: (name, ...options) => podman.sleeper(name, ...options),
  });
});

Deno.test("Podman with its service", async (t) => {
  await using podman = await TestPodman.create();
  await podman.serve();
  using engine = podmanEngine({ socket: podman.socket, env: { PATH: "/nowhere" } });
  await engineConformance(t, {
    engine,
    ok: (...words) => podman.ok(...words),
    sleeper: (name, ...options) => podman.sleeper(name, ...options),
  });
});

Deno.test("no engine on this host is no error", async () => {
  using engine = new Docker("/nowhere/docker.sock");
  assert.equal(await engine.find("web"), undefined);
  const abort = new AbortController();
  const events: EngineEvent[] = [];
  const watching = engine.watch((e) => events.push(e), abort.signal);
  await new Promise((resolve) => setTimeout(resolve, 100));
  abort.abort();
  await watching;
  assert.deepEqual(events, []);
});

Deno.test("pidEngine finds processes with a network of their own", async () => {
  await using namespace = await TestNamespace.create("e");
  const child = spawn(["sleep", "1000"], { namespace: namespace.path });
  const found = await pidEngine.find(String(child.pid));
  assert.match(found!.id, /^[0-9a-f]{64}$/);
  assert.equal(found!.running!.process!.pid, child.pid);
  assert.equal((await pidEngine.find(String(child.pid)))!.id, found!.id);
  child.kill("SIGKILL");
  await child.status;
  assert.equal(await pidEngine.find(String(child.pid)), undefined);
  for (const wrong of ["0", "-1", "1x", "", "1234567890123"]) {
    await assert.rejects(pidEngine.find(wrong), { code: "invalid", message: /pid:1234/ });
  }
  await assert.rejects(pidEngine.find(String(Deno.pid)), {
    code: "invalid",
    message: /has no network of its own/,
  });
});

Deno.test("netnsEngine finds namespaces by path", async () => {
  const namespace = await TestNamespace.create("e");
  const found = await netnsEngine.find(namespace.path);
  assert.equal(found!.running!.namespace, namespace.path);
  assert.equal((await netnsEngine.find(namespace.path))!.id, found!.id);
  await namespace[Symbol.asyncDispose]();
  assert.equal(await netnsEngine.find(namespace.path), undefined);
  assert.equal(await netnsEngine.find("/etc/passwd"), undefined);
  for (const wrong of ["x", "", "/run/../etc/passwd", "/run/a b", "/run/a\nb"]) {
    await assert.rejects(netnsEngine.find(wrong), { code: "invalid", message: /netns:\/run/ });
  }
  await assert.rejects(netnsEngine.find("/proc/self/ns/net"), { code: "invalid" });
  assert.equal(await netnsEngine.find("/proc/self/ns/mnt"), undefined);
});

Deno.test("Engines.find() asks all, and says which where several have it", async () => {
  const having = (name: string, ...references: string[]): Engine =>
    unwatched(
      name,
      (reference): ForeignContainer | undefined =>
        references.includes(reference) ? { id: `${name}-${reference}`, runtime: name } : undefined,
    );
  const dead = unwatched("podman", () => {
    throw new NetsvcError("unavailable", "podman is away");
  });
  const named = [having("pid", "7")];
  const engines = new Engines([having("docker", "a", "b"), having("podman", "b", "c")], named);
  assert.equal((await engines.find("a"))!.runtime, "docker");
  assert.equal((await engines.find("c"))!.runtime, "podman");
  assert.equal(await engines.find("d"), undefined);
  assert.equal(await engines.find("7"), undefined, "only where it is named");
  assert.equal((await engines.find("pid:7"))!.runtime, "pid");
  assert.equal((await engines.find("podman:b"))!.runtime, "podman");
  await assert.rejects(engines.find("b"), {
    code: "ambiguous",
    message: '"b" is a container of docker and of podman; say which: docker:b or podman:b',
  });
  const half = new Engines([having("docker", "a"), dead]);
  assert.equal((await half.find("a"))!.runtime, "docker");
  await assert.rejects(half.find("b"), /podman is away/);
});
