import assert from "node:assert/strict";
import type { Host } from "../../../lib/api/types.ts";
import type { VoterSeen } from "../../cluster/member/duties.ts";
import { ClusterHosts } from "./cluster_hosts.ts";

const host = (name: string, more: Partial<Host> = {}): Host => ({
  id: name,
  name,
  address: `10.0.0.${name}`,
  status: "up",
  self: false,
  version: "1",
  started: "",
  ...more,
});

const record = (id: string) => ({
  v: 1 as const,
  id,
  name: id,
  address: `10.0.0.${id}`,
  issued: [],
  key: "",
  until: Date.parse("2027-01-01T00:00:00Z"),
  joined: 0,
  token: "",
});

Deno.test("hosts are shown with their votes, their keys, and when they were seen", async () => {
  const hosts = new ClusterHosts();
  let heard: number | undefined = 2_000;
  const known = {
    seen: [],
    selfVotes: true,
    listed: [host("2"), host("1", { self: true })],
    taken: [record("1"), record("2"), record("3")],
    votes: [{ host: "1", part: "leader" as const }, { host: "2", part: "learner" as const }],
    heardOf: () => heard === undefined ? Promise.reject(new Error("away")) : Promise.resolve(heard),
  };
  const [one, two, three] = await hosts.show(known);
  assert.deepEqual([one!.role, one!.store, one!.lastSeen], ["voter", "leader", 0]);
  assert.deepEqual([two!.role, two!.store], ["learner", "learner"]);
  assert.equal(two!.lastSeen, 2_000);
  assert.equal(one!.keysUntil, "2027-01-01T00:00:00.000Z");
  // It was taken in, and has never registered.
  assert.deepEqual([three!.role, three!.status, three!.lastSeen], ["client", "down", undefined]);
  heard = undefined;
  const later = await hosts.show(known);
  assert.ok(later[1]!.lastSeen! > two!.lastSeen!);
  heard = 0;
  assert.equal((await hosts.show(known))[1]!.lastSeen, 0);
  // The store says so, whatever was heard of it before.
  const [, gone] = await hosts.show({ ...known, listed: [host("2", { status: "down" })] });
  assert.equal(gone!.status, "down");
});

Deno.test("without an answer of the voters together, each is shown as it answers", async () => {
  const listed = [host("1", { self: true }), host("2"), host("3"), host("4")];
  const known = {
    listed,
    taken: [],
    votes: undefined,
    selfVotes: true,
    heardOf: () => Promise.resolve(undefined),
  };
  const parts = async (seen: VoterSeen[], selfVotes = true) =>
    (await new ClusterHosts().show({ ...known, seen, selfVotes }))
      .map(({ role, store = "–" }) => `${role} ${store}`);
  const at = (n: number, part: VoterSeen["part"]) => ({ address: `10.0.0.${n}`, part });
  assert.deepEqual(await parts([at(1, "waiting"), at(2, "unreachable"), at(3, "unreachable")]), [
    ...["voter waiting", "voter unreachable", "voter unreachable", "client –"],
  ]);
  // A voter whose etcd is down, before it knows of others.
  assert.deepEqual(await parts([]), ["voter unreachable", "client –", "client –", "client –"]);
  assert.deepEqual(await parts([], false), ["client –", "client –", "client –", "client –"]);
});
