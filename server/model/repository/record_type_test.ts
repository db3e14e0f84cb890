import assert from "node:assert/strict";
import { z } from "zod";
import { RecordType, versionOf } from "./record_type.ts";

const things = new RecordType("thing", 2, z.strictObject({ id: z.string() }));
const entry = (value: string) => ({ key: "things/1", value, revision: "7" });

Deno.test("a record is written with its version and read without it", () => {
  const text = things.write({ id: "a" });
  assert.equal(text, '{"v":2,"id":"a"}');
  assert.deepEqual(things.read(entry(text)), { record: { id: "a" }, revision: "7" });
});

Deno.test("records of older and newer versions, and what is none, are not read", () => {
  const others = ['{"id":"a"}', '{"schema":1,"id":"a"}', '{"v":3,"id":"a"}', '{"v":"2","id":"a"}'];
  for (const text of [...others, "null", "[]", "{", '"a"', '{"v":2,"id":1}']) {
    assert.equal(things.read(entry(text)), undefined, text);
  }
});

Deno.test("what says no version is of the first, as is what said so by another name", () => {
  assert.equal(versionOf({}), 1);
  assert.equal(versionOf({ schema: 1 }), 1);
  assert.equal(versionOf("an id"), 1);
  assert.equal(versionOf({ v: 4, schema: 1 }), 4);
});
