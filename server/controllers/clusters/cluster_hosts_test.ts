import assert from "node:assert/strict";
import type { Host } from "../../../lib/api/types.ts";
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
  let alive = true;
  const known = {
    listed: [host("2"), host("1", { self: true })],
    taken: [record("1"), record("2"), record("3")],
    votes: [{ host: "1", part: "leader" as const }, { host: "2", part: "learner" as const }],
    answers: () => alive ? Promise.resolve(true) : Promise.reject(new Error("away")),
  };
  const [one, two, three] = await hosts.show(known);
  assert.deepEqual([one!.role, one!.store, one!.lastSeen], ["voter", "leader", 0]);
  assert.deepEqual([two!.role, two!.store], ["learner", "learner"]);
  assert.ok(two!.lastSeen! >= 0);
  assert.equal(one!.keysUntil, "2027-01-01T00:00:00.000Z");
  // It was taken in, and has never registered.
  assert.deepEqual([three!.role, three!.status, three!.lastSeen], ["client", "down", undefined]);
  alive = false;
  const later = await hosts.show(known);
  assert.ok(later[1]!.lastSeen! >= two!.lastSeen!);
});
