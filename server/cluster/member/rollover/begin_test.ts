import assert from "node:assert/strict";
import { type BeginFacts, whyNotBegin } from "./begin.ts";

const well = { name: "host-1", learner: false, well: true };
const facts: BeginFacts = { voters: [well], down: [], force: false };

Deno.test("the authority isn't changed while a voter isn't well, or is about to become one, whoever insists", () => {
  assert.equal(whyNotBegin(facts), undefined);
  for (const force of [false, true]) {
    const voters = [well, { ...well, name: "host-2", well: false }];
    assert.match(whyNotBegin({ ...facts, voters, force })!, /the voter host-2 isn't well/);
    const learning = [well, { ...well, name: "host-3", learner: true }];
    assert.match(whyNotBegin({ ...facts, voters: learning, force })!, /host-3 is about to vote/);
  }
});

Deno.test("hosts that are down are named, and put out on demand alone", () => {
  assert.match(whyNotBegin({ ...facts, down: ["host-4"] })!, /host-4 is down.*start it first.*-f/);
  assert.match(whyNotBegin({ ...facts, down: ["host-4", "host-5"] })!, /host-4, host-5 are down/);
  assert.equal(whyNotBegin({ ...facts, down: ["host-4"], force: true }), undefined);
});
