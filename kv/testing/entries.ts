/**
 * Conformance: keys, values, listing, and what outlives the process.
 *
 * @module
 */
import assert from "node:assert/strict";
import { byBytes, type Cases, committed, pairs, put, Viewer } from "./case.ts";

/** Keys that some backend's own syntax could trip over. */
const UNUSUAL = [
  "u/ ",
  "u/ leading and trailing ",
  "u/%2F",
  "u/%",
  `u/"double" 'single'`,
  "u/.",
  "u/..",
  "u/../..",
  "u/...",
  "u/?a=b&c#d",
  "u/\\",
  "u/\t\n\r",
  "u/*[a-z]{x}",
  "u/~!@$^()_+=,;:<>|",
  "u/ünïcödé",
  "u/名前/サービス",
  "u/😀",
  "u/\u{ffff}",
  "u/e\u0301", // decomposed, and composed below: two keys
  "u/\u00e9",
  "u/Case",
  "u/case",
  "u/zookeeper",
  `u/${"long".repeat(250)}`,
  `u/${"deep/".repeat(50)}end`,
];

const BAD_KEYS = ["", "/", "/a", "a/", "a//b", "a\0b", "\ud800", "a/\udc00b", "k".repeat(5000)];

const VALUES = {
  empty: "",
  json: `{"a":[1,2,{"b":null}]}`,
  control: "\0\x01\n\r\t\x7f",
  unicode: "ä 名 😀 \u{10ffff}",
  ascii: "x".repeat(100 * 1024),
  latin: "é".repeat(50 * 1024),
  cjk: "名".repeat(34_133),
  emoji: "😀".repeat(25 * 1024),
};

