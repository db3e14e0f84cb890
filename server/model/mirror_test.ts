import assert from "node:assert/strict";
import fc from "fast-check";
import { committed, pairs, put, until } from "../../kv/testing/case.ts";
import type { Change, Entry, Store } from "../../kv/store.ts";
import { CuttableStore } from "../../tests/harness/cuttable_store.ts";
import { Mirror, type Origin } from "./mirror.ts";

interface Subject extends AsyncDisposable {
  cuttable: CuttableStore;
  store: Store;
  mirror: Mirror;
}

async function subject(prefix = "", deadline?: number): Promise<Subject> {
  const cuttable = await CuttableStore.open();
  const { store } = cuttable;
  const mirror = await Mirror.open(store, prefix, deadline === undefined ? {} : { deadline });
  const dispose = async () => {
    await mirror.close();
    await cuttable[Symbol.asyncDispose]();
  };
  return { cuttable, store, mirror, [Symbol.asyncDispose]: dispose };
}

function sorted(entries: Entry[]): [string, string][] {
  return pairs(entries).sort(([a], [b]) => a < b ? -1 : 1);
}

/** Changes as short words. */
function words(changes: Change[]): string[] {
  return changes.map((change) =>
    change.type === "put" ? `${change.entry.key}=${change.entry.value}` : `-${change.key}`
  ).sort();
}

Deno.test("Mirror.open() has what was there", async () => {
  await using cuttable = await CuttableStore.open();
  const revision = await put(cuttable.store, "a/1", "1");
  const mirror = await Mirror.open(cuttable.store);
  assert.deepEqual(mirror.get("a/1"), { key: "a/1", value: "1", revision });
  assert.equal(mirror.get("a"), undefined);
  await mirror.close();
});

Deno.test("Mirror.open() gives up at its deadline", async () => {
  await using cuttable = await CuttableStore.open();
  cuttable.cut();
  await assert.rejects(Mirror.open(cuttable.store, "", { deadline: 50 }), {
    code: "timeout",
    message: "The store sends no snapshot within 50 ms; try again",
  });
});

Deno.test("commit() returns when the mirror has the change", async () => {
  await using all = await subject();
  const { mirror } = all;
  for (let i = 0; i < 100; i++) {
    const revision = committed(
      await mirror.commit({ puts: [{ key: `a/${i}`, value: `${i}` }], deletes: [`a/${i - 1}`] }),
    );
    assert.deepEqual(mirror.list("a/"), [{ key: `a/${i}`, value: `${i}`, revision }]);
  }
  await Promise.all(Array.from({ length: 100 }, async (_, i) => {
    await mirror.commit({ puts: [{ key: `b/${i}`, value: "" }] });
    assert.ok(mirror.get(`b/${i}`));
  }));
});

Deno.test("commit() of nothing new doesn't wait for what never comes", async () => {
  await using all = await subject("a/", 1000);
  const { mirror, store } = all;
  await mirror.commit({ puts: [{ key: "a/k", value: "1" }] });
  const { revision } = mirror.get("a/k")!;
  committed(await mirror.commit({ deletes: ["a/absent"] }));
  committed(await mirror.commit({ checks: [{ key: "a/k", revision }] }));
  committed(await mirror.commit({ puts: [{ key: "elsewhere", value: "1" }] }));
  committed(await mirror.commit({}));
  assert.equal((await store.get("elsewhere"))?.value, "1");
  assert.equal(mirror.get("elsewhere"), undefined);
});

Deno.test("commit() hands a failed check on", async () => {
  await using all = await subject();
  const { mirror } = all;
  await mirror.commit({ puts: [{ key: "a/k", value: "1" }] });
  const checks = [{ key: "a/k", revision: null }];
  const result = await mirror.commit({ checks, puts: [{ key: "a/k", value: "2" }] });
  assert.deepEqual(result, { ok: false, failed: "a/k" });
  assert.equal(mirror.get("a/k")?.value, "1");
});

