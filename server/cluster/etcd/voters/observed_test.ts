import assert from "node:assert/strict";
import type { Member, MemberStatus } from "../../../../kv/etcd/admin/members.ts";
import {
  hostsFrom,
  movedMembers,
  type ObservedMember,
  observeMembers,
  recordOf,
  Since,
  votersFrom,
  type VotingHost,
} from "./observed.ts";

function host(n: number, changes: Partial<VotingHost> = {}): VotingHost {
  return {
    id: `h${n}`,
    client: { host: `10.0.0.${n}`, port: 2479 },
    peer: { host: `10.0.0.${n}`, port: 2480 },
    since: n,
    up: true,
    etcd: "3.6.1",
    ...changes,
  };
}

function member(n: number, changes: Partial<Member> = {}): Member {
  const peerUrls = [`https://10.0.0.${n}:2480`];
  return { id: `${n}`, name: `h${n}`, peerUrls, clientUrls: [], learner: false, ...changes };
}

function status(n: number, changes: Partial<MemberStatus> = {}): MemberStatus {
  const is = { id: `${n}`, version: "3.6.1", leader: "1", learner: false };
  return { ...is, index: 1, size: 1, used: 1, ...changes };
}

/** As members say it. */
function answering(all: Member[], statuses: Record<string, MemberStatus>) {
  return {
    list: () => Promise.resolve(all),
    status: ({ host }: { host: string }) =>
      host in statuses ? Promise.resolve(statuses[host]!) : Promise.reject(new Error("away")),
  };
}

Deno.test("a member is its host's by its name, and by its address until it has started", async () => {
  const hosts = [1, 2, 3].map((n) => host(n));
  const members = [
    member(2),
    member(1),
    member(3, { name: "", learner: true }),
    member(4), // Of a host that is no more.
  ];
  const observed = await observeMembers(
    answering(members, { "10.0.0.1": status(1), "10.0.0.2": status(7) }),
    hosts,
  );
  assert.deepEqual(observed.map(({ host }) => host?.id), ["h2", "h1", "h3", undefined]);
  // What answers there is another member.
  assert.deepEqual(observed.map(({ status }) => status?.id), [
    undefined,
    "1",
    undefined,
    undefined,
  ]);
  assert.deepEqual(recordOf(observed).map(({ host, learner }) => [host, learner]), [
    ["h1", false],
    ["h2", false],
    ["h3", true],
  ]);
});

Deno.test("healthy is who follows the leader that is known; a status of nobody says nothing", () => {
  const observed: ObservedMember[] = [
    { member: member(1), host: host(1), status: status(1) },
    { member: member(2), host: host(2), status: status(2) },
    { member: member(3), host: host(3), status: status(3, { leader: undefined }) },
    { member: member(4), host: host(4), status: undefined },
  ];
  const voters = votersFrom(observed, new Since());
  assert.deepEqual(voters.map(({ healthy }) => healthy), [true, true, false, false]);
  assert.deepEqual(voters.map(({ leader }) => leader), [true, false, false, false]);
  const alone = votersFrom([{ member: member(1), host: host(1), status: undefined }], new Since());
  assert.deepEqual([alone[0]!.healthy, alone[0]!.leader], [false, false]);
});

Deno.test("who may vote has an etcd of the lowest minor version, or of the next", () => {
  const able = (etcd: string | undefined, versions: string[]) =>
    hostsFrom([host(1, { etcd })], { since: new Since(), versions })[0]!.able;
  assert.ok(able("3.5.21", []));
  assert.ok(able("3.5.21", ["3.5.9", "3.6.1"]));
  assert.ok(able("3.6.1", ["3.5.9", "3.6.1"]));
  assert.ok(!able("3.7.0", ["3.5.9", "3.6.1"]));
  assert.ok(!able("3.4.9", ["3.5.9"]));
  assert.ok(!able(undefined, []));
  assert.ok(!able("none", ["3.5.9"]));
});

Deno.test("time counts from when it began, and anew after a break", () => {
  const since = new Since();
  assert.equal(since.of("a", true), 0);
  assert.ok(since.of("a", true) >= 0);
  assert.equal(since.of("a", false), 0);
  assert.equal(since.of("a", true), 0);
  assert.equal(since.of("b", false), 0);
});

Deno.test("a member whose host answers elsewhere has moved; one that doesn't answer, or is told already, hasn't", () => {
  const at = (address: string) => ({
    client: { host: address, port: 2479 },
    peer: { host: address, port: 2480 },
  });
  const observed: ObservedMember[] = [
    { member: member(1), host: host(1), status: status(1) },
    { member: member(2), host: host(2, at("fd99::9")), status: status(2) },
    { member: member(3), host: host(3, at("10.0.0.9")), status: undefined },
    { member: member(4), host: undefined, status: undefined },
  ];
  assert.deepEqual(movedMembers(observed), [
    { member: "2", host: "h2", url: "https://[fd99::9]:2480" },
  ]);
});
