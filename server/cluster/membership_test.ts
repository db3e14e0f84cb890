import assert from "node:assert/strict";
import { until } from "../../kv/testing/case.ts";
import { CuttableStore } from "../../tests/harness/cuttable_store.ts";
import { Mirror } from "../model/mirror.ts";
import { keys } from "../model/keys.ts";
import type { HostRecord } from "../model/records.ts";
import { Membership, type MembershipOptions } from "./membership.ts";

const ID = "a".repeat(64), OTHER = "b".repeat(64);

function host(id: string, name: string, address: string): HostRecord {
  return { id, name, address, overlayPort: 4789, version: "0", started: "2026-01-01T00:00:00Z" };
}

interface Subject extends AsyncDisposable {
  cuttable: CuttableStore;
  mirror: Mirror;
  /** Times that it was registered. */
  registered: () => number;
  join(options?: Partial<MembershipOptions>): Membership;
  value(key: string): Promise<unknown>;
}

async function subject(): Promise<Subject> {
  await using stack = new AsyncDisposableStack();
  const cuttable = stack.use(await CuttableStore.open());
  const mirror = await Mirror.open(cuttable.store);
  stack.defer(() => mirror.close());
  let registered = 0;
  const join = (options: Partial<MembershipOptions> = {}) => {
    const membership = new Membership({
      mirror,
      ttl: 2000,
      self: () => host(ID, "one", "192.0.2.1"),
      prepare: () => Promise.resolve(),
      networks: () => ["n1", "n2"],
      ...options,
    });
    membership.registered.subscribe(() => registered++);
    rest.defer(() => membership.close());
    rest.defer(() => membership.lease?.revoke());
    return membership;
  };
  const value = async (key: string) => {
    const entry = await cuttable.store.get(key);
    const value = entry && JSON.parse(entry.value);
    if (value?.v === undefined) return value;
    const { v: _, ...record } = value;
    return record;
  };
  const rest = stack.move();
  return {
    ...{ cuttable, mirror, registered: () => registered, join, value },
    [Symbol.asyncDispose]: () => rest.disposeAsync(),
  };
}

Deno.test("start() puts the host, its name, its lease and its members' keys", async () => {
  await using all = await subject();
  const membership = all.join();
  await membership.start();
  assert.equal(all.registered(), 1);
  assert.deepEqual(await all.value(keys.host(ID)), host(ID, "one", "192.0.2.1"));
  assert.equal(await all.value(keys.hostName("one")), ID);
  assert.equal(await all.value(keys.hostLease(ID)), "one");
  for (const network of ["n1", "n2"]) {
    const record = { host: ID, name: "one", address: "192.0.2.1" };
    assert.deepEqual(await all.value(keys.member(network, ID)), record);
  }
});

Deno.test("start() goes on without the store, and registers when it is back", async () => {
  await using all = await subject();
  all.cuttable.refuse();
  const membership = all.join();
  await membership.start();
  assert.throws(() => membership.memberPut("n1"), { code: "unavailable" });
  all.cuttable.answer();
  membership.hurry();
  await until(() => Promise.resolve(membership.lease !== undefined), "it registers");
  await until(() => Promise.resolve(all.registered() === 1), "it tells so");
});

Deno.test("a name is taken from a host that is gone, and refused while it lives", async () => {
  await using all = await subject();
  const other = all.join({ self: () => host(OTHER, "one", "192.0.2.2"), networks: () => [] });
  await other.start();
  const membership = all.join({ ttl: 100 });
  await assert.rejects(membership.start(), {
    code: "exists",
    message: /^The host name "one" is that of another living host \(bbbbbbbbbbbb\); give/,
  });
  const shouting = all.join({
    self: () => host(ID, "ONE", "192.0.2.1"),
  });
  await assert.rejects(
    shouting.start(() => Promise.resolve(true)),
    { code: "exists" },
    "names have no case",
  );
  await other.lease!.revoke();
  const answered = performance.now();
  const asked: string[] = [];
  const live = all.join({ self: () => host(OTHER, "one", "192.0.2.2"), networks: () => [] });
  await live.start();
  const answers = (id: string) => Promise.resolve(asked.push(id) > 0);
  await assert.rejects(all.join().start(answers), { code: "exists" });
  assert.ok(performance.now() - answered < 2_000, "who answers isn't waited for");
  assert.deepEqual(asked, [OTHER]);
  await live.lease!.revoke();
  const heir = all.join();
  await heir.start();
  assert.equal(await all.value(keys.hostName("one")), ID);
  assert.equal(await all.value(keys.host(OTHER)), undefined);
});

Deno.test("refresh() writes another address everywhere, and nothing when nothing changed", async () => {
  await using all = await subject();
  let address = "192.0.2.1";
  const membership = all.join({ self: () => host(ID, "one", address) });
  await membership.start();
  const { commit } = all.cuttable.calls;
  await membership.refresh();
  assert.equal(all.cuttable.calls.commit, commit);
  address = "192.0.2.9";
  await membership.refresh();
  assert.deepEqual(await all.value(keys.member("n2", ID)), { host: ID, name: "one", address });
  assert.equal((await all.value(keys.host(ID)) as HostRecord).address, address);
});

