import assert from "node:assert/strict";
import { spawn } from "../../../tests/harness/command.ts";
import { TestNamespace } from "../../../tests/harness/host.ts";
import type { ForeignContainer } from "../../engines/engine.ts";
import { EarlyStarts } from "./early_start.ts";

/** Early starts whose containers get a process when the test says so. */
function subject() {
  const processes = new Map<string, PromiseWithResolvers<number | undefined>>();
  const adopted: ForeignContainer[] = [];
  const early = new EarlyStarts({
    engines: { get: () => undefined },
    reaper: { reap: () => Promise.resolve() },
    adopter: {
      adopt: (found) => {
        adopted.push(found);
        return Promise.resolve();
      },
    },
    process: (id, signal) => {
      const first = Promise.withResolvers<number | undefined>();
      signal.addEventListener("abort", () => first.resolve(undefined));
      processes.set(id, first);
      return first.promise;
    },
  });
  const start = (id: string, deadline = 60_000, join = () => Promise.resolve()) => ({
    ...{ found: { id, name: id, runtime: "docker" }, ports: [], deadline, join },
  });
  return {
    early,
    start,
    processes,
    adopted,
    runs: (id: string, pid: number) => processes.get(id)!.resolve(pid),
  };
}

Deno.test("one that nobody saw start is missed, and forgotten", async () => {
  const { early, start } = subject();
  early.begin(start("a"));
  assert.equal(await early.outcome("a", 0), "missed");
  assert.equal(await early.outcome("a", 0), undefined);
  assert.equal(await early.outcome("b", 0), undefined);
  early.begin(start("late", 1));
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.equal(await early.outcome("late", 60_000), undefined, "its deadline is over");
});

Deno.test("one that has a process is adopted and joined, and who asks hears of a failure", async () => {
  await using namespace = await TestNamespace.create("es");
  const child = spawn(["sleep", "1000"], { namespace: namespace.path });
  const { early, start, adopted, runs } = subject();
  const joined: string[] = [];
  early.begin(start("a", 60_000, () => Promise.resolve(void joined.push("a"))));
  runs("a", child.pid);
  assert.equal(await early.outcome("a", 60_000), "joined");
  assert.deepEqual(joined, ["a"]);
  assert.equal(adopted[0]!.running!.namespace, `/proc/${child.pid}/ns/net`);
  early.begin(start("b", 60_000, () => Promise.reject(new Error("no address"))));
  runs("b", child.pid);
  await assert.rejects(early.outcome("b", 60_000), /no address/);
  child.kill("SIGKILL");
  await child.status;
});

Deno.test("whoever starts a container takes over from those who only expect it", async () => {
  const { early, start, processes } = subject();
  early.expect(start("a"));
  const expected = processes.get("a")!.promise;
  early.begin(start("a"));
  assert.equal(await expected, undefined);
  early.expect(start("a"));
  assert.equal(await early.outcome("a", 0), "missed");
});

Deno.test("what is expected is bounded, and in nobody's way", async () => {
  const { early, start, processes } = subject();
  for (let i = 0; i < 300; i++) early.expect(start(`e${i}`));
  assert.equal(processes.size, 256);
  for (let i = 0; i < 256; i++) early.begin(start(`b${i}`));
  assert.throws(() => early.begin(start("one more")), { code: "unavailable" });
  await early.close();
  assert.equal(await early.outcome("b0", 0), undefined);
});
