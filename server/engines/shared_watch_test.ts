import assert from "node:assert/strict";
import type { EngineEvent } from "./engine.ts";
import { SharedWatch } from "./shared_watch.ts";

/** An engine that tells what it is told to. */
function teller() {
  const told: { tell: (event: EngineEvent) => void; signal: AbortSignal }[] = [];
  const watch = new SharedWatch((tell, signal) => {
    told.push({ tell, signal });
    return new Promise((resolve) => signal.addEventListener("abort", () => resolve()));
  });
  return { told, watch };
}

function follower(watch: SharedWatch) {
  const events: string[] = [];
  const abort = new AbortController();
  const done = watch.follow((event) => events.push(event.type), abort.signal);
  return {
    events,
    end: async () => {
      abort.abort();
      await done;
    },
  };
}

Deno.test("SharedWatch has one watch for all, and each hears a gap first", async () => {
  const { told, watch } = teller();
  const first = follower(watch);
  assert.deepEqual(first.events, []);
  told[0]!.tell({ type: "gap" });
  const second = follower(watch);
  assert.equal(told.length, 1);
  assert.deepEqual(second.events, ["gap"]);
  told[0]!.tell({ type: "start", id: "x" });
  assert.deepEqual([first.events, second.events], [["gap", "start"], ["gap", "start"]]);
  await first.end();
  assert.equal(told[0]!.signal.aborted, false);
  told[0]!.tell({ type: "die", id: "x" });
  assert.deepEqual([first.events, second.events], [["gap", "start"], ["gap", "start", "die"]]);
  await second.end();
  assert.equal(told[0]!.signal.aborted, true);
});

Deno.test("SharedWatch begins again after its last follower, without an event of the old watch", async () => {
  const { told, watch } = teller();
  const first = follower(watch);
  told[0]!.tell({ type: "gap" });
  await first.end();
  const second = follower(watch);
  assert.equal(told.length, 2);
  told[0]!.tell({ type: "start", id: "x" });
  assert.deepEqual([first.events, second.events], [["gap"], []]);
  told[1]!.tell({ type: "gap" });
  assert.deepEqual(second.events, ["gap"]);
  await second.end();
});
