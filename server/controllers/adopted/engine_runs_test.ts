import assert from "node:assert/strict";
import { NetsvcError } from "../../../lib/api/errors.ts";
import type { ForeignContainer } from "../../engines/engine.ts";
import type { EarlyStart, Outcome } from "./early_start.ts";
import { EngineRuns } from "./engine_runs.ts";

const REQUEST = { foreign: "docker:web", network: "net" };
const found = (more: Partial<ForeignContainer> = {}) => ({ id: "id", runtime: "docker", ...more });
const running = found({ running: { namespace: "" } });

/** Runs of a container that its engine has so, and whose early start had an outcome. */
function subject(container: ForeignContainer, outcome?: Outcome, failure?: Error) {
  const done: string[] = [];
  const note = (what: string) => () => Promise.resolve(void done.push(what));
  const begun: EarlyStart[] = [];
  const runs = new EngineRuns({
    context: {
      defaultNetwork: "bridge",
      state: {
        networks: new Map(),
        networkByName: (name: string) => ({ record: { id: "n", name } }),
      },
      cluster: { interests: { ensure: () => Promise.resolve() } },
      locks: {
        container: (id: string, action: (held: unknown) => Promise<void>) => action({ id }),
      },
    },
    containers: {
      store: {
        get: () => container,
        current: () => container,
        changeAdopted: note("note network"),
      },
      info: () => "shown",
      holder: { ports: { check: note("check ports") } },
      removal: { rollback: note("rollback") },
      endpoints: {
        checkFree: note("check names"),
        attachAll: failure ? () => Promise.reject(failure) : note("attach"),
      },
    },
    adopted: {
      resolver: { foreign: () => Promise.resolve(container) },
      adopter: { adopt: note("adopt") },
      release: { ifIdle: note("release") },
    },
    sandboxes: { adoptedFiles: { written: note("written") } },
    early: {
      begin: (start: EarlyStart) => void begun.push(start),
      outcome: () => Promise.resolve(outcome),
    },
  } as never);
  return { runs, done, begun };
}

Deno.test("expect() checks before anything runs, and attaches when there is a process", async () => {
  const { runs, done, begun } = subject(found());
  await runs.expect(REQUEST);
  assert.deepEqual(done, ["check ports", "check names"]);
  await begun[0]!.join();
  assert.deepEqual(done.slice(2), ["check names", "note network", "attach", "written", "release"]);
  await assert.rejects(subject(running).runs.expect(REQUEST), { code: "conflict" });
});

Deno.test("create() has nothing to do for one that was attached early", async () => {
  const { runs, done } = subject(running, "joined");
  assert.equal(await runs.create("web", REQUEST) as unknown, "shown");
  assert.deepEqual(done, []);
});

Deno.test("create() adopts one that was missed, unless it has ended", async () => {
  for (const outcome of ["missed", undefined] as const) {
    const { runs, done } = subject(running, outcome);
    assert.equal(await runs.create("web", REQUEST) as unknown, "shown");
    assert.deepEqual(done, [
      "adopt",
      "check names",
      "note network",
      "attach",
      "written",
      "release",
    ]);
  }
  const { runs, done } = subject(found({ name: "web" }), "missed");
  await assert.rejects(runs.create("web", REQUEST), { message: 'The container "web" has ended' });
  assert.deepEqual(done, []);
});

Deno.test("one that can't be attached is rolled back and released", async () => {
  const failure = new NetsvcError("conflict", "no address");
  const { runs, done } = subject(running, undefined, failure);
  await assert.rejects(runs.create("web", REQUEST), failure);
  assert.deepEqual(done, ["adopt", "check names", "note network", "rollback", "release"]);
});
