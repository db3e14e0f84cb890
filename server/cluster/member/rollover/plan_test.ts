import assert from "node:assert/strict";
import { planRollover, type RolloverFacts, trustedIn } from "./plan.ts";

const ID = "0".repeat(16);
const followed = (phase: "keys" | "trust" | "sign" | "drop", rollover = ID) => ({
  v: 1 as const,
  rollover,
  phase,
});

function facts(phase: "keys" | "trust" | "sign" | "drop"): RolloverFacts {
  return {
    record: { id: ID, phase },
    hosts: ["a", "b", "c"].map((id) => ({ id, name: `host-${id}`, followed: followed(phase) })),
    voters: [{ host: "a", learner: false, followed: followed(phase) }],
  };
}

Deno.test("a step follows when all have done the one before, and the last one ends it", () => {
  const next = (["keys", "trust", "sign", "drop"] as const).map((phase) =>
    planRollover(facts(phase)).next
  );
  assert.deepEqual(next, ["trust", "sign", "drop", "end"]);
  const { done, total } = planRollover(facts("sign"));
  assert.deepEqual([done, total], [9, 12]);
});

Deno.test("it waits for hosts and voters, by their names, and for votes that are being given", () => {
  const given = facts("trust");
  const waiting = (change: Partial<RolloverFacts>) => planRollover({ ...given, ...change });
  const [first, second, ...rest] = given.hosts;
  for (const said of [undefined, followed("keys"), followed("drop", "1".repeat(16))]) {
    const hosts = [first!, { ...second!, followed: said }, ...rest];
    const { next, waits, done } = waiting({ hosts });
    assert.deepEqual([next, waits, done], [undefined, ["host-b"], 5]);
  }
  assert.deepEqual(
    waiting({ voters: [{ host: "c", learner: false, followed: undefined }] }).waits,
    [
      "host-c",
    ],
  );
  assert.deepEqual(
    waiting({ voters: [{ host: "c", learner: true, followed: followed("trust") }] }).waits,
    [
      "host-c",
    ],
  );
  // Who is further has done what is before.
  assert.equal(waiting({ hosts: [{ ...first!, followed: followed("sign") }] }).next, "sign");
  // Hosts without a vote have nothing to do with keys.
  const keys = facts("keys");
  const hosts = keys.hosts.map((host) => ({ ...host, followed: undefined }));
  assert.equal(planRollover({ ...keys, hosts }).next, "trust");
});

Deno.test("who signs is trusted a step before, and a step after", () => {
  const pair = (name: string) => ({ hosts: `${name}-hosts`, peers: `${name}-peers` });
  const all = { next: pair("new"), before: pair("old") };
  const hosts = (["keys", "trust", "sign", "drop"] as const).map((phase) =>
    trustedIn(phase, all).hosts
  );
  assert.deepEqual(hosts, [["old-hosts"], ["old-hosts", "new-hosts"], [
    "new-hosts",
    "old-hosts",
  ], ["new-hosts"]]);
});
