import assert from "node:assert/strict";
import { Ledger } from "./ledger.ts";

const nothing = () => Promise.resolve();

Deno.test("a ledger knows what was acknowledged, and nothing of what failed", async () => {
  const ledger = new Ledger();
  await ledger.write("a", "there", nothing);
  await ledger.write("b", "there", nothing);
  await ledger.write("b", "gone", nothing);
  await assert.rejects(ledger.write("c", "there", () => Promise.reject(new Error("no answer"))));
  assert.deepEqual([ledger.there(), ledger.gone()], [["a"], ["b"]]);
  await assert.rejects(ledger.write("a", "gone", () => Promise.reject(new Error("no answer"))));
  assert.deepEqual(ledger.there(), []);
});

Deno.test("a restore takes a ledger back to the backup, and what was on its way is in doubt", async () => {
  const ledger = new Ledger();
  await ledger.write("old", "there", nothing);
  await ledger.write("ended", "there", nothing);
  await ledger.write("passing", "there", nothing);
  const answer = Promise.withResolvers<void>();
  const late = ledger.write("late", "there", () => answer.promise);
  const begun = ledger.mark();
  await ledger.write("passing", "gone", nothing);
  const mark = ledger.narrow(begun);
  await ledger.write("after", "there", nothing);
  await ledger.write("ended", "gone", nothing);
  ledger.restoring();
  assert.ok(ledger.halfRestored);
  await ledger.write("meanwhile", "there", nothing);
  ledger.restored(mark);
  answer.resolve();
  await late;
  assert.deepEqual([ledger.there().sort(), ledger.gone()], [["ended", "old"], []]);
  await ledger.write("new", "there", nothing);
  assert.ok(ledger.there().includes("new"));
});
