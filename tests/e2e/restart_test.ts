import assert from "node:assert/strict";
import { openLocalStore } from "../../kv/local/local_store.ts";
import { keys } from "../../server/model/keys.ts";
import { run, until } from "../harness/command.ts";
import { NETSVC, TestHost, TestNamespace } from "../harness/host.ts";

/** Whether a container reaches a name. */
async function pings(host: TestHost, container: string, name: string): Promise<boolean> {
  return (await host.run(["exec", container, "--", "ping", "-c1", "-W2", name])).code === 0;
}

/** All rules of a host, with the elements of sets in one order: sets have none. */
async function ruleset(host: TestHost): Promise<string> {
  const text = await host.namespace.ok(["nft", "list", "ruleset"]);
  return text.replaceAll(/elements = \{([^}]*)\}/g, (_, elements: string) => {
    const sorted = elements.split(",").map((element) => element.trim()).sort();
    return `elements = { ${sorted.join(", ")} }`;
  });
}

for (const signal of ["SIGTERM", "SIGKILL"] as const) {
  Deno.test(`a daemon ended by ${signal} leaves containers connected, and takes them up again`, async () => {
    await using host = await TestHost.create();
    await host.ok("network", "create", "--ipv6", "foo");
    await host.ok("container", "create", "--net", "foo", "bare");
    await host.ok(
      "run",
      "-d",
      "--name",
      "db",
      "--net",
      "foo",
      "-p",
      "8081:80",
      "--",
      "sleep",
      "1000",
    );
    const address = (await host.ok("service", "info", "--format", "{{.addresses}}", "db.foo"))
      .split("/")[0]!;
    const bare = await host.sandbox("bare");
    const links = await host.links();
    const rules = await ruleset(host);
    const services = await host.ok("service", "ls", "--format", "json");
    const containers = await host.ok("container", "ls", "--format", "json");

    await host.stop(signal);
    const ping = await run(["ping", "-c1", "-W2", address], { namespace: bare });
    assert.equal(ping.code, 0, "traffic goes on without the daemon");
    assert.deepEqual(await host.links(), links);

    await host.start();
    assert.ok(await pings(host, "bare", "db"), "names resolve again");
    assert.deepEqual(await host.links(), links);
    assert.equal(await ruleset(host), rules);
    assert.equal(await host.ok("service", "ls", "--format", "json"), services);
    assert.equal(await host.ok("container", "ls", "--format", "json"), containers);
    assert.doesNotMatch(host.log().split("Stopping").at(-1)!, /warn|error/);
    // What was made before is removed as well as what is made now.
    await host.ok("container", "rm", "-f", "db", "bare");
    await host.ok("network", "rm", "foo");
    assert.equal((await host.links()).length, 1);
    assert.deepEqual([...Deno.readDirSync(`${host.runDir}/netns`)], []);
    assert.equal((await run(["pgrep", "-f", host.directory])).stdout.trim(), String(host.pid));
  });
}

Deno.test("a process that ends while the daemon is away is noticed", async () => {
  await using host = await TestHost.create();
  await host.ok("run", "-d", "--name", "a", "--", "sh", "-c", "sleep 0.5; exit 3");
  await host.ok("run", "-d", "--rm", "--name", "b", "--", "sleep", "0.5");
  await host.stop("SIGKILL");
  await new Promise((resolve) => setTimeout(resolve, 800));
  await host.start();
  const containers = JSON.parse(await host.ok("container", "ls", "--format", "json"));
  assert.deepEqual(
    containers.map(({ name, state, exitCode }: Record<string, unknown>) => [name, state, exitCode]),
    [["a", "exited", 3]],
  );
  assert.equal(await host.ok("service", "ls", "-q"), "");
  assert.equal((await host.links()).length, 1);
});

Deno.test("a foreground run survives the daemon's death", async () => {
  await using host = await TestHost.create();
  const running = host.run(
    ["run", "--rm", "--name", "fg", "--", "sh", "-c", "echo one; sleep 2; echo two; exit 4"],
  );
  await until(
    "it runs",
    async () => (await host.ok("container", "ls", "-f", "state=running", "-q")) !== "",
  );
  await host.stop("SIGKILL");
  await host.start();
  const result = await running;
  assert.deepEqual([result.code, result.stdout], [4, "one\ntwo\n"]);
  assert.equal(await host.ok("container", "ls", "-q"), "");
});

