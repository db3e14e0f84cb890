import assert from "node:assert/strict";
import { until } from "../../../tests/harness/command.ts";
import { TestNamespace } from "../../../tests/harness/host.ts";
import type { NetOp } from "../net/ops.ts";
import { KeptNamespaces } from "./kept_namespaces.ts";
import { Processes } from "./processes.ts";
import { Runner } from "./runner.ts";
import type { Tool } from "./tool_error.ts";

/** A runner whose processes stay, and are counted. */
function counted(home: TestNamespace): { runner: Runner; spawns: Tool[] } {
  const spawns: Tool[] = [];
  const runner = new Runner({ home: home.path, keep: true, onSpawn: (tool) => spawns.push(tool) });
  return { runner, spawns };
}

const UP: NetOp[] = [{ op: "setLink", link: "lo", up: true }];
const ENTRY: NetOp[] = [
  { op: "setForward", mac: "02:00:00:00:00:01", link: "v" },
];

Deno.test("ip and bridge stay in a namespace of netsvc's own, and in no other", async () => {
  await using home = await TestNamespace.create("k");
  await using own = await TestNamespace.create("k");
  await using other = await TestNamespace.create("k");
  for (const { path } of [own, other]) {
    const run = (line: string) => home.ok(["nsenter", `--net=${path}`, "ip", ...line.split(" ")]);
    await run("link add br0 type bridge");
    await run("link add v master br0 type veth peer name w");
  }
  const { runner, spawns } = counted(home);
  await using _ = runner;
  runner.stayIn(own.path);
  for (let i = 0; i < 3; i++) await runner.apply([...UP, ...ENTRY], own.path);
  assert.deepEqual(spawns, ["ip", "bridge"]);
  for (let i = 0; i < 2; i++) await runner.apply([...UP, ...ENTRY], other.path);
  assert.deepEqual(spawns.slice(2), ["ip", "bridge", "ip", "bridge"]);
  await runner.forget();
  spawns.length = 0;
  await runner.apply(UP, own.path);
  await runner.letGo(own.path);
  await runner.apply(UP, own.path);
  await runner.apply(UP, own.path);
  assert.deepEqual(spawns, ["ip", "ip", "ip"]);
});

Deno.test("what opens another namespace by its path doesn't stay", async () => {
  await using home = await TestNamespace.create("k");
  await using own = await TestNamespace.create("k");
  await using other = await TestNamespace.create("k");
  const { runner, spawns } = counted(home);
  await using _ = runner;
  runner.stayIn(own.path);
  for (const name of ["a", "b"]) {
    const peer = { name, netns: other.path };
    await runner.apply([{ op: "addLink", name, kind: { type: "veth", peer } }], own.path);
  }
  assert.deepEqual(spawns, ["ip", "ip"]);
});

Deno.test("a namespace that is removed goes soon, though its tools stayed, and its path is another's", async () => {
  await using home = await TestNamespace.create("k");
  const own = await TestNamespace.create("k");
  const { runner, spawns } = counted(home);
  await using _ = runner;
  await home.ip(`link add v type veth peer name w netns ${own.path}`);
  runner.stayIn(own.path);
  await runner.apply(UP, own.path);
  await home.ok(["ip", "netns", "del", own.name]); // Nobody tells.
  await until("the other end is gone", async () => {
    return !(await home.ok(["ip", "link"])).includes("v@");
  });
  await home.ok(["ip", "netns", "add", own.name]);
  try {
    await runner.apply(UP, own.path);
    assert.deepEqual(spawns, ["ip", "ip"]);
  } finally {
    await runner.letGo(own.path);
    await home.ok(["ip", "netns", "del", own.name]);
  }
});

Deno.test("only so many namespaces have tools that stay, none beyond them while all are in use", async () => {
  await using stack = new AsyncDisposableStack();
  const processes = new Processes({});
  const kept = new KeptNamespaces(processes, { keep: true, byProcess: () => Promise.resolve() });
  stack.defer(async () => {
    kept.retire();
    await processes.idle();
  });
  const spaces: TestNamespace[] = [];
  for (let i = 0; i < 10; i++) spaces.push(stack.use(await TestNamespace.create("k")));
  for (const { path } of spaces) kept.allow(path);
  for (const { path } of spaces) kept.of(path);
  assert.equal(kept.size, 8);
  assert.equal(kept.of("/nowhere"), undefined);
  kept.retire();
  assert.equal(kept.size, 0);
  assert.equal(kept.of(spaces[0]!.path), undefined);
});
