import assert from "node:assert/strict";
import { TestNamespace } from "../../../tests/harness/host.ts";
import { HOST_TABLE } from "../../../drivers/bridge/rules.ts";
import { Firewall } from "../../../drivers/nft/firewall.ts";
import { Runner, ToolError } from "./runner.ts";

/** Ids of the processes that this one has as children. */
async function children(): Promise<number[]> {
  const ids: number[] = [];
  for await (const { name } of Deno.readDir("/proc/self/task")) {
    const text = await Deno.readTextFile(`/proc/self/task/${name}/children`).catch(() => "");
    ids.push(...text.split(" ").filter(Boolean).map(Number));
  }
  return ids;
}

/** A namespace, and a runner at home there that keeps `ip`. */
async function kept(): Promise<
  & { home: TestNamespace; runner: Runner; links: (type?: string) => Promise<string[]> }
  & AsyncDisposable
> {
  const home = await TestNamespace.create("r");
  const runner = new Runner({ home: home.path, keep: true });
  const links = async (type = "bridge") =>
    (await runner.json<{ ifname: string }[]>("ip", ["link", "show", "type", type]))
      .map(({ ifname }) => ifname).filter(Boolean).sort();
  return {
    ...{ home, runner, links },
    [Symbol.asyncDispose]: async () => {
      await runner.close();
      await home[Symbol.asyncDispose]();
    },
  };
}

Deno.test("ip() runs batches one after the other in a process that stays, and leaves none", async () => {
  const before = await children();
  {
    await using host = await kept();
    const ids = new Set<number>();
    for (let i = 0; i < 5; i++) {
      await host.runner.ip([`link add name b${i} type bridge`, `link set dev b${i} up`]);
      for (const id of await children()) if (!before.includes(id)) ids.add(id);
    }
    assert.equal(ids.size, 1);
    assert.deepEqual(await host.links(), ["b0", "b1", "b2", "b3", "b4"]);
  }
  assert.deepEqual(await children(), before);
});

Deno.test("ip() runs many batches at once, and keeps two processes at most", async () => {
  const before = await children();
  await using host = await kept();
  await Promise.all(
    Array.from({ length: 40 }, (_, i) => host.runner.ip([`link add name b${i} type bridge`])),
  );
  assert.equal((await host.links()).length, 40);
  assert.ok((await children()).length <= before.length + 2);
});

Deno.test("ip() says what failed, like a process of its own, and goes on with the next batch", async () => {
  await using host = await kept();
  await host.runner.ip(["link set dev lo up"]);
  await assert.rejects(
    host.runner.ip([
      "link add name first type bridge",
      "link set dev missing up",
      "link add name never type bridge",
    ]),
    (error: ToolError) => {
      assert.ok(error instanceof ToolError);
      assert.match(error.stderr, /^Cannot find device "missing"/);
      assert.match(error.message, /with ip: Cannot find device "missing"/);
      return true;
    },
  );
  assert.deepEqual(await host.links(), ["first"]);
  await host.runner.ip(["link add name second type bridge"]);
  assert.deepEqual(await host.links(), ["first", "second"]);
});

Deno.test("ip() isn't misled by a link that somebody has made again", async () => {
  await using host = await kept();
  await using other = new Runner({ home: host.home.path, keep: true });
  const make = (runner: Runner) =>
    runner.ip(["link add name b type bridge", "link set dev b alias one", "link set dev b up"]);
  await make(host.runner);
  await other.ip(["link del dev b"]);
  await make(host.runner);
  await other.ip(["link set dev b alias two"]);
  await host.runner.ip(["link del dev b"]);
  await make(host.runner);
  await other.ip(["addr add 10.1.1.1/24 dev b", "link set dev b alias three"]);
  await other.ip(["link add name v type bridge"]); // The link that is made master doesn't matter.
  await host.runner.ip(["link del dev b"]);
  await make(host.runner);
  await other.ip([
    "link add name port type veth peer name peer",
    "link set dev port master b",
    "link set dev b alias three",
  ]);
  const shown = await host.runner.json<{ ifalias: string }[]>("ip", [
    "-d",
    "addr",
    "show",
    "dev",
    "b",
  ]);
  assert.equal(shown[0]!.ifalias, "three");
});

