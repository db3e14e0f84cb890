import assert from "node:assert/strict";
import { InspectedContainer } from "../../engines/docker/inspected.ts";
import type { State, StateChange } from "../../model/state.ts";
import { Restarts } from "./restarts.ts";

const ID = "a".repeat(64);

function subject(policy?: string) {
  let tell: (changes: StateChange[]) => void = () => {};
  const containers = new Map<string, { record: { state: string } }>();
  const state = {
    containers,
    subscribe: (listener: typeof tell) => {
      tell = listener;
      return () => tell = () => {};
    },
  } as unknown as State;
  const expected: number[] = [];
  const restarts = new Restarts(state, (_, deadline) => expected.push(deadline));
  const inspected = InspectedContainer.parse({
    ...{ Id: ID, Name: "/web", State: { Running: true, Pid: 1 } },
    HostConfig: { RestartPolicy: { Name: policy } },
  });
  const becomes = (state: string | undefined) => {
    if (state === undefined) containers.delete(ID);
    else containers.set(ID, { record: { state } });
    tell([{ type: "container", id: ID } as StateChange]);
  };
  return { restarts, inspected, expected, becomes };
}

Deno.test("one that ran is expected when it has ended, for longer where a policy starts it again", () => {
  for (const [policy, ms] of [["always", 70_000], ["on-failure", 70_000], ["no", 3_000]] as const) {
    const { restarts, inspected, expected, becomes } = subject(policy);
    becomes("exited");
    assert.deepEqual(expected, [], "it hasn't been seen to run");
    restarts.runs(inspected);
    becomes("running");
    assert.deepEqual(expected, []);
    becomes("exited");
    becomes(undefined);
    assert.deepEqual(expected, [ms, ms]);
  }
});

Deno.test("one that a client is about to start, or has removed, isn't expected", () => {
  const { restarts, inspected, expected, becomes } = subject("always");
  restarts.runs(inspected);
  restarts.forget(ID);
  becomes("exited");
  restarts.runs(inspected);
  restarts[Symbol.dispose]();
  becomes("exited");
  assert.deepEqual(expected, []);
});
