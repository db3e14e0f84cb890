import assert from "node:assert/strict";
import { NewTokenTerms, readContent, readTerms } from "./duties.ts";

const INVALID = { code: "invalid", status: 400, message: /^[^\n]+$/ };

Deno.test("what isn't a question of this netsvc's is invalid, in one line, and asks nobody", () => {
  for (const body of ["{", "nonsense", "{}}"]) assert.throws(() => readContent(body), INVALID);
  assert.equal(readContent(""), undefined);
  for (const terms of [undefined, null, [], "x", { ttl: 1, uses: 1 }, { ttl: 60_000, uses: 0 }]) {
    assert.throws(() => readTerms(NewTokenTerms, terms), INVALID);
  }
  const terms = { ttl: 60_000, uses: 1 };
  assert.deepEqual(readTerms(NewTokenTerms, terms), terms);
});
