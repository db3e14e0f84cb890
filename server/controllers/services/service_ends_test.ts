import assert from "node:assert/strict";
import type { ServiceRecord } from "../../model/records.ts";
import { operations } from "../../model/transaction.ts";
import { batches } from "./service_ends.ts";

Deno.test("batches() fills transactions and loses nothing", () => {
  const ending = (id: number, deletes: number) => ({
    service: { id: String(id) } as ServiceRecord,
    removal: {
      checks: [{ key: `${id}`, revision: "1" }],
      puts: [],
      deletes: Array.from({ length: deletes }, (_, i) => `${id}/${i}`),
    },
  });
  const all = Array.from({ length: 100 }, (_, i) => ending(i, 4 + i % 3));
  const made = batches(all);
  assert.deepEqual(made.flat(), all);
  for (const batch of made) {
    const size = batch.reduce((sum, { removal }) => sum + operations(removal), 0);
    assert.ok(size <= 64, String(size));
  }
  assert.ok(made.length <= 11, String(made.length));
  assert.deepEqual(batches([]), []);
  assert.equal(batches([ending(1, 100)]).length, 1, "one that is too large goes alone");
});
