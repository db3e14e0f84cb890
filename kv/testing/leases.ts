/**
 * Conformance: leases. What makes a lease get lost differs; each backend's own tests do that.
 *
 * @module
 */
import assert from "node:assert/strict";
import { sleep } from "../../lib/async/sleep.ts";
import { type Cases, committed, pairs, put, until, Viewer } from "./case.ts";

/** Long enough that no test waits for it to pass, in milliseconds. */
const LONG_MS = 60_000;

/** Cases of `lease()`. */
export const leases: Cases = {
  "revoke() makes the lease's keys vanish and no other": async ({ store }) => {
    const lease = await store.lease(LONG_MS);
    const other = await store.lease(LONG_MS);
    committed(
      await store.commit({
        puts: [
          { key: "l/a", value: "1", lease },
          { key: "l/b", value: "1", lease },
          { key: "l/other", value: "1", lease: other },
          { key: "l/none", value: "1" },
        ],
      }),
    );
    await using viewer = new Viewer(store, "l/");
    await viewer.next();
    await lease.revoke();
    await until(async () => (await store.list("l/")).length === 2, "the keys vanish");
    assert.deepEqual(pairs(await store.list("l/")), [["l/none", "1"], ["l/other", "1"]]);
    await viewer.until((view) => view.size === 2);
    assert.deepEqual(viewer.deleted.toSorted(), ["l/a", "l/b"]);
    await other.revoke();
    await until(async () => (await store.list("l/")).length === 1, "the other's key vanishes");
  },

  "leaseAge() grows until the lease is renewed, and is unknown without a lease": async (
    { store },
  ) => {
    if (!store.leaseAge) return;
    const lease = await store.lease(LONG_MS);
    committed(await store.commit({ puts: [{ key: "l/held", value: "1", lease }] }));
    await put(store, "l/free", "1");
    assert.equal(await store.leaseAge("l/held"), 0);
    await until(async () => (await store.leaseAge!("l/held"))! >= 1_000, "it grows");
    for (const key of ["l/free", "l/none"]) assert.equal(await store.leaseAge(key), undefined);
    await lease.revoke();
    assert.equal(await store.leaseAge("l/held"), undefined);
  },

  "revoke() is idempotent and needs no keys": async ({ store }) => {
    const lease = await store.lease(LONG_MS);
    await Promise.all([lease.revoke(), lease.revoke()]);
    await lease.revoke();
  },

  "revoke() is not a loss": async ({ store }) => {
    const lease = await store.lease(LONG_MS);
    let lost = false;
    lease.lost.then(() => lost = true);
    await lease.revoke();
    await put(store, "l/later", "1");
    assert.equal(lost, false);
  },

  "a key belongs to the lease of its last put": async ({ store }) => {
    const first = await store.lease(LONG_MS);
    const second = await store.lease(LONG_MS);
    for (const key of ["l/kept", "l/moved", "l/again"]) {
      committed(await store.commit({ puts: [{ key, value: "1", lease: first }] }));
    }
    await put(store, "l/kept", "2");
    committed(await store.commit({ puts: [{ key: "l/moved", value: "2", lease: second }] }));
    committed(await store.commit({ deletes: ["l/again"] }));
    await put(store, "l/again", "2");
    await first.revoke();
    assert.deepEqual(
      pairs(await store.list("l/")),
      [["l/again", "2"], ["l/kept", "2"], ["l/moved", "2"]],
    );
    await second.revoke();
    await until(async () => !await store.get("l/moved"), "the moved key vanishes");
    assert.deepEqual(pairs(await store.list("l/")), [["l/again", "2"], ["l/kept", "2"]]);
  },

  "a lease that was given up can't be used": async ({ store }) => {
    const lease = await store.lease(LONG_MS);
    await lease.revoke();
    await assert.rejects(
      store.commit({ puts: [{ key: "l/k", value: "1", lease }, { key: "l/m", value: "1" }] }),
      { name: "NetsvcError" },
    );
    assert.deepEqual(await store.list("l/"), []);
  },

  "no key outlives a lease that is given up while it is written": async ({ store }) => {
    for (let i = 0; i < 20; i++) {
      const lease = await store.lease(LONG_MS);
      const writes = Array.from(
        { length: 6 },
        (_, n) =>
          store.commit({ puts: [{ key: `l/${i}/${n}`, value: "1", lease }] }).catch(() => {}),
      );
      if (i % 6 > 0) await writes[i % 6 - 1];
      await Promise.all([...writes, lease.revoke()]);
      await until(async () => (await store.list(`l/${i}/`)).length === 0, "the keys vanish");
    }
  },

  "a key put without the lease outlives it whatever the order of things": async ({ store }) => {
    for (let i = 0; i < 20; i++) {
      const lease = await store.lease(LONG_MS);
      const key = `l/${i}`;
      committed(await store.commit({ puts: [{ key, value: "leased", lease }] }));
      const write = put(store, key, "kept");
      await Promise.all([write, lease.revoke()]);
      assert.equal((await store.get(key))?.value, "kept");
    }
  },

  "a lease is renewed for as long as its holder lives": async ({ store }) => {
    const lease = await store.lease(1000);
    let lost: Error | undefined;
    lease.lost.then((error) => lost = error);
    committed(await store.commit({ puts: [{ key: "l/k", value: "1", lease }] }));
    for (const end = performance.now() + 3000; performance.now() < end;) {
      assert.equal((await store.get("l/k"))?.value, "1");
      await sleep(50);
    }
    assert.equal(lost, undefined);
    await lease.revoke();
  },

  "a store that is closed gives no lease up": async (subject) => {
    if (subject.store.provider === "local") return;
    const lease = await subject.store.lease(10_000);
    committed(await subject.store.commit({ puts: [{ key: "l/k", value: "1", lease }] }));
    await subject.reopen();
    assert.equal((await subject.store.get("l/k"))?.value, "1");
    // Another one may take the key over.
    const next = await subject.store.lease(10_000);
    committed(await subject.store.commit({ puts: [{ key: "l/k", value: "2", lease: next }] }));
    assert.equal((await subject.store.get("l/k"))?.value, "2");
    await next.revoke();
    assert.equal(await subject.store.get("l/k"), undefined);
  },

  "keys of leases don't outlive the store": async (subject) => {
    const lease = await subject.store.lease(1000);
    committed(
      await subject.store.commit({
        puts: [{ key: "l/k", value: "1", lease }, { key: "l/none", value: "1" }],
      }),
    );
    await subject.reopen();
    await until(async () => !await subject.store.get("l/k"), "the key vanishes");
    assert.deepEqual(pairs(await subject.store.list("l/")), [["l/none", "1"]]);
  },
};
