import assert from "node:assert/strict";
import type { ServiceRecord } from "../../model/records.ts";
import { batches } from "./service_ends.ts";

Deno.test("batches() fills transactions and loses nothing", () => {
  const ending = (id: number, deletes: number) => ({
    service: { id: String(id) } as ServiceRecord,
    revision: "1",
    deletes: Array.from({ length: deletes }, (_, i) => `${id}/${i}`),
  });
  const all = Array.from({ length: 100 }, (_, i) => ending(i, 4 + i % 3));
  const made = batches(all);
  assert.deepEqual(made.flat(), all);
  for (const batch of made) {
    const operations = batch.reduce((sum, { deletes }) => sum + 1 + deletes.length, 0);
    assert.ok(operations <= 64, String(operations));
  }
  assert.ok(made.length <= 11, String(made.length));
  assert.deepEqual(batches([]), []);
  assert.equal(batches([ending(1, 100)]).length, 1, "one that is too large goes alone");
});