Deno.test("refresh() that fails gives up nothing, and the next one makes up for it", async () => {
  await using all = await subject();
  let address = "192.0.2.1";
  const membership = all.join({ self: () => host(ID, "one", address) });
  await membership.start();
  const { lease } = membership;
  address = "192.0.2.9";
  all.cuttable.refuse();
  await assert.rejects(membership.refresh(), { code: "unavailable" });
  all.cuttable.answer();
  assert.equal(membership.lease, lease);
  assert.equal(await all.value(keys.hostLease(ID)), "one");
  await membership.refresh();
  assert.deepEqual(await all.value(keys.member("n1", ID)), { host: ID, name: "one", address });
});

Deno.test("a lost lease is taken anew, with the members' keys", async () => {
  await using all = await subject();
  const membership = all.join();
  await membership.start();
  const first = membership.lease!;
  await all.cuttable.endLeases();
  await until(() => Promise.resolve(all.registered() === 2), "it registers again");
  assert.notEqual(membership.lease!.id, first.id);
  assert.equal(await all.value(keys.hostLease(ID)), "one");
  assert.deepEqual(await all.value(keys.member("n1", ID)), {
    host: ID,
    name: "one",
    address: "192.0.2.1",
  });
});

Deno.test("a host whose name was taken while it was silent goes on under another, and takes it back", async () => {
  await using all = await subject();
  let name = "one";
  const away: { until?: Promise<void> } = {};
  const first = all.join({
    self: () => host(ID, name, "192.0.2.1"),
    prepare: () => away.until ?? Promise.resolve(),
  });
  await first.start();
  // Its lease ends, and before it has another one somebody else has its name.
  const back = Promise.withResolvers<void>();
  away.until = back.promise;
  await all.cuttable.endLeases();
  await until(() => Promise.resolve(first.lease === undefined), "the lease is lost");
  const other = all.join({ self: () => host(OTHER, "one", "192.0.2.2"), networks: () => [] });
  await other.start();
  back.resolve();
  await until(() => Promise.resolve(first.lease !== undefined), "it is registered again");
  assert.equal(first.name, `one-${ID.slice(0, 12)}`);
  assert.deepEqual(first.twin, { what: "name", id: OTHER, address: "192.0.2.2" });
  assert.equal(await all.value(keys.hostName("one")), OTHER);
  assert.equal(await all.value(keys.hostName(first.name)), ID);
  const record = await all.value(keys.host(ID)) as HostRecord;
  assert.equal(record.name, first.name);
  assert.equal((await all.value(keys.member("n1", ID)) as HostRecord).name, first.name);
  await first.refresh();
  assert.notEqual(first.twin, undefined, "while the other one lives");
  const substitute = first.name;
  await other.lease!.revoke();
  await first.refresh();
  assert.equal(first.name, "one");
  assert.equal(first.twin, undefined);
  assert.equal(await all.value(keys.hostName("one")), ID);
  assert.equal(await all.value(keys.hostName(substitute)), undefined);
  name = "other"; // As the machine's name may change.
  await first.refresh();
  assert.equal(await all.value(keys.hostName("one")), undefined);
});

Deno.test("two daemons of one id: the later one doesn't start, and the earlier one says so", async () => {
  await using all = await subject();
  const first = all.join();
  await first.start();
  const copy = (started: string, options: Partial<MembershipOptions> = {}) =>
    all.join({
      self: () => ({ ...host(ID, "one", "192.0.2.7"), started }),
      networks: () => [],
      ...options,
    });
  const answers = () => Promise.resolve(true);
  await assert.rejects(copy("2026-02-01T00:00:00Z", { suspect: true }).start(answers), {
    code: "exists",
    message: /Another living daemon has this host's id \(aaaaaaaaaaaa\).*--state-dir/,
  });
  await first.refresh();
  assert.equal(first.twin, undefined);
  await copy("2026-02-01T00:00:00Z").start(); // On the same machine nobody is asked.
  await first.refresh();
  assert.deepEqual(first.twin, { what: "id", id: ID, address: "192.0.2.7" });
});

Deno.test("a host that is started with another name lets its old one go, to whoever wants it", async () => {
  await using all = await subject();
  const before = all.join();
  await before.start();
  before.close();
  // consul#3974: the next daemon has another name.
  await all.join({ self: () => host(ID, "other", "192.0.2.1") }).start();
  assert.equal(await all.value(keys.hostName("other")), ID);
  assert.equal(await all.value(keys.hostName("one")), undefined);
  await all.join({ self: () => host(OTHER, "one", "192.0.2.2"), networks: () => [] }).start();
  assert.equal(await all.value(keys.hostName("one")), OTHER);
});