Deno.test("commit() says when the store doesn't send the change back", async () => {
  await using all = await subject("", 100);
  const { cuttable, store, mirror } = all;
  cuttable.cut();
  await assert.rejects(mirror.commit({ puts: [{ key: "a/k", value: "1" }] }), {
    code: "timeout",
    message:
      "The change was committed, but the store doesn't send it back within 100 ms; try again",
  });
  assert.equal((await store.get("a/k"))?.value, "1");
  assert.equal(mirror.get("a/k"), undefined, "reads go on");
  cuttable.restore();
  await until(() => Promise.resolve(mirror.get("a/k") !== undefined), "the mirror catches up");
});

Deno.test("list() finds what the store finds, whatever the prefix", async () => {
  await using all = await subject();
  const { mirror, store } = all;
  const keys = [
    ...["a", "a/1", "a/1/x", "a/1/x/y", "a/10", "a/10/x", "ab", "ab/1/x", "b/1/x/y/z", "b"],
    ...["services/n1/s1", "services/n1/s2", "services/n10/s1", "services/n1", "host/id"],
  ];
  committed(await mirror.commit({ puts: keys.map((key) => ({ key, value: key })) }));
  const same = async (prefix: string) =>
    assert.deepEqual(sorted(mirror.list(prefix)), sorted(await store.list(prefix)), prefix);
  const prefixes = keys.flatMap((key) =>
    Array.from({ length: key.length + 1 }, (_, end) => key.slice(0, end))
  );
  for (const prefix of new Set([...prefixes, ...keys.map((key) => `${key}/`), "none", "a//"])) {
    await same(prefix);
  }
  committed(await mirror.commit({ deletes: keys.filter((_, i) => i % 2) }));
  for (const prefix of new Set(prefixes)) await same(prefix);
});

Deno.test("subscribe() tells of changes when the mirror has them", async () => {
  await using all = await subject();
  const { mirror } = all;
  const told: string[][] = [];
  const end = mirror.subscribe((changes) => {
    for (const change of changes) {
      if (change.type === "put") assert.deepEqual(mirror.get(change.entry.key), change.entry);
      else assert.equal(mirror.get(change.key), undefined);
    }
    told.push(words(changes));
  });
  const puts = [{ key: "a", value: "1" }, { key: "b", value: "2" }];
  await mirror.commit({ puts });
  await mirror.commit({ puts: [{ key: "a", value: "3" }], deletes: ["b"] });
  end();
  await mirror.commit({ deletes: ["a"] });
  assert.deepEqual(told, [["a=1", "b=2"], ["-b", "a=3"]]);
});

Deno.test("subscribe() keeps a failing callback from the others", async () => {
  await using all = await subject();
  const { mirror } = all;
  const told: string[][] = [];
  mirror.subscribe(() => {
    throw new Error("on purpose");
  });
  mirror.subscribe((changes) => told.push(words(changes)));
  committed(await mirror.commit({ puts: [{ key: "a", value: "1" }] }));
  committed(await mirror.commit({ deletes: ["a"] }));
  assert.deepEqual(told, [["a=1"], ["-a"]]);
});

Deno.test("a fresh snapshot becomes the changes missed, and no more", async () => {
  await using all = await subject();
  const { cuttable, store, mirror } = all;
  for (const key of ["kept", "changed", "remade", "gone/1/x"]) {
    await mirror.commit({ puts: [{ key, value: "1" }] });
  }
  const told: string[][] = [];
  mirror.subscribe((changes) => told.push(words(changes)));
  cuttable.cut();
  await put(store, "changed", "2");
  await put(store, "new", "1");
  committed(await store.commit({ deletes: ["remade", "gone/1/x"] }));
  await put(store, "remade", "1");
  await put(store, "passing", "1");
  committed(await store.commit({ deletes: ["passing"] }));
  cuttable.restore();
  await until(() => Promise.resolve(mirror.get("new") !== undefined), "the mirror catches up");
  assert.deepEqual(told, [["-gone/1/x", "changed=2", "new=1", "remade=1"]]);
  assert.deepEqual(sorted(mirror.list("")), sorted(await store.list("")));
  assert.deepEqual(mirror.list("gone/1/"), []);
  committed(await mirror.commit({ puts: [{ key: "new", value: "2" }] }));
  assert.equal(mirror.get("new")?.value, "2");
});

