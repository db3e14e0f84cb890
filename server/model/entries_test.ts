import assert from "node:assert/strict";
import type { Entry } from "../../kv/store.ts";
import { Entries } from "./entries.ts";

const entry = (key: string, value = "1", revision = "1"): Entry => ({ key, value, revision });
const keys = (entries: Entry[]) => entries.map(({ key }) => key).sort();

Deno.test("entries are listed by any prefix, within a group and across", () => {
  const all = new Entries();
  for (const key of ["a/1/x", "a/1/y", "a/2/x", "b/1", "c"]) {
    all.apply({ type: "put", entry: entry(key) });
  }
  assert.deepEqual(keys(all.list("a/1/")), ["a/1/x", "a/1/y"]);
  assert.deepEqual(keys(all.list("a/1/x")), ["a/1/x"]);
  assert.deepEqual(keys(all.list("a/")), ["a/1/x", "a/1/y", "a/2/x"]);
  assert.deepEqual(keys(all.list("")), ["a/1/x", "a/1/y", "a/2/x", "b/1", "c"]);
  all.apply({ type: "delete", key: "a/1/x", revision: "2" });
  assert.deepEqual(keys(all.list("a/1/")), ["a/1/y"]);
  assert.equal(all.get("a/1/x"), undefined);
});

Deno.test("a snapshot changes what is new, other or gone under its prefix, and nothing else", () => {
  const all = new Entries();
  for (const key of ["a/1", "a/2", "a/3", "b/1"]) all.apply({ type: "put", entry: entry(key) });
  const entries = [entry("a/1"), entry("a/2", "2", "2"), entry("a/4")];
  assert.deepEqual(all.changesTo("a/", { entries, revision: "5" }), [
    { type: "put", entry: entries[1] },
    { type: "put", entry: entries[2] },
    { type: "delete", key: "a/3", revision: "5" },
  ]);
  // A store that was restored counts its revisions again: one may stand for another value.
  const restored = [entry("b/1", "other")];
  assert.equal(all.changesTo("b/", { entries: restored, revision: "1" }).length, 1);
});