Deno.test("ip() does without a process that somebody has killed", async () => {
  const before = await children();
  await using host = await kept();
  await host.runner.ip(["link set dev lo up"]);
  for (const id of await children()) if (!before.includes(id)) Deno.kill(id, "SIGKILL");
  await new Promise((resolve) => setTimeout(resolve, 100));
  await host.runner.ip(["link add name after type bridge"]);
  assert.deepEqual(await host.links(), ["after"]);
});

Deno.test("ip() holds no namespace that it put a link in", async () => {
  await using host = await kept();
  const peer = async (name: string, netns: (path: string) => Promise<void>) => {
    await using other = await TestNamespace.create("o");
    await netns(other.path);
    assert.deepEqual(await host.links("veth"), [name]);
  };
  const add = (name: string, netns: string) =>
    host.runner.ip([`link add name ${name} type veth peer name in${name} netns ${netns}`]);
  const gone = async () => {
    // The kernel ends a namespace, and the links in it, a moment later.
    for (const end = performance.now() + 10_000; (await host.links("veth")).length > 0;) {
      assert.ok(performance.now() < end, "the namespace goes");
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  };
  await host.runner.ip(["link set dev lo up"]);
  await peer("a", (path) => add("a", path));
  await gone();
  await peer("b", async (path) => {
    const prepared = host.runner.prepare(path);
    assert.match(prepared.netns, /^\d+$/);
    await add("b", prepared.netns);
    await prepared.ip(["link set dev inb up"]);
  });
  await gone();
});

Deno.test("ip() keeps no process in another namespace, and none after close()", async () => {
  const before = await children();
  await using host = await kept();
  await using other = await TestNamespace.create("o");
  await host.runner.ip(["link add name there type bridge"], other.path);
  assert.deepEqual(await children(), before);
  await host.runner.close();
  await host.runner.ip(["link add name late type bridge"]);
  assert.deepEqual(await host.links(), ["late"]);
  assert.deepEqual(await children(), before);
});

Deno.test("prepare() runs its batch in its namespace, fails like ip(), and can be cancelled", async () => {
  const before = await children();
  await using host = await kept();
  await using other = await TestNamespace.create("o");
  await host.runner.prepare(other.path).ip(["link add name there type bridge"]);
  const links = await host.runner.json<{ ifname: string }[]>("ip", ["link"], other.path);
  assert.ok(links.some(({ ifname }) => ifname === "there"));
  await assert.rejects(
    host.runner.prepare(other.path).ip(["link set dev missing up"]),
    /Cannot find device "missing"/,
  );
  await host.runner.prepare(other.path).cancel();
  // More than run at once: those that wait are spawned when they are needed.
  const many = Array.from({ length: 20 }, () => host.runner.prepare(other.path));
  await host.runner.ip(["link set dev lo up"]);
  await Promise.all(many.map((one, i) => one.ip([`link add name p${i} type bridge`])));
  await host.runner.close();
  assert.deepEqual(await children(), before);
});

Deno.test("putSoon() is there with the next change at the latest, in one run of nft", async () => {
  await using home = await TestNamespace.create("f");
  const runs: string[] = [];
  const runner = new Runner({ home: home.path, onRun: (tool) => runs.push(tool) });
  const firewall = new Firewall(runner, [HOST_TABLE]);
  await firewall.reconcile({});
  const open = (name: string) => ({ open: new Set([`"${name}"`]) });
  const listed = async () => {
    const text = JSON.stringify(
      await runner.json("nft", ["list", "set", "inet", "netsvc", "open"]),
    );
    return ["a", "b", "c"].filter((name) => text.includes(`"${name}"`));
  };
  runs.length = 0;
  for (const name of ["a", "b", "c"]) firewall.putSoon(open(name));
  await firewall.change({ remove: open("b") });
  assert.deepEqual(runs, ["nft"]);
  assert.deepEqual(await listed(), ["a", "c"]);
  // By itself, too.
  firewall.putSoon(open("b"));
  for (const end = performance.now() + 5000; (await listed()).length < 3;) {
    assert.ok(performance.now() < end, "b is put in");
  }
  runs.length = 0;
  firewall.putSoon(open("d"));
  await firewall.change({ remove: open("d") });
  assert.deepEqual(runs, [], "nothing is to be done");
  // What is only late is nothing to report.
  firewall.putSoon(open("e"));
  const wanted = {
    open: new Set(["a", "b", "c", "e"].map((name) => `"${name}"`)),
  };
  assert.equal(await firewall.reconcile(wanted), false);
  await runner.nft("delete table inet netsvc");
  assert.equal(await firewall.reconcile(wanted), true);
});
