/**
 * Conformance: atomic transactions over several keys, and revisions.
 *
 * @module
 */
import assert from "node:assert/strict";
import { type Cases, committed, pairs, put } from "./case.ts";

/** Cases of `commit()`. */
export const transactions: Cases = {
  "commit() applies all writes at one revision": async ({ store }) => {
    await put(store, "t/old", "1");
    const revision = committed(
      await store.commit({
        puts: [{ key: "t/a", value: "A" }, { key: "t/b", value: "B" }],
        deletes: ["t/old"],
      }),
    );
    assert.deepEqual(await store.list("t/"), [
      { key: "t/a", value: "A", revision },
      { key: "t/b", value: "B", revision },
    ]);
    assert.equal(await store.get("t/old"), undefined);
  },

  "commit() applies nothing and names the key when one check fails": async ({ store }) => {
    const a = await put(store, "t/a", "1");
    const b = await put(store, "t/b", "1");
    await put(store, "t/b", "2");
    const result = await store.commit({
      checks: [
        { key: "t/a", revision: a },
        { key: "t/b", revision: b },
        { key: "t/c", revision: null },
      ],
      puts: [{ key: "t/a", value: "9" }, { key: "t/c", value: "9" }],
      deletes: ["t/b"],
    });
    assert.deepEqual(result, { ok: false, failed: "t/b" });
    assert.deepEqual(pairs(await store.list("t/")), [["t/a", "1"], ["t/b", "2"]]);
  },

  "commit() names one of several failed checks": async ({ store }) => {
    await put(store, "t/x", "1");
    await put(store, "t/y", "1");
    const result = await store.commit({
      checks: ["t/free", "t/x", "t/y"].map((key) => ({ key, revision: null })),
      puts: [{ key: "t/free", value: "1" }],
    });
    assert.ok(!result.ok && ["t/x", "t/y"].includes(result.failed), JSON.stringify(result));
    assert.equal(await store.get("t/free"), undefined);
  },

  "commit() with a null check creates a key once": async ({ store }) => {
    const create = () =>
      store.commit({
        checks: [{ key: "t/once", revision: null }],
        puts: [{ key: "t/once", value: "1" }],
      });
    committed(await create());
    assert.deepEqual(await create(), { ok: false, failed: "t/once" });
    committed(await store.commit({ deletes: ["t/once"] }));
    committed(await create());
  },

  "commit() refuses the revision of a key deleted and made again": async ({ store }) => {
    const first = await put(store, "t/aba", "same");
    committed(await store.commit({ deletes: ["t/aba"] }));
    const gone = await store.commit({ checks: [{ key: "t/aba", revision: first }] });
    assert.deepEqual(gone, { ok: false, failed: "t/aba" });
    await put(store, "t/aba", "same");
    const again = await store.commit({ checks: [{ key: "t/aba", revision: first }] });
    assert.deepEqual(again, { ok: false, failed: "t/aba" });
  },

  "commit() checks keys that it doesn't write": async ({ store }) => {
    const fence = await put(store, "t/fence", "1");
    const guarded = (value: string) =>
      store.commit({
        checks: [{ key: "t/fence", revision: fence }],
        puts: [{ key: "t/guarded", value }],
      });
    committed(await guarded("1"));
    await put(store, "t/fence", "1");
    assert.deepEqual(await guarded("2"), { ok: false, failed: "t/fence" });
    assert.equal((await store.get("t/guarded"))?.value, "1");
  },

  "commit() of checks alone decides and writes nothing": async ({ store }) => {
    const revision = await put(store, "t/k", "1");
    committed(await store.commit({ checks: [{ key: "t/k", revision }] }));
    assert.equal((await store.get("t/k"))?.revision, revision);
  },

  "commit() of nothing and of absent deletes succeeds": async ({ store }) => {
    committed(await store.commit({}));
    committed(await store.commit({ deletes: ["t/never"] }));
    assert.deepEqual(await store.list(""), []);
  },

  "commit() gives ever greater revisions, of deletes too": async ({ store }) => {
    const revisions = [];
    for (let i = 0; i < 20; i++) {
      revisions.push(await put(store, "t/k", `${i}`));
      revisions.push(committed(await store.commit({ deletes: ["t/k"] })));
    }
    assert.deepEqual(revisions, [...new Set(revisions)].sort());
  },

  "commit() changes the revision of the keys it writes alone": async ({ store }) => {
    const a = await put(store, "t/a", "1");
    const b = await put(store, "t/b", "1");
    assert.ok(b > a);
    assert.equal((await store.get("t/a"))?.revision, a);
    const same = await put(store, "t/a", "1");
    assert.ok(same > b, "a put of the same value is a change");
    assert.equal((await store.get("t/a"))?.revision, same);
    assert.equal((await store.get("t/b"))?.revision, b);
  },

  "commit() takes 64 operations": async ({ store }) => {
    const keys = Array.from({ length: 40 }, (_, i) => `t/${String(i).padStart(2, "0")}`);
    const [old, fresh] = [keys.slice(0, 16), keys.slice(16)];
    const at = committed(
      await store.commit({ puts: old.map((key) => ({ key, value: "old" })) }),
    );
    const transaction = {
      checks: [
        ...old.map((key) => ({ key, revision: at })),
        ...fresh.slice(0, 8).map((key) => ({ key, revision: null })),
      ],
      puts: fresh.map((key) => ({ key, value: "new" })),
      deletes: old,
    };
    committed(await store.commit(transaction));
    assert.deepEqual(pairs(await store.list("t/")), fresh.map((key) => [key, "new"]));
    const again = await store.commit(transaction);
    assert.equal(again.ok, false);
  },

  "commit() takes 64 operations of any kind, and says when they are more": async ({ store }) => {
    const keys = Array.from({ length: 65 }, (_, i) => `t/${"key".repeat(20)}/${i}`);
    const value = "v".repeat(4096);
    const half = keys.slice(0, 32);
    const puts = keys.map((key) => ({ key, value }));
    const first = committed(
      await store.commit({
        checks: half.map((key) => ({ key, revision: null })),
        puts: puts.slice(0, 32),
      }),
    );
    const second = committed(await store.commit({ puts: puts.slice(0, 64) }));
    const stale = await store.commit({
      checks: half.map((key) => ({ key, revision: first })),
      puts: puts.slice(0, 32),
    });
    assert.equal(stale.ok, false);
    const checks = keys.slice(0, 64).map((key) => ({ key, revision: second }));
    committed(await store.commit({ checks }));
    for (const large of [{ puts }, { deletes: keys }, { checks, deletes: ["t/x"] }]) {
      await assert.rejects(store.commit(large), {
        code: "invalid",
        message: /at most 64; split it$/,
      });
    }
    assert.equal((await store.list("t/")).length, 64);
    assert.ok(committed(await store.commit({ deletes: keys.slice(0, 64) })) > second);
    assert.deepEqual(await store.list("t/"), []);
  },

  "commit() refuses a key written twice": async ({ store }) => {
    const twice = [
      { puts: [{ key: "t/k", value: "1" }, { key: "t/k", value: "2" }] },
      { puts: [{ key: "t/k", value: "1" }], deletes: ["t/k"] },
      { deletes: ["t/k", "t/k"] },
    ];
    for (const transaction of twice) {
      await assert.rejects(store.commit(transaction), { code: "invalid" });
    }
    assert.equal(await store.get("t/k"), undefined);
  },
};
