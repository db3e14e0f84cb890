import assert from "node:assert/strict";
import { TestNamespace } from "../../../tests/harness/host.ts";
import { HOST_TABLE } from "../../../drivers/bridge/rules.ts";
import { Firewall } from "../../../drivers/nft/firewall.ts";
import type { NetOp, VethPeer } from "../net/ops.ts";
import { Runner } from "./runner.ts";
import { ToolError } from "./tool_error.ts";

/** Ids of the processes that this one has as children. */
async function children(): Promise<number[]> {
  const ids: number[] = [];
  for await (const { name } of Deno.readDir("/proc/self/task")) {
    const text = await Deno.readTextFile(`/proc/self/task/${name}/children`).catch(() => "");
    ids.push(...text.split(" ").filter(Boolean).map(Number));
  }
  return ids;
}

const bridge = (name: string): NetOp => ({ op: "addLink", name, kind: { type: "bridge" } });
const veth = (name: string, peer: VethPeer): NetOp => (
  { op: "addLink", name, kind: { type: "veth", peer } }
);
const up = (link: string): NetOp => ({ op: "setLink", link, up: true });
const alias = (link: string, text: string): NetOp => ({ op: "setLink", link, alias: text });
const gone = (link: string): NetOp => ({ op: "deleteLink", link });

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

Deno.test("apply() runs batches one after the other in a process that stays, and leaves none", async () => {
  const before = await children();
  {
    await using host = await kept();
    const ids = new Set<number>();
    for (let i = 0; i < 5; i++) {
      await host.runner.apply([bridge(`b${i}`), up(`b${i}`)]);
      for (const id of await children()) if (!before.includes(id)) ids.add(id);
    }
    assert.equal(ids.size, 1);
    assert.deepEqual(await host.links(), ["b0", "b1", "b2", "b3", "b4"]);
  }
  assert.deepEqual(await children(), before);
});

Deno.test("apply() runs many batches at once, and keeps two processes at most", async () => {
  const before = await children();
  await using host = await kept();
  await Promise.all(
    Array.from({ length: 40 }, (_, i) => host.runner.apply([bridge(`b${i}`)])),
  );
  assert.equal((await host.links()).length, 40);
  assert.ok((await children()).length <= before.length + 2);
});

Deno.test("apply() says what failed, like a process of its own, and goes on with the next batch", async () => {
  await using host = await kept();
  await host.runner.apply([up("lo")]);
  await assert.rejects(
    host.runner.apply([
      bridge("first"),
      up("missing"),
      bridge("never"),
    ]),
    (error: ToolError) => {
      assert.ok(error instanceof ToolError);
      assert.equal(error.errno, "ENODEV");
      assert.equal(error.words, 'Cannot find device "missing"');
      assert.match(error.message, /with ip: Cannot find device "missing"/);
      return true;
    },
  );
  assert.deepEqual(await host.links(), ["first"]);
  await host.runner.apply([bridge("second")]);
  assert.deepEqual(await host.links(), ["first", "second"]);
});

Deno.test("apply() isn't misled by a link that somebody has made again", async () => {
  await using host = await kept();
  await using other = new Runner({ home: host.home.path, keep: true });
  const make = (runner: Runner) => runner.apply([bridge("b"), alias("b", "one"), up("b")]);
  await make(host.runner);
  await other.apply([gone("b")]);
  await make(host.runner);
  await other.apply([alias("b", "two")]);
  await host.runner.apply([gone("b")]);
  await make(host.runner);
  await other.apply([{ op: "setAddress", address: "10.1.1.1/24", link: "b" }, alias("b", "three")]);
  await other.apply([bridge("v")]); // The link that is made master doesn't matter.
  await host.runner.apply([gone("b")]);
  await make(host.runner);
  await other.apply([
    veth("port", { name: "peer" }),
    { op: "setLink", link: "port", master: "b" },
    alias("b", "three"),
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

Deno.test("apply() does without a process that somebody has killed", async () => {
  const before = await children();
  await using host = await kept();
  await host.runner.apply([up("lo")]);
  for (const id of await children()) if (!before.includes(id)) Deno.kill(id, "SIGKILL");
  await new Promise((resolve) => setTimeout(resolve, 100));
  await host.runner.apply([bridge("after")]);
  assert.deepEqual(await host.links(), ["after"]);
});

Deno.test("apply() holds no namespace that it put a link in", async () => {
  await using host = await kept();
  const peer = async (name: string, netns: (path: string) => Promise<void>) => {
    await using other = await TestNamespace.create("o");
    await netns(other.path);
    assert.deepEqual(await host.links("veth"), [name]);
  };
  const add = (name: string, netns: string) =>
    host.runner.apply([veth(name, { name: `in${name}`, netns })]);
  const gone = async () => {
    // The kernel ends a namespace, and the links in it, a moment later.
    for (const end = performance.now() + 10_000; (await host.links("veth")).length > 0;) {
      assert.ok(performance.now() < end, "the namespace goes");
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  };
  await host.runner.apply([up("lo")]);
  await peer("a", (path) => add("a", path));
  await gone();
  await peer("b", async (path) => {
    const prepared = host.runner.prepare(path);
    assert.match(prepared.netns, /^\d+$/);
    await add("b", prepared.netns);
    await prepared.apply([up("inb")]);
  });
  await gone();
});

Deno.test("apply() keeps no process in another namespace, and none after close()", async () => {
  const before = await children();
  await using host = await kept();
  await using other = await TestNamespace.create("o");
  await host.runner.apply([bridge("there")], other.path);
  assert.deepEqual(await children(), before);
  await host.runner.close();
  await host.runner.apply([bridge("late")]);
  assert.deepEqual(await host.links(), ["late"]);
  assert.deepEqual(await children(), before);
});

Deno.test("prepare() runs its batch in its namespace, fails like apply(), and can be cancelled", async () => {
  const before = await children();
  await using host = await kept();
  await using other = await TestNamespace.create("o");
  await host.runner.prepare(other.path).apply([bridge("there")]);
  const links = await host.runner.json<{ ifname: string }[]>("ip", ["link"], other.path);
  assert.ok(links.some(({ ifname }) => ifname === "there"));
  await assert.rejects(
    host.runner.prepare(other.path).apply([up("missing")]),
    /Cannot find device "missing"/,
  );
  await host.runner.prepare(other.path).cancel();
  // More than run at once: those that wait are spawned when they are needed.
  const many = Array.from({ length: 20 }, () => host.runner.prepare(other.path));
  await host.runner.apply([up("lo")]);
  await Promise.all(many.map((one, i) => one.apply([bridge(`p${i}`)])));
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
  await firewall.change({}); // The run that put it in has ended, and is counted.
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
