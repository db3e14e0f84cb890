import assert from "node:assert/strict";
import { type Conforming, storeConformance } from "../testing/conformance.ts";
import { committed, pairs, put, until, Viewer } from "../testing/case.ts";
import type { CommitResult } from "../store.ts";
import { openLocalStore } from "./local_store.ts";

/** A state directory that goes with its test. */
function temporary(): { path: string } & Disposable {
  const path = Deno.makeTempDirSync({ prefix: "h1_store_" });
  return { path, [Symbol.dispose]: () => Deno.removeSync(path, { recursive: true }) };
}

storeConformance("local", async (): Promise<Conforming> => {
  const directory = temporary();
  const subject = {
    store: await openLocalStore(directory.path),
    peer: () => Promise.resolve(subject.store), // The directory has one owner.
    reopen: async () => {
      await subject.store[Symbol.asyncDispose]();
      subject.store = await openLocalStore(directory.path);
    },
    [Symbol.asyncDispose]: async () => {
      await subject.store[Symbol.asyncDispose]();
      directory[Symbol.dispose]();
    },
  };
  return subject;
});

Deno.test("openLocalStore() lets one owner in", async () => {
  using directory = temporary();
  {
    await using _owner = await openLocalStore(directory.path);
    await assert.rejects(openLocalStore(directory.path), {
      code: "in_use",
      message: `The state directory "${directory.path}" is used by another netsvc daemon; ` +
        `stop it or choose another --state-dir`,
    });
  }
  await using _next = await openLocalStore(directory.path);
});

Deno.test("openLocalStore() makes a directory for its owner alone", async () => {
  using directory = temporary();
  const path = `${directory.path}/a/b`;
  await using _store = await openLocalStore(path);
  assert.equal(Deno.statSync(path).mode! & 0o777, 0o700);
});

Deno.test("openLocalStore() says which directory it can't use", async () => {
  using directory = temporary();
  Deno.writeTextFileSync(`${directory.path}/file`, "");
  await assert.rejects(openLocalStore(`${directory.path}/file`), {
    code: "unavailable",
    message: new RegExp(`^Cannot use the state directory "${directory.path}/file": `),
  });
});

for (
  const [what, spoil] of Object.entries({
    "no database": () => new Uint8Array(8192).fill(0x41),
    "a database cut off": (good: Uint8Array) => good.slice(0, 5000),
    "a database with a spoilt head": (good: Uint8Array) => good.fill(0xff, 200),
    "a database with a hole": (good: Uint8Array) => good.fill(0xff, 4096),
  })
) {
  Deno.test(`openLocalStore() refuses ${what} and lets go of it`, async () => {
    using directory = temporary();
    const file = `${directory.path}/state.kv`;
    {
      await using store = await openLocalStore(directory.path);
      for (let i = 0; i < 50; i++) await put(store, `k/${i}`, "x".repeat(1000));
    }
    Deno.writeFileSync(file, spoil(Deno.readFileSync(file)));
    for (const suffix of ["-wal", "-shm"]) {
      try {
        Deno.removeSync(file + suffix);
      } catch (error) {
        if (!(error instanceof Deno.errors.NotFound)) throw error;
      }
    }
    await assert.rejects(openLocalStore(directory.path), {
      code: "unavailable",
      message: new RegExp(`^Cannot open the store "${file}": .+; restore it from a backup or move`),
    });
    Deno.removeSync(file);
    await using store = await openLocalStore(directory.path);
    assert.deepEqual(await store.list(""), []);
  });
}

Deno.test("commit() says how large a transaction may be", async () => {
  using directory = temporary();
  await using store = await openLocalStore(directory.path);
  const values = Array.from({ length: 64 }, (_, i) => ({
    key: `k/${i}`,
    value: "x".repeat(100 * 1024),
  }));
  await assert.rejects(store.commit({ puts: values }), { code: "invalid", message: /split it$/ });
  const lease = await store.lease(60_000);
  const keys = Array.from({ length: 64 }, (_, i) => `k/${"long".repeat(250)}/${i}`);
  const puts = keys.map((key) => ({ key, value: "", lease }));
  await assert.rejects(store.commit({ puts }), { code: "invalid", message: /split it$/ });
  assert.deepEqual(await store.list(""), []);
  for (const part of [values.slice(0, 3), puts.slice(0, 32), puts.slice(32)]) {
    committed(await store.commit({ puts: part }));
  }
  await assert.rejects(store.commit({ deletes: keys }), { code: "invalid", message: /split it$/ });
  assert.equal((await store.list("")).length, 67);
});

Deno.test("commits that wait in line together are one, and each fails or succeeds by itself", async () => {
  using directory = temporary();
  await using store = await openLocalStore(directory.path);
  await using viewer = new Viewer(store, "k/");
  const start = await put(store, "k/start", "1");
  const lost = await store.lease(60_000);
  await lost.revoke();
  const many = Array.from({ length: 60 }, (_, n) => ({
    checks: [
      { key: "k/start", revision: n % 10 === 3 ? "0".repeat(20) : start },
      { key: `k/${n}`, revision: null },
    ],
    puts: [
      { key: `k/${n}`, value: `${n}`, ...n % 10 === 5 && { lease: lost } },
      { key: "k/fence", value: `${n}` },
    ],
    deletes: n % 10 === 7 ? [`k/none/${n}`] : [],
  }));
  const outcomes = await Promise.allSettled(many.map((one) => store.commit(one)));
  const revisions = new Set<string>();
  for (const [n, outcome] of outcomes.entries()) {
    if (n % 10 === 5) {
      assert.equal(outcome.status, "rejected", `${n}`);
      assert.equal((outcome as PromiseRejectedResult).reason.code, "conflict");
    } else if (n % 10 === 3) {
      assert.deepEqual(outcome, {
        status: "fulfilled",
        value: { ok: false, failed: "k/start" },
      });
    } else {
      assert.equal(outcome.status, "fulfilled");
      revisions.add(committed((outcome as PromiseFulfilledResult<CommitResult>).value));
    }
  }
  // A lost lease breaks its group up.
  assert.equal(revisions.size, 48);
  await viewer.until((view) => view.get("k/fence")?.value === "59");
  const expected = many.flatMap((_, n) => n % 10 === 3 || n % 10 === 5 ? [] : [`k/${n}`]);
  assert.deepEqual(
    [...viewer.view.keys()].filter((key) => /\d$/.test(key)).toSorted(),
    expected.toSorted(),
  );
  const together = await Promise.all(
    many.map(({ puts: [one, fence] }, n) =>
      store.commit({ puts: [{ ...fence!, key: one!.key }], deletes: [`k/none/${n}`] })
    ),
  );
  assert.equal(new Set(together.map(committed)).size, 1);
});