/** Cases of keys, values and `list()`. */
export const entries: Cases = {
  "get() of an absent key is undefined": async ({ store }) => {
    await put(store, "g/ab", "1");
    for (const key of ["g", "g/a", "g/abc", "g/ab/c"]) {
      assert.equal(await store.get(key), undefined);
    }
  },

  "list() goes by the text of the prefix": async ({ store }) => {
    const keys = ["a/1", "a/1/x", "a/10", "a/2", "a", "ab", "ab/1", "b"];
    for (const key of keys) await put(store, key, key);
    const expected: Record<string, string[]> = {
      "": ["a", "a/1", "a/1/x", "a/10", "a/2", "ab", "ab/1", "b"],
      "a": ["a", "a/1", "a/1/x", "a/10", "a/2", "ab", "ab/1"],
      "a/": ["a/1", "a/1/x", "a/10", "a/2"],
      "a/1": ["a/1", "a/1/x", "a/10"],
      "a/1/": ["a/1/x"],
      "a/10": ["a/10"],
      "ab/": ["ab/1"],
      "ab/1/": [],
      "c": [],
    };
    for (const [prefix, wanted] of Object.entries(expected)) {
      assert.deepEqual((await store.list(prefix)).map(({ key }) => key), wanted, `"${prefix}"`);
    }
  },

  "list() is ordered by the bytes of UTF-8": async ({ store }) => {
    const keys = ["o/\u{1f600}", "o/\u{ffff}", "o/é", "o/z", "o/Z", "o/a b", "o/a/b", "o/a", "o/~"];
    committed(await store.commit({ puts: keys.map((key) => ({ key, value: "" })) }));
    const listed = (await store.list("o/")).map(({ key }) => key);
    assert.deepEqual(listed, keys.toSorted(byBytes));
  },

  "unusual keys are kept apart and come back as they were": async ({ store }) => {
    await using viewer = new Viewer(store, "u/");
    await viewer.next();
    for (const [i, key] of UNUSUAL.entries()) await put(store, key, `${i}`);
    for (const [i, key] of UNUSUAL.entries()) {
      assert.equal((await store.get(key))?.value, `${i}`, JSON.stringify(key));
    }
    const sorted = UNUSUAL.map((key, i): [string, string] => [key, `${i}`])
      .sort(([a], [b]) => byBytes(a, b));
    assert.deepEqual(pairs(await store.list("u/")), sorted);
    await viewer.until((view) => view.size === UNUSUAL.length);
    assert.deepEqual([...viewer.view.keys()].toSorted(byBytes), sorted.map(([key]) => key));
    for (const key of UNUSUAL) committed(await store.commit({ deletes: [key] }));
    assert.deepEqual(await store.list(""), []);
    await viewer.until((view) => view.size === 0);
  },

  "bad keys are refused and nothing of their transaction is applied": async ({ store }) => {
    for (const key of BAD_KEYS) {
      const attempts = [
        () => store.get(key),
        () => store.commit({ puts: [{ key: "ok", value: "" }, { key, value: "" }] }),
        () => store.commit({ puts: [{ key: "ok", value: "" }], deletes: [key] }),
        () => store.commit({ puts: [{ key: "ok", value: "" }], checks: [{ key, revision: null }] }),
      ];
      for (const attempt of attempts) {
        await assert.rejects(attempt(), { code: "invalid" }, JSON.stringify(key.slice(0, 20)));
      }
    }
    assert.deepEqual(await store.list(""), []);
  },

  "values up to 100 KiB come back as they were": async ({ store }) => {
    await using viewer = new Viewer(store, "v/");
    await viewer.next();
    for (const [name, value] of Object.entries(VALUES)) await put(store, `v/${name}`, value);
    const check = (found: Map<string, string>) => {
      for (const [name, value] of Object.entries(VALUES)) {
        assert.ok(found.get(`v/${name}`) === value, `the value "${name}" differs`);
      }
    };
    for (const [name, value] of Object.entries(VALUES)) {
      assert.ok((await store.get(`v/${name}`))?.value === value, `the value "${name}" differs`);
    }
    check(new Map(pairs(await store.list("v/"))));
    await viewer.until((view) => view.size === Object.keys(VALUES).length);
    check(new Map(pairs(viewer.view.values())));
  },

  "a value may shrink and grow": async ({ store }) => {
    for (const length of [0, 100_000, 1, 70_000, 20_000, 20_001, 0]) {
      await put(store, "v/k", "x".repeat(length));
      assert.equal((await store.get("v/k"))?.value.length, length);
    }
    await put(store, "v/k", "y".repeat(100_000));
    committed(await store.commit({ deletes: ["v/k"] }));
    assert.equal(await store.get("v/k"), undefined);
    await put(store, "v/k", "z".repeat(50_000));
    assert.ok((await store.get("v/k"))?.value === "z".repeat(50_000));
  },

  "values over 100 KiB and half characters are refused": async ({ store }) => {
    for (const value of ["x".repeat(100 * 1024 + 1), "名".repeat(34_134), "\ud83d", "a\ude00"]) {
      await assert.rejects(store.commit({ puts: [{ key: "v/k", value }] }), { code: "invalid" });
    }
    assert.equal(await store.get("v/k"), undefined);
  },

  "10,000 keys are listed and watched": async ({ store }) => {
    const keys = Array.from({ length: 10_000 }, (_, i) => `n/${String(i).padStart(5, "0")}`);
    for (let i = 0; i < keys.length; i += 64) {
      const puts = keys.slice(i, i + 64).map((key) => ({ key, value: key }));
      committed(await store.commit({ puts }));
    }
    assert.deepEqual((await store.list("n/")).map(({ key }) => key), keys);
    assert.equal((await store.list("n/0012")).length, 10);
    await using viewer = new Viewer(store, "n/");
    await viewer.next();
    assert.equal(viewer.view.size, 10_000);
  },

  "entries and revisions outlive the store": async (subject) => {
    await put(subject.store, "p/a", "1");
    await put(subject.store, "p/big", "x".repeat(100_000));
    await put(subject.store, "p/gone", "1");
    const last = committed(await subject.store.commit({ deletes: ["p/gone"] }));
    const before = await subject.store.list("");
    await subject.reopen();
    assert.deepEqual(await subject.store.list(""), before);
    await using viewer = new Viewer(subject.store, "");
    const { revision } = await viewer.next();
    assert.ok(revision >= last, `the snapshot's revision ${revision} is before ${last}`);
    assert.ok(await put(subject.store, "p/a", "2") > last);
  },

  "a list that is asked for again is as it is, whatever others did meanwhile": async (
    { store, peer },
  ) => {
    const other = await peer();
    const again = {};
    // Where a store keeps what it listed, it does so while it is watched.
    await using viewer = new Viewer(store, "p/");
    await viewer.next();
    const steps: Record<string, () => Promise<unknown>> = {
      "nothing there": () => Promise.resolve(),
      "added": () =>
        Promise.all(["p/b", "p/😀", "p/\u{ffff}", "q"].map((key) => put(other, key, "1"))),
      "nothing": () => Promise.resolve(),
      "changed": () => put(other, "p/b", "2"),
      "added before, between and after": () =>
        Promise.all(["p/a", "p/c", "p/😁"].map((key) => put(other, key, "1"))),
      "deleted": () => other.commit({ deletes: ["p/c"] }),
      "deleted and added": () =>
        other.commit({ deletes: ["p/a"], puts: [{ key: "p/d", value: "1" }] }),
      "deleted, added and changed": () =>
        other.commit({
          deletes: ["p/d"],
          puts: [{ key: "p/e", value: "1" }, { key: "p/b", value: "3" }],
        }),
      "deleted and made again": async () => {
        await other.commit({ deletes: ["p/e"] });
        await put(other, "p/e", "1");
      },
      "put by a lease": async () => {
        const lease = await other.lease(10_000);
        await other.commit({ puts: [{ key: "p/leased", value: "1", lease }] });
        assert.equal((await store.list("p/", { again })).length, 6);
        await lease.revoke();
      },
      "elsewhere": () => put(other, "q", "2"),
      "all deleted": async () => {
        const deletes = (await other.list("p/")).map(({ key }) => key);
        await other.commit({ deletes });
      },
      "another first": () => put(other, "p/z", "1"),
    };
    for (const [what, step] of Object.entries(steps)) {
      await step();
      const listed = await store.list("p/", { again });
      assert.deepEqual(listed, await other.list("p/"), what);
      listed.length = 0; // It is the caller's own.
    }
    assert.deepEqual(pairs(await store.list("q", { again })), [["q", "2"]]);
  },

  "a closed store says that it is unavailable": async ({ store, reopen }) => {
    await reopen();
    await assert.rejects(store.get("k"), { code: "unavailable" });
    await assert.rejects(store.list(""), { code: "unavailable" });
    await assert.rejects(store.commit({ deletes: ["k"] }), { code: "unavailable" });
    await assert.rejects(store.lease(10_000), { code: "unavailable" });
    await store[Symbol.asyncDispose]();
  },
};
