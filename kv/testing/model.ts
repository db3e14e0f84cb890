/**
 * Conformance: random histories against a plain map.
 *
 * @module
 */
import assert from "node:assert/strict";
import fc from "fast-check";
import type { Entry, Revision, Store, Transaction } from "../store.ts";
import { byBytes, type Cases, Viewer } from "./case.ts";

const NAMES = ["a", "ab", "a/b", "a/b/c", "b", "é", "%2F"];

/** What a generated check expects of its key. */
type Expectation = "current" | "absent" | "stale";

interface Step {
  checks: { name: string; expects: Expectation }[];
  puts: { name: string; value: string }[];
  deletes: string[];
}

const name = fc.constantFrom(...NAMES);
const step: fc.Arbitrary<Step> = fc.record({
  checks: fc.array(
    fc.record({
      name,
      expects: fc.constantFrom<Expectation>("current", "current", "current", "absent", "stale"),
    }),
    { maxLength: 3 },
  ),
  puts: fc.uniqueArray(fc.record({ name, value: fc.string({ unit: "binary" }) }), {
    maxLength: 3,
    selector: (put) => put.name,
  }),
  deletes: fc.uniqueArray(name, { maxLength: 2 }),
}).map((made) => ({
  ...made,
  deletes: made.deletes.filter((key) => !made.puts.some((put) => put.name === key)),
}));

function ordered(model: Map<string, Entry>, prefix: string): Entry[] {
  return [...model.values()].filter(({ key }) => key.startsWith(prefix))
    .sort((a, b) => byBytes(a.key, b.key));
}

/** Runs a history under `root` and compares after each step. */
async function compare(store: Store, root: string, steps: Step[]): Promise<void> {
  const model = new Map<string, Entry>();
  /** Revisions that keys once had. */
  const past = new Map<string, Revision>();
  /** Who lists again and again, by prefix. */
  const owners = new Map<string, object>();
  await using viewer = new Viewer(store, root);
  await viewer.next();
  let last = "";
  for (const { checks, puts, deletes } of steps) {
    const transaction = {
      checks: checks.map(({ name, expects }) => {
        const key = root + name;
        const current = model.get(key)?.revision ?? null;
        const revision = { current, absent: null, stale: past.get(key) ?? null }[expects];
        return { key, revision };
      }),
      puts: puts.map(({ name, value }) => ({ key: root + name, value })),
      deletes: deletes.map((name) => root + name),
    } satisfies Transaction;
    const failing = transaction.checks
      .filter(({ key, revision }) => (model.get(key)?.revision ?? null) !== revision)
      .map(({ key }) => key);
    const result = await store.commit(transaction);
    if (!result.ok) assert.ok(failing.includes(result.failed), `"${result.failed}" failed`);
    else {
      assert.deepEqual(failing, [], "a check should have failed");
      const { revision } = result;
      for (const key of [...transaction.puts.map(({ key }) => key), ...transaction.deletes]) {
        const before = model.get(key);
        if (before) past.set(key, before.revision);
      }
      if (puts.length > 0) assert.ok(revision > last);
      last = revision;
      for (const { key, value } of transaction.puts) model.set(key, { key, value, revision });
      for (const key of transaction.deletes) model.delete(key);
    }
    for (const prefix of [root, `${root}a`, `${root}a/`]) {
      assert.deepEqual(await store.list(prefix), ordered(model, prefix));
      const again = owners.get(prefix) ?? {};
      owners.set(prefix, again);
      assert.deepEqual(await store.list(prefix, { again }), ordered(model, prefix));
    }
    for (const name of NAMES) {
      assert.deepEqual(await store.get(root + name), model.get(root + name));
    }
  }
  const wanted = ordered(model, root);
  const same = (view: Map<string, Entry>) => {
    const seen = ordered(view, root);
    return seen.length === wanted.length &&
      seen.every(({ key, revision }, i) =>
        key === wanted[i]!.key && revision === wanted[i]!.revision
      );
  };
  await viewer.until(same);
  assert.deepEqual(ordered(viewer.view, root), wanted);
}

/** The model case. */
export const model: Cases = {
  "any history of transactions does what a map would do": async ({ store }) => {
    let run = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { minLength: 1, maxLength: 15 }),
        (steps) => compare(store, `m/${++run}/`, steps),
      ),
      { numRuns: 60 },
    );
  },
};
