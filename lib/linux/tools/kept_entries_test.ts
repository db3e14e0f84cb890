import assert from "node:assert/strict";
import { until } from "../../../tests/harness/command.ts";
import { TestNamespace } from "../../../tests/harness/host.ts";
import { KeptEntries } from "./kept_entries.ts";
import { outputOf, Processes } from "./processes.ts";
import { type Run, ToolError } from "./tool_error.ts";

/** A namespace with a bridge and a port, and processes at home there that are counted. */
async function home() {
  await using stack = new AsyncDisposableStack();
  const namespace = stack.use(await TestNamespace.create("k"));
  await namespace.ip("link add br0 type bridge");
  const port = () => namespace.ip("link add p0 master br0 type veth peer name q0");
  await port();
  const spawned: Deno.ChildProcess[] = [];
  const processes = new class extends Processes {
    override spawn(run: Run, stdout?: "piped" | "null"): Deno.ChildProcess {
      const child = super.spawn(run, stdout);
      spawned.push(child);
      return child;
    }
  }({ home: namespace.path });
  const byProcess = (run: Run) => outputOf({ ...run, args: ["-batch", "-"] }, processes.spawn(run));
  const entries = new KeptEntries(processes, { byProcess });
  stack.defer(async () => {
    entries.retire();
    await processes.idle();
    await entries.forget();
  });
  const kept = stack.move();
  return {
    ...{ spawned, entries, namespace, port },
    macs: async () =>
      [...(await namespace.ok(["bridge", "fdb", "show", "dev", "p0"]))
        .matchAll(/^(02:00:00:00:00:\w\w) master br0 static/gm)].map(([, mac]) => mac!).sort(),
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}

const mac = (n: number) => `02:00:00:00:00:${String(n).padStart(2, "0")}`;
const set = (n: number, link = "p0") => `fdb replace ${mac(n)} dev ${link} master static`;
const count = Array.from({ length: 50 }, (_, n) => n + 1);

Deno.test("entries that come at once are made by one process, which stays", async () => {
  await using there = await home();
  await Promise.all(count.map((n) => there.entries.run([set(n)])));
  assert.deepEqual(await there.macs(), count.map(mac));
  await Promise.all(count.map((n) => there.entries.run([`fdb del ${mac(n)} dev p0 master`])));
  assert.deepEqual(await there.macs(), []);
  assert.equal(there.spawned.length, 1);
  await there.entries.forget();
  assert.equal((await there.spawned[0]!.status).signal, "SIGKILL");
});

Deno.test("of entries given together only the faulty ones fail, with bridge's words", async () => {
  await using there = await home();
  const results = await Promise.allSettled(
    count.map((n) => there.entries.run([set(n, n % 10 === 0 ? "missing" : "p0")])),
  );
  for (const [i, result] of results.entries()) {
    const faulty = (i + 1) % 10 === 0;
    assert.equal(result.status, faulty ? "rejected" : "fulfilled", `${i}`);
    if (result.status === "fulfilled") continue;
    assert.ok(result.reason instanceof ToolError);
    assert.match(result.reason.message, /"missing"/);
  }
  assert.deepEqual(await there.macs(), count.filter((n) => n % 10 !== 0).map(mac));
});

Deno.test("a link that is made anew under its name is found, and a process that was killed replaced", async () => {
  await using there = await home();
  await there.entries.run([set(1)]);
  await there.namespace.ip("link del p0");
  await there.port();
  await there.entries.run([set(2)]);
  assert.deepEqual(await there.macs(), [mac(2)]);
  await there.entries.run([set(3)]);
  there.spawned.at(-1)!.kill("SIGKILL");
  await there.entries.run([set(4)]);
  assert.deepEqual(await there.macs(), [2, 3, 4].map(mac));
});

Deno.test("one that somebody stopped ends all the same, and none stays after the end", async () => {
  await using there = await home();
  await there.entries.run([set(1)]);
  there.spawned[0]!.kill("SIGSTOP");
  there.entries.retire();
  await there.entries.forget();
  await there.entries.run([set(2)]);
  await until("it has ended", () => there.spawned[1]!.status.then(() => true));
  assert.deepEqual(await there.macs(), [1, 2].map(mac));
});
