import assert from "node:assert/strict";
import { planChore } from "./chores.ts";
import type { ObservedMember } from "./observed.ts";

const MIB = 1024 * 1024;

function observed(id: string, size: number, used: number, leader = "1"): ObservedMember {
  const place = { host: `h${id}`, port: 1 };
  return {
    member: { id, name: `h${id}`, peerUrls: [], clientUrls: [], learner: false },
    host: { id: `h${id}`, client: place, peer: place, since: 0, up: true, etcd: "3.5.0" },
    status: { id, version: "3.5.0", leader, learner: false, index: 1, size, used },
  };
}

Deno.test("a file is made smaller when it pays, the leader's last, and only while all are well", () => {
  const [one, two] = [observed("1", 400 * MIB, 10 * MIB), observed("2", 300 * MIB, 10 * MIB)];
  assert.equal(planChore([one, two])?.host, "h2");
  assert.equal(planChore([one, observed("2", 10 * MIB, 10 * MIB)])?.host, "h1");
  assert.equal(planChore([observed("1", 70 * MIB, 10 * MIB)]), undefined);
  assert.equal(planChore([observed("1", 400 * MIB, 300 * MIB)]), undefined);
  assert.equal(planChore([one, { ...two, status: undefined }]), undefined);
  assert.equal(planChore([one, { ...two, member: { ...two.member, learner: true } }]), undefined);
});
