/**
 * Conformance: watches. A backend may leave out states in between, never part of a transaction.
 *
 * @module
 */
import assert from "node:assert/strict";
import { type Cases, committed, pairs, put, Viewer, withDeadline } from "./case.ts";

/** Cases of `watch()`. */
export const watches: Cases = {
  "watch() begins with a snapshot, empty or not": async ({ store }) => {
    {
      await using viewer = new Viewer(store, "w/");
      const event = await viewer.next();
      assert.ok(event.type === "snapshot" && event.entries.length === 0);
    }
    await put(store, "w/b", "2");
    await put(store, "w/a", "1");
    const last = await put(store, "other", "3");
    await using viewer = new Viewer(store, "w/");
    const event = await viewer.next();
    assert.ok(event.type === "snapshot");
    assert.deepEqual(event.entries, await store.list("w/"));
    assert.ok(event.revision <= last && event.revision >= event.entries[0]!.revision);
  },

  "watch() yields puts and deletes of one transaction together": async ({ store }) => {
    await put(store, "w/old", "1");
    await using viewer = new Viewer(store, "w/");
    await viewer.next();
    const revision = committed(
      await store.commit({
        puts: [{ key: "w/a", value: "A" }, { key: "w/b", value: "B" }, { key: "x", value: "" }],
        deletes: ["w/old"],
      }),
    );
    const event = await viewer.next();
    assert.ok(event.type === "changes");
    assert.equal(event.revision, revision);
    const key = (change: typeof event.changes[number]) =>
      change.type === "put" ? change.entry.key : change.key;
    assert.deepEqual(event.changes.toSorted((a, b) => key(a) < key(b) ? -1 : 1), [
      { type: "put", entry: { key: "w/a", value: "A", revision } },
      { type: "put", entry: { key: "w/b", value: "B", revision } },
      { type: "delete", key: "w/old", revision },
    ]);
  },

  "watch() sees a key that is deleted and made again": async ({ store }) => {
    const first = await put(store, "w/k", "same");
    await using viewer = new Viewer(store, "w/");
    await viewer.next();
    committed(await store.commit({ deletes: ["w/k"] }));
    const second = await put(store, "w/k", "same");
    await viewer.until((view) => view.get("w/k")?.revision === second);
    assert.ok(second > first);
    committed(await store.commit({ deletes: ["w/k"] }));
    await viewer.until((view) => !view.has("w/k"));
    assert.ok(viewer.deleted.includes("w/k"), "a delete is a change, not a silence");
  },

  "watch() yields nothing for failed and empty transactions": async ({ store }) => {
    await put(store, "w/k", "1");
    await using viewer = new Viewer(store, "w/");
    await viewer.next();
    const failed = await store.commit({
      checks: [{ key: "w/k", revision: null }],
      puts: [{ key: "w/k", value: "no" }, { key: "w/l", value: "no" }],
    });
    assert.deepEqual(failed, { ok: false, failed: "w/k" });
    committed(await store.commit({ deletes: ["w/absent"] }));
    await put(store, "w/end", "1");
    await viewer.until((view) => view.has("w/end"));
    assert.deepEqual(pairs(viewer.view.values()), [["w/k", "1"], ["w/end", "1"]]);
    assert.deepEqual(viewer.deleted, []);
  },

  "watch() keeps to its prefix": async ({ store }) => {
    await using all = new Viewer(store, "");
    await using one = new Viewer(store, "w/1");
    await all.next();
    await one.next();
    for (const key of ["w/1", "w/10", "w/2", "w/1/x", "v/1", "w"]) await put(store, key, key);
    committed(await store.commit({ deletes: ["w/2", "w/10"] }));
    await put(store, "w/1end", "");
    const done = (view: Map<string, unknown>) => view.has("w/1end");
    await all.until(done);
    await one.until(done);
    assert.deepEqual([...one.view.keys()].sort(), ["w/1", "w/1/x", "w/1end"]);
    assert.deepEqual([...all.view.keys()].sort(), ["v/1", "w", "w/1", "w/1/x", "w/1end"]);
  },

  "watch() shows whole transactions in order while writers go on": async ({ store }) => {
    await using early = new Viewer(store, "w/");
    await early.next();
    const write = async () => {
      for (let i = 1; i <= 500; i++) {
        const puts = ["w/a", "w/b", `w/n/${i}`].map((key) => ({ key, value: `${i}` }));
        committed(
          await store.commit({ puts, ...i > 10 && { deletes: [`w/n/${i - 10}`] } }),
        );
      }
    };
    const follow = async (viewer: Viewer) => {
      let revision = "";
      let last = 0;
      while (last < 500) {
        const event = await viewer.next();
        assert.ok(event.revision > revision, "revisions ascend");
        revision = event.revision;
        const [a, b] = [viewer.view.get("w/a"), viewer.view.get("w/b")];
        assert.deepEqual({ ...a, key: "" }, { ...b, key: "" }, "half a transaction");
        if (!a) continue;
        assert.ok(Number(a.value) >= last, "the past comes back");
        last = Number(a.value);
        const numbers = [...viewer.view.keys()].filter((key) => key.startsWith("w/n/"));
        assert.equal(numbers.length, Math.min(last, 10));
      }
    };
    const lateFollow = async () => {
      await early.until((view) => Number(view.get("w/a")?.value ?? 0) > 100);
      await using late = new Viewer(store, "w/");
      await Promise.all([follow(early), follow(late)]);
      assert.deepEqual(pairs(late.view.values()).sort(), pairs(early.view.values()).sort());
    };
    await Promise.all([write(), lateFollow()]);
    assert.deepEqual(
      pairs(early.view.values()).sort(),
      pairs(await store.list("w/")).sort(),
    );
  },

  "watch() shows a commit of another client": async ({ store, peer }) => {
    await using viewer = new Viewer(store, "w/");
    await viewer.next();
    const other = await peer();
    const revision = await put(other, "w/k", "1");
    await viewer.until((view) => view.get("w/k")?.revision === revision);
  },

  "watch() ends when it is aborted": async ({ store }) => {
    for (const when of ["before", "while waiting"]) {
      const abort = new AbortController();
      const watch = store.watch("w/", { signal: abort.signal })[Symbol.asyncIterator]();
      if (when === "before") abort.abort();
      else {
        await watch.next();
        queueMicrotask(() => abort.abort());
      }
      const { done } = await withDeadline(watch.next(), 10_000, `aborted ${when}`);
      assert.equal(done, true, when);
    }
  },

  "watch() ends when its loop is left": async ({ store }) => {
    for await (const event of store.watch("w/")) {
      assert.equal(event.type, "snapshot");
      break;
    }
    await put(store, "w/k", "1");
  },
};
