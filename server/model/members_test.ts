import assert from "node:assert/strict";
import { until } from "../../kv/testing/case.ts";
import type { Change } from "../../kv/store.ts";
import { Members } from "./members.ts";

const REVISION = "1".padStart(20, "0");

function came(host: string, address?: string, network = "n"): Change {
  const value = JSON.stringify({ host, name: `name of ${host}`, address });
  return { type: "put", entry: { key: `members/${network}/${host}`, value, revision: REVISION } };
}

function went(host: string, network = "n"): Change {
  return { type: "delete", key: `members/${network}/${host}`, revision: REVISION };
}

/** Members, and the networks of which it was told that somebody is gone. */
function subject(grace: number): { members: Members; gone: string[] } & Disposable {
  const gone: string[] = [];
  const members = new Members(grace, (network) => gone.push(network));
  return { members, gone, [Symbol.dispose]: () => members.close() };
}

Deno.test("apply() tells the network where somebody came, moved or went", () => {
  using all = subject(60_000);
  const { members } = all;
  assert.equal(members.apply(came("a", "192.0.2.1"), "load"), "n");
  assert.equal(members.apply(came("a", "192.0.2.1"), "change"), undefined, "a renewal");
  assert.equal(members.apply(came("a", "192.0.2.9"), "change"), "n");
  assert.equal(members.get("n", "a")?.address, "192.0.2.9");
  assert.equal(members.apply(came("b"), "change"), "n");
  assert.equal(members.has("other", "a"), false);
  assert.equal(members.apply(went("a"), "change"), "n", "a lease ended: no grace");
  assert.equal(members.has("n", "a"), false);
  assert.equal(members.apply(went("a"), "change"), undefined);
  assert.equal(members.apply(went("b"), "drop"), "n");
});

Deno.test("apply() believes a host alive for a while that is missing after a gap", async () => {
  using all = subject(300);
  const { members, gone } = all;
  members.apply(came("a", "192.0.2.1"), "load");
  members.apply(came("b", "192.0.2.2"), "load");
  assert.equal(members.apply(went("a"), "resync"), undefined);
  assert.equal(members.apply(went("b"), "resync"), undefined);
  assert.ok(members.has("n", "a") && members.has("n", "b"));
  assert.equal(members.apply(came("a", "192.0.2.1"), "change"), undefined, "as if nothing was");
  await until(() => Promise.resolve(!members.has("n", "b")), "the grace ends");
  assert.deepEqual(gone, ["n"]);
  assert.ok(members.has("n", "a"), "who came back stays");
});

Deno.test("apply() takes a missing host away at once when it is gone for certain", () => {
  using all = subject(60_000);
  const { members, gone } = all;
  members.apply(came("a"), "load");
  members.apply(went("a"), "resync");
  // It is deleted anew: it had come back in between, and its lease has ended.
  assert.equal(members.apply(went("a"), "change"), "n");
  assert.equal(members.has("n", "a"), false);
  assert.deepEqual(gone, []);
});

Deno.test("apply() without grace takes away what a gap took", () => {
  using all = subject(0);
  all.members.apply(came("a"), "load");
  assert.equal(all.members.apply(went("a"), "resync"), "n");
  assert.equal(all.members.has("n", "a"), false);
});