Deno.test("commits that are made at once do what they would do one after the other", async () => {
  using directory = temporary();
  await using store = await openLocalStore(directory.path);
  const model = new Map<string, string>();
  const any = (n: number) => Math.floor(Math.random() * n);
  const key = () => `m/${any(12)}`;
  for (let round = 0; round < 40; round++) {
    const made = Array.from({ length: 1 + any(30) }, (_, n) => {
      const [one, other] = [key(), key()];
      const value = `${round}-${n}`;
      return {
        checks: any(2) === 0 ? [{ key: key(), revision: null }] : [],
        puts: any(3) > 0 ? [{ key: one, value }] : [],
        deletes: any(3) === 0 && other !== one ? [other] : [],
      };
    });
    const results = await Promise.all(made.map((one) => store.commit(one)));
    for (const [n, { checks, puts, deletes }] of made.entries()) {
      const failed = checks.find(({ key }) => model.has(key))?.key;
      assert.deepEqual(failed, results[n]!.ok ? undefined : results[n]!.failed);
      if (failed !== undefined) continue;
      for (const { key, value } of puts) model.set(key, value);
      for (const key of deletes) model.delete(key);
    }
    const entries = await store.list("m/");
    assert.deepEqual(pairs(entries), [...model].sort(([a], [b]) => a < b ? -1 : 1));
  }
});

Deno.test("commit() leaves nothing of deleted and shrunken values in the file", async () => {
  using directory = temporary();
  {
    await using store = await openLocalStore(directory.path);
    const lease = await store.lease(60_000);
    const large = "x".repeat(90_000);
    committed(
      await store.commit({
        puts: [
          { key: "deleted", value: large, lease },
          { key: "shrunken", value: large, lease },
          { key: "kept", value: "1" },
        ],
      }),
    );
    committed(
      await store.commit({ puts: [{ key: "shrunken", value: "1" }], deletes: ["deleted"] }),
    );
  }
  using kv = await Deno.openKv(`${directory.path}/state.kv`);
  const kinds = [];
  for await (const { key } of kv.list({ start: [], end: [true] })) kinds.push(key[0]);
  assert.deepEqual(kinds.sort(), ["k", "k", "opened"]);
});

Deno.test("watch() that falls far behind gets a fresh snapshot", async () => {
  using directory = temporary();
  await using store = await openLocalStore(directory.path);
  await using viewer = new Viewer(store, "k/");
  await viewer.next();
  for (let i = 0; i < 5000; i++) await put(store, `k/${i % 100}`, `${i}`);
  committed(await store.commit({ deletes: ["k/0"] }));
  await viewer.until((view) => view.size === 99);
  assert.equal(viewer.events.filter(({ type }) => type === "snapshot").length, 2);
  await put(store, "k/end", "1");
  await viewer.until((view) => view.has("k/end"));
  const sorted = pairs(viewer.view.values()).sort(([a], [b]) => a < b ? -1 : 1);
  assert.deepEqual(sorted, pairs(await store.list("k/")));
});

Deno.test("watch() ends when the store is closed", async () => {
  using directory = temporary();
  const store = await openLocalStore(directory.path);
  const watch = store.watch("")[Symbol.asyncIterator]();
  await watch.next();
  const pending = watch.next();
  await store[Symbol.asyncDispose]();
  assert.equal((await pending).done, true);
});

Deno.test("lease() is lost when the process stands still for longer", async () => {
  using directory = temporary();
  await using store = await openLocalStore(directory.path);
  const lease = await store.lease(90);
  const puts = [{ key: "l/a", value: "1", lease }, { key: "l/b", value: "1", lease }];
  committed(await store.commit({ puts }));
  await using viewer = new Viewer(store, "l/");
  await viewer.next();
  for (const end = performance.now() + 300; performance.now() < end;);
  await assert.rejects(store.commit({ puts }), { code: "conflict" });
  assert.match((await lease.lost).message, /not renewed within 90 ms/);
  await until(async () => (await store.list("l/")).length === 0, "the keys vanish");
  await viewer.next();
  assert.deepEqual(viewer.deleted.toSorted(), ["l/a", "l/b"], "in one revision");
});

Deno.test("lease() is not lost when the wall clock jumps", async () => {
  using directory = temporary();
  await using store = await openLocalStore(directory.path);
  const lease = await store.lease(60_000);
  const now = Date.now;
  try {
    Date.now = () => now() + 86_400_000;
    committed(await store.commit({ puts: [{ key: "l/a", value: "1", lease }] }));
  } finally {
    Date.now = now;
  }
  await lease.revoke();
});
