import assert from "node:assert/strict";
import type { ForeignContainer } from "../../engines/engine.ts";
import type { EarlyStart, Outcome } from "./early_start.ts";
import { EngineRuns } from "./engine_runs.ts";

const REQUEST = { foreign: "docker:web" };

/** Runs of a container that is as the test says, and whose early start had an outcome. */
function subject(found: Partial<ForeignContainer> | undefined, outcome?: Outcome) {
  const done: string[] = [];
  const note = (what: string, result?: unknown) => () => {
    done.push(what);
    return Promise.resolve(result);
  };
  const begun: EarlyStart[] = [];
  const runs = new EngineRuns({
    state: { containers: new Set(["id"]) },
    engines: { find: () => Promise.resolve(found && { id: "id", runtime: "docker", ...found }) },
    containers: {
      checkForeign: note("check"),
      joinForeign: note("join", "joined"),
      info: () => "known",
    },
    foreign: { takeIn: note("adopt"), written: note("written"), letGo: note("release") },
    early: {
      begin: (start: EarlyStart) => void begun.push(start),
      outcome: () => Promise.resolve(outcome),
    },
  } as never);
  return { runs, done, begun };
}

const running = { running: { namespace: "" } };

Deno.test("expect() checks before anything runs, and joins when there is a process", async () => {
  const { runs, done, begun } = subject({});
  await runs.expect(REQUEST);
  assert.deepEqual(done, ["check"]);
  await begun[0]!.join();
  assert.deepEqual(done, ["check", "join", "written", "release"]);
  await assert.rejects(subject(running).runs.expect(REQUEST), { code: "conflict" });
  await assert.rejects(subject(undefined).runs.expect(REQUEST), { code: "not_found" });
});

Deno.test("create() has nothing to do for one that was joined early", async () => {
  const { runs, done } = subject(running, "joined");
  assert.equal(await runs.create("web", {}) as unknown, "known");
  assert.deepEqual(done, []);
});

Deno.test("create() adopts one that was missed, unless it has ended", async () => {
  for (const outcome of ["missed", undefined] as const) {
    const { runs, done } = subject(running, outcome);
    assert.equal(await runs.create("web", {}) as unknown, "joined");
    assert.deepEqual(done, ["adopt", "join", "written", "release"]);
  }
  const { runs, done } = subject({ name: "web" }, "missed");
  await assert.rejects(runs.create("web", {}), { message: 'The container "web" has ended' });
  assert.deepEqual(done, []);
});