Deno.test("a reboot leaves networks and services, without their backends", async () => {
  await using host = await TestHost.create();
  await host.ok("network", "create", "foo");
  await host.ok("service", "publish", "--alias", "a", "db.foo");
  await host.ok("container", "create", "web");
  await host.ok("service", "attach", "web", "db.foo");
  await host.ok("run", "-d", "--name", "job", "--net", "foo", "--", "sleep", "1000");
  const before = JSON.parse(await host.ok("service", "info", "--format", "json", "db.foo"))[0];
  const job = JSON.parse(await host.ok("container", "info", "--format", "json", "job"))[0];
  await host.stop("SIGKILL");
  // All processes, namespaces, links, rules and the run directory are gone.
  Deno.kill(job.pid, "SIGKILL");
  const anchor = await Deno.readTextFile(`${host.runDir}/anchor`).catch(() => undefined);
  if (anchor) Deno.kill(JSON.parse(anchor).pid, "SIGKILL");
  for (const link of await host.links()) {
    await run(["ip", "-n", host.namespace.name, "link", "del", link]);
  }
  await host.namespace.ok(["nft", "flush", "ruleset"]);
  for (const mount of (await Deno.readTextFile("/proc/self/mounts")).split("\n")) {
    const path = mount.split(" ")[1] ?? "";
    if (path.startsWith(host.runDir)) await run(["umount", "-l", path]);
  }
  await Deno.remove(host.runDir, { recursive: true });

  await host.start();
  const services = JSON.parse(await host.ok("service", "ls", "--format", "json"));
  const { backend: _, ...left } = before;
  assert.deepEqual(services, [left]);
  assert.deepEqual(await host.ok("container", "ls", "-f", "state=running", "-q"), "");
  await host.ok("container", "create", "web2");
  await host.ok("service", "attach", "web2", "db.foo");
  assert.equal((await host.run(["run", "--rm", "--net", "foo", "--", "ping", "-c1", "a"])).code, 0);
});

/** The words of a ruleset: the order of a set's elements means nothing. */
function words(ruleset: string): string[] {
  return ruleset.split(/[\s,]+/).sort();
}

Deno.test("a service that was a container's alone goes when its container isn't known any more", async () => {
  await using host = await TestHost.create();
  await host.ok("network", "create", "foo");
  await host.ok("service", "publish", "kept.foo");
  const id = await host.ok("container", "create", "--net", "foo", "own");
  await host.ok("service", "attach", "own", "kept.foo");
  await host.stop("SIGKILL");
  // As if the answer to who attached it had been lost, and the container been given up.
  {
    await using store = await openLocalStore(host.stateDir);
    const result = await store.commit({ deletes: [keys.container(id), keys.containerName("own")] });
    assert.ok(result.ok);
  }
  await host.start();
  const services = async () => JSON.parse(await host.ok("service", "ls", "--format", "json"));
  await until("the orphan is gone", async () => (await services()).length === 1);
  const [{ name, backend }] = await services();
  assert.equal(name, "kept");
  assert.deepEqual((await host.links()).filter((name) => name.startsWith("nsv")), []);
  assert.equal(backend, undefined);
  assert.deepEqual([...Deno.readDirSync(`${host.runDir}/netns`)], []);
});

Deno.test("what somebody else broke is mended without cutting traffic", async () => {
  await using host = await TestHost.create();
  await host.ok("network", "create", "foo");
  await host.ok("container", "create", "--net", "foo", "a");
  await host.ok("container", "create", "--net", "foo", "b");
  const rules = await host.namespace.ok(["nft", "list", "ruleset"]);
  await host.namespace.ok(["nft", "flush", "ruleset"]);
  const [veth] = (await host.links()).filter((name) => name.startsWith("nsv"));
  const [bridge] = JSON.parse(await host.ok("network", "info", "--format", "json", "foo"));
  const foo = `nsb${bridge.id.slice(0, 12)}`;
  await host.namespace.ip(
    `link del ${veth}`,
    "link add nsb0123456789ab type bridge",
    `link set ${foo} mtu 1400`,
  );
  await host.stop("SIGTERM");
  await host.start();
  assert.match(await host.namespace.ok(["ip", "link", "show", foo]), / mtu 1500 /);
  assert.deepEqual(words(await host.namespace.ok(["nft", "list", "ruleset"])), words(rules));
  assert.ok(!(await host.links()).includes("nsb0123456789ab"));
  assert.ok(await pings(host, "a", "b"));
  assert.ok(await pings(host, "b", "a"));
});

Deno.test("a second daemon on the same directories or namespace is refused, and breaks nothing", async (t) => {
  await using host = await TestHost.create();
  await host.ok("network", "create", "foo");
  await host.ok("run", "-d", "--name", "db", "--net", "foo", "--", "sleep", "1000");
  await using elsewhere = await TestNamespace.create("o");
  const other = (name: string) => `${host.directory}/other/${name}`;
  const cases: [what: string, message: RegExp, namespace: string, state: string, run: string][] = [
    ["state", /state directory ".*" is used by another/, elsewhere.path, host.stateDir, other("r")],
    ["run", /run directory ".*" is used by another/, elsewhere.path, other("s"), host.runDir],
    ["namespace", /runs in this network namespace/, host.namespace.path, other("t"), other("u")],
  ];
  const before = await host.links();
  for (const [what, message, namespace, state, runDir] of cases) {
    await t.step(what, async () => {
      const words = [...NETSVC, "-d", "-H", `unix://${host.directory}/other.sock`];
      const flags = ["--state-dir", state, "--run-dir", runDir];
      const result = await run([...words, ...flags], { namespace });
      assert.equal(result.code, 1);
      assert.match(result.stderr, message);
      assert.equal(result.stderr.trim().split("\n").length, 1, result.stderr);
      assert.deepEqual(await host.links(), before);
      assert.equal((await host.run(["exec", "db", "--", "ping", "-c1", "db"])).code, 0);
    });
  }
});