Deno.test("the mirror and its subscribers end up with what the store has", async () => {
  await using all = await subject();
  const { cuttable, store, mirror } = all;
  const copy = new Map<string, string>();
  mirror.subscribe((changes) => {
    for (const change of changes) {
      if (change.type === "put") copy.set(change.entry.key, change.entry.value);
      else assert.ok(copy.delete(change.key), "a key vanishes once");
    }
  });
  const key = fc.constantFrom("a", "a/b", "a/b/c", "a/b/d", "b/c", "b/c/d/e");
  const step = fc.oneof(
    fc.record({ key, value: fc.string() }),
    fc.record({ key }),
    fc.constantFrom("cut" as const, "restore" as const),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 20 }), async (steps) => {
      for (const step of steps) {
        if (step === "cut") cuttable.cut();
        else if (step === "restore") cuttable.restore();
        else if ("value" in step) await put(store, step.key, step.value);
        else committed(await store.commit({ deletes: [step.key] }));
      }
      cuttable.restore();
      const mark = `${Math.random()}`;
      await put(store, "mark", mark);
      await until(() => Promise.resolve(mirror.get("mark")?.value === mark), "it catches up");
      const wanted = sorted(await store.list(""));
      assert.deepEqual(sorted(mirror.list("")), wanted);
      assert.deepEqual([...copy].sort(([a], [b]) => a < b ? -1 : 1), wanted);
    }),
    { numRuns: 40 },
  );
});

Deno.test("close() stops following and leaves the last view", async () => {
  await using cuttable = await CuttableStore.open();
  const mirror = await Mirror.open(cuttable.store);
  await mirror.commit({ puts: [{ key: "a", value: "1" }] });
  await mirror.close();
  await mirror.close();
  await put(cuttable.store, "a", "2");
  assert.equal(mirror.get("a")?.value, "1");
});

/** What a mirror of several prefixes tells, with where it comes from. */
function listen(mirror: Mirror): { origin: Origin; words: string[] }[] {
  const told: { origin: Origin; words: string[] }[] = [];
  mirror.subscribe((changes, origin) => told.push({ origin, words: words(changes) }));
  return told;
}

Deno.test("follow() and unfollow() load and drop a prefix; nothing else is seen", async () => {
  await using cuttable = await CuttableStore.open();
  const { store } = cuttable;
  for (const key of ["a/1", "b/1", "c/1"]) await put(store, key, "1");
  const mirror = new Mirror(store);
  const told = listen(mirror);
  await mirror.follow("a/");
  await Promise.all([mirror.follow("b/"), mirror.follow("b/")]);
  assert.deepEqual(mirror.prefixes.toSorted(), ["a/", "b/"]);
  await mirror.commit({ puts: ["a/1", "b/2", "c/1"].map((key) => ({ key, value: "2" })) });
  assert.equal(mirror.get("c/1"), undefined);
  await mirror.unfollow("b/");
  assert.equal(mirror.follows("b/"), false);
  assert.deepEqual(mirror.list("b/"), []);
  committed(await mirror.commit({ puts: [{ key: "b/2", value: "3" }] }));
  assert.equal(mirror.get("b/2"), undefined);
  await mirror.follow("b/");
  assert.deepEqual(pairs(mirror.list("b/")), [["b/1", "1"], ["b/2", "3"]]);
  // The two feeds of one commit are told each on its own, in any order.
  const byOrigin = (origin: Origin) =>
    told.filter((one) => one.origin === origin).flatMap((one) => one.words).sort();
  assert.deepEqual(byOrigin("load"), ["a/1=1", "b/1=1", "b/1=1", "b/2=3"]);
  assert.deepEqual(byOrigin("change"), ["a/1=2", "b/2=2"]);
  assert.deepEqual(byOrigin("drop"), ["-b/1", "-b/2"]);
  assert.deepEqual(byOrigin("resync"), []);
  await mirror.close();
});

