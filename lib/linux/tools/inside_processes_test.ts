import assert from "node:assert/strict";
import { until } from "../../../tests/harness/command.ts";
import { TestNamespace } from "../../../tests/harness/host.ts";
import type { InsideProcess } from "./inside_process.ts";
import { InsideProcesses } from "./inside_processes.ts";
import { Processes } from "./processes.ts";

const LATE_MS = 10_000;

function kept(): { inside: InsideProcesses; all: AsyncDisposable } {
  const processes = new Processes({});
  const inside = new InsideProcesses(processes, true);
  const end = async () => {
    inside.retire();
    await processes.idle();
  };
  return { inside, all: { [Symbol.asyncDispose]: end } };
}

const exists = ({ pid }: InsideProcess) =>
  Deno.readTextFile(`/proc/${pid}/stat`).then((stat) => !/\) Z /.test(stat), () => false);
const ends = (process: InsideProcess) =>
  until(`process ${process.pid} has ended`, async () => !await exists(process));

Deno.test("a process is taken by one at a time, and is given again when it was put back", async () => {
  await using there = await TestNamespace.create("k");
  const { inside, all } = kept();
  await using _ = all;
  assert.equal(inside.take(there.path), undefined);
  const process = inside.spawn(there.path);
  inside.put(there.path, process);
  assert.equal(inside.hasRoom(there.path), false);
  assert.equal(inside.take(there.path), process);
  assert.equal(inside.take(there.path), undefined);
  const second = inside.spawn(there.path);
  inside.put(there.path, second);
  inside.put(there.path, process); // The later one stays.
  assert.equal(inside.size, 1);
  await ends(second);
  assert.equal(inside.take(there.path), process);
  assert.deepEqual(await process.run(["link set lo up"], LATE_MS), { ok: true });
  inside.put(there.path, process);
});

Deno.test("only so many stay: the one that was used longest ago goes", async () => {
  await using stack = new AsyncDisposableStack();
  const { inside, all } = kept();
  stack.use(all);
  const spaces: TestNamespace[] = [];
  for (let i = 0; i < 10; i++) spaces.push(stack.use(await TestNamespace.create("k")));
  const spawned = spaces.map(({ path }) => {
    const process = inside.spawn(path);
    inside.put(path, process);
    const first = inside.take(spaces[0]!.path); // It is used all the time.
    if (first) inside.put(spaces[0]!.path, first);
    return process;
  });
  assert.equal(inside.size, 8);
  assert.deepEqual(
    spaces.map(({ path }) => inside.take(path) !== undefined),
    spawned.map((_, i) => i === 0 || i > 2),
  );
  await Promise.all([ends(spawned[1]!), ends(spawned[2]!)]);
  for (const process of spawned) await process.close();
});

Deno.test("each of many new sandboxes has one ready, which is not one of those that stay", async () => {
  await using stack = new AsyncDisposableStack();
  const { inside, all } = kept();
  stack.use(all);
  const spaces: TestNamespace[] = [];
  for (let i = 0; i < 12; i++) spaces.push(stack.use(await TestNamespace.create("k")));
  for (const { path } of spaces) {
    assert.ok(inside.hasRoom(path));
    inside.getReady(path);
    inside.getReady(path);
    assert.equal(inside.hasRoom(path), false);
  }
  assert.equal(inside.size, 12);
  const taken = spaces.map(({ path }) => inside.take(path)!);
  assert.equal(new Set(taken.map(({ pid }) => pid)).size, 12);
  assert.equal(inside.size, 0);
  for (const [i, process] of taken.entries()) inside.put(spaces[i]!.path, process);
  assert.equal(inside.size, 8);
  inside.getReady(spaces[0]!.path);
  await inside.letGo(spaces[0]!.path);
  assert.equal(inside.take(spaces[0]!.path), undefined);
});

Deno.test("a process that was killed or stopped meanwhile is harmless", async () => {
  await using there = await TestNamespace.create("k");
  const { inside, all } = kept();
  await using _ = all;
  const killed = inside.spawn(there.path);
  inside.put(there.path, killed);
  Deno.kill(killed.pid, "SIGKILL");
  await until("its end is known", () => Promise.resolve(!killed.live));
  assert.equal(inside.take(there.path), undefined);
  const stopped = inside.spawn(there.path);
  Deno.kill(stopped.pid, "SIGSTOP");
  inside.put(there.path, stopped);
  await inside.letGo(there.path);
  assert.ok(!await exists(stopped));
  const last = inside.spawn(there.path);
  Deno.kill(last.pid, "SIGSTOP");
  inside.put(there.path, last); // The end of all of them doesn't wait for it.
});

Deno.test("a path that leads to another namespace gets no process of the one before", async () => {
  const { inside, all } = kept();
  await using _ = all;
  await using first = await TestNamespace.create("k");
  await using second = await TestNamespace.create("k");
  const directory = await Deno.makeTempDir({ prefix: "netsvc-test-" });
  try {
    const path = `${directory}/now`;
    await Deno.symlink(first.path, path);
    const process = inside.spawn(path);
    inside.put(path, process);
    await Deno.remove(path);
    await Deno.symlink(second.path, path);
    assert.equal(inside.take(path), undefined);
    await ends(process);
    const late = inside.spawn(path);
    await Deno.remove(path);
    inside.put(path, late);
    assert.equal(inside.size, 0);
    await ends(late);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});

Deno.test("a namespace that is removed goes soon, though a process is kept in it", async () => {
  const { inside, all } = kept();
  await using _ = all;
  await using other = await TestNamespace.create("k");
  const there = await TestNamespace.create("k");
  await other.ip(`link add name v type veth peer name w netns ${there.path}`);
  const process = inside.spawn(there.path);
  inside.put(there.path, process);
  await other.ok(["ip", "netns", "del", there.name]); // Nobody tells.
  await ends(process);
  assert.equal(inside.size, 0);
  // Its links go with it.
  await until("the other end is gone", async () => {
    return !(await other.ok(["ip", "link"])).includes("v@");
  });
});

Deno.test("none stays where none is to be kept, or no more", async () => {
  await using there = await TestNamespace.create("k");
  const { inside, all } = kept();
  await using _ = all;
  const first = inside.spawn(there.path);
  const second = inside.spawn(there.path);
  inside.put(there.path, first);
  inside.retire();
  inside.put(there.path, second);
  assert.equal(inside.size, 0);
  assert.equal(inside.hasRoom(there.path), false);
  await Promise.all([ends(first), ends(second)]);
});
