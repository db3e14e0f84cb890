import assert from "node:assert/strict";
import { until } from "../../../tests/harness/command.ts";
import { TestNamespace } from "../../../tests/harness/host.ts";
import { KeptBatches } from "./kept_batches.ts";
import { Processes } from "./processes.ts";
import { ToolError } from "./tool_error.ts";
import type { Run } from "./tool_error.ts";

/** A namespace, and processes at home there that are counted. */
async function home() {
  await using stack = new AsyncDisposableStack();
  const namespace = stack.use(await TestNamespace.create("k"));
  const spawned: Deno.ChildProcess[] = [];
  const processes = new class extends Processes {
    override spawn(run: Run): Deno.ChildProcess {
      const child = super.spawn(run);
      spawned.push(child);
      return child;
    }
  }({ home: namespace.path });
  const batches = new KeptBatches(processes);
  stack.defer(async () => {
    batches.retire();
    await batches.forget();
  });
  const kept = stack.move();
  return {
    ...{ spawned, batches },
    links: async () =>
      [...(await namespace.ok(["ip", "-o", "link"])).matchAll(/: (b\d+)/g)].map(([, name]) => name!)
        .sort(),
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}

const add = (n: number) => `link add name b${String(n).padStart(2, "0")} type bridge`;
const names = (numbers: number[]) => numbers.map((n) => `b${String(n).padStart(2, "0")}`);
const count = Array.from({ length: 50 }, (_, n) => n);

Deno.test("batches that come at once are run by two processes, and each ends by itself", async () => {
  await using there = await home();
  // One begins before the others, so that a cache of links may be outdated.
  await there.batches.run([add(99)]);
  const results = await Promise.allSettled(
    count.map((n) =>
      there.batches.run([
        add(n),
        n % 10 === 3
          ? "link set dev missing up"
          : n % 10 === 7
          ? `link set dev ${names([n])} mtu none`
          : `link set dev ${names([n])} up`,
        ...n % 10 === 3 ? [add(n + 500)] : [],
      ])
    ),
  );
  for (const [n, result] of results.entries()) {
    assert.equal(result.status, n % 10 === 3 || n % 10 === 7 ? "rejected" : "fulfilled", `${n}`);
    if (result.status === "fulfilled") continue;
    assert.ok(result.reason instanceof ToolError);
    assert.match(result.reason.message, n % 10 === 3 ? /"missing"/ : /"none" is/);
    assert.equal(result.reason.errno, n % 10 === 3 ? "ENODEV" : undefined);
  }
  assert.deepEqual(await there.links(), names([...count, 99]));
  // Two, one more for each of the ten that failed, and one for each that is tried again as forgotten.
  assert.ok(there.spawned.length <= 2 + 10 + 5, `${there.spawned.length}`);
});

Deno.test("fifty batches at once start one more process than one batch", async () => {
  await using there = await home();
  await Promise.all(count.map((n) => there.batches.run([add(n)])));
  assert.deepEqual(await there.links(), names(count));
  assert.equal(there.spawned.length, 2);
  // Ends of links, which the kernel answers later, hold nothing up, and what is idle then is bounded.
  await Promise.all([
    ...count.map((n) => there.batches.run([`link del dev ${names([n])}`])),
    ...count.map((n) => there.batches.run([add(n + 50)])),
  ]);
  assert.deepEqual(await there.links(), names(count.map((n) => n + 50)));
  assert.ok(there.spawned.length <= 8, `${there.spawned.length}`);
  // All but two, whichever those are that were used last.
  const ended: boolean[] = [];
  for (const child of there.spawned) child.status.then(({ success }) => ended.push(success));
  await until("idle ones end", () => ended.length >= there.spawned.length - 2, 10_000);
  assert.ok(ended.every((success) => success));
});

Deno.test("a process that somebody kills takes at most the batch along that it is at", async () => {
  await using there = await home();
  const results = Promise.allSettled(
    count.map((n) => there.batches.run([add(n), `link set dev ${names([n])} up`])),
  );
  await Promise.resolve();
  for (const child of there.spawned) child.kill("SIGKILL");
  const ended = await results;
  const failed = ended.filter(({ status }) => status === "rejected").length;
  assert.ok(failed <= 2, `${failed}`);
  const there_ = await there.links();
  for (const [n, { status }] of ended.entries()) {
    if (status === "fulfilled") assert.ok(there_.includes(names([n])[0]!), `${n}`);
  }
});