Deno.test("unfollow() while the first snapshot is under way leaves nothing behind", async () => {
  await using cuttable = await CuttableStore.open();
  const { store } = cuttable;
  await put(store, "a/1", "1");
  const mirror = new Mirror(store, { deadline: 500 });
  const following = mirror.follow("a/").then(() => "loaded", () => "late");
  await mirror.unfollow("a/");
  await following;
  assert.deepEqual(mirror.list(""), []);
  assert.deepEqual(mirror.prefixes, []);
  await mirror.follow("a/");
  assert.equal(mirror.get("a/1")?.value, "1");
  await mirror.close();
});

Deno.test("seed() holds until the store says what is; the difference was missed, not loaded", async () => {
  await using cuttable = await CuttableStore.open();
  const { store } = cuttable;
  const known = [{ key: "a/kept", value: "1" }, { key: "a/gone", value: "1" }]
    .map((entry) => ({ ...entry, revision: "1".padStart(20, "0") }));
  cuttable.cut();
  const mirror = new Mirror(store, { deadline: 50 });
  const told = listen(mirror);
  await assert.rejects(mirror.follow("a/"), { code: "timeout" });
  mirror.seed("a/", known);
  assert.deepEqual(pairs(mirror.list("a/")), [["a/kept", "1"], ["a/gone", "1"]]);
  assert.equal(mirror.follows("a/"), false);
  await put(store, "a/kept", "1");
  await put(store, "a/new", "1");
  cuttable.restore();
  await until(() => Promise.resolve(mirror.follows("a/")), "the mirror catches up");
  mirror.seed("a/", known); // Too late: the store knows better.
  assert.deepEqual(sorted(mirror.list("")), [["a/kept", "1"], ["a/new", "1"]]);
  assert.deepEqual(told, [
    { origin: "load", words: ["a/gone=1", "a/kept=1"] },
    { origin: "resync", words: ["-a/gone", "a/kept=1", "a/new=1"] },
  ]);
  await mirror.close();
});

Deno.test("a store restored from a backup: revisions go back, and the mirror follows", async () => {
  await using cuttable = await CuttableStore.open();
  await using restored = await CuttableStore.open();
  await put(cuttable.store, "a/old", "1");
  for (let i = 0; i < 20; i++) await put(cuttable.store, "a/k", `${i}`);
  const mirror = await Mirror.open(cuttable.store, "a/");
  const before = mirror.get("a/k")!.revision;
  const told = listen(mirror);
  await put(restored.store, "a/old", "1");
  await put(restored.store, "a/k", "backup");
  cuttable.cut();
  await put(cuttable.store, "a/k", "lost with the store");
  cuttable.replace(restored);
  cuttable.restore();
  await until(() => Promise.resolve(mirror.get("a/k")?.value === "backup"), "it goes back");
  assert.ok(mirror.get("a/k")!.revision < before);
  assert.ok(told.every(({ origin }) => origin === "resync"));
  // A commit of the lower revision is waited for, and seen.
  const revision = committed(await mirror.commit({ puts: [{ key: "a/k", value: "after" }] }));
  assert.deepEqual(mirror.get("a/k"), { key: "a/k", value: "after", revision });
  assert.deepEqual(sorted(mirror.list("")), sorted(await restored.store.list("a/")));
  await mirror.close();
});

Deno.test("commit() right after a restore is answered when the mirror has left the old history", async () => {
  await using cuttable = await CuttableStore.open();
  await using restored = await CuttableStore.open();
  for (let i = 0; i < 20; i++) await put(cuttable.store, "a/k", `${i}`);
  const mirror = await Mirror.open(cuttable.store, "a/");
  cuttable.cut();
  await put(cuttable.store, "a/k", "lost with the store");
  cuttable.replace(restored);
  let answered = false;
  const committing = ["a/k", "a/new"].map((key) =>
    mirror.commit({ puts: [{ key, value: "after" }] }).then((result) => {
      answered = true;
      committed(result);
      assert.equal(mirror.get(key)?.value, "after");
    })
  );
  await new Promise((resolve) => setTimeout(resolve, 100));
  assert.equal(answered, false, "the mirror still shows the old history");
  cuttable.restore();
  await Promise.all(committing);
  await mirror.close();
});
