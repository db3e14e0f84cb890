import assert from "node:assert/strict";
import type { Entry } from "../../../kv/store.ts";
import { z } from "zod";
import { ReadOnce, RecordType, versionOf } from "./record_type.ts";

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

const numbered = (n: number, value = `value ${n}`, revision = "1"): Entry => ({
  ...{ key: `k${n}`, value, revision },
});

Deno.test("a list that is read again parses what has changed, and keeps what is there", () => {
  const known = new ReadOnce<string>();
  const parsed: string[] = [];
  const list = (entries: Entry[]) =>
    known.readAll(entries, ({ key, value, revision }) => {
      parsed.push(key);
      return value === "bad" ? undefined : { record: value, revision };
    }).map(({ record }) => record);
  const hundred = Array.from({ length: 100 }, (_, n) => numbered(n));
  assert.equal(list(hundred).length, 100);
  assert.equal(parsed.splice(0).length, 100);
  assert.deepEqual(list(hundred), hundred.map(({ value }) => value));
  assert.deepEqual(parsed, []);
  // Another value, another revision of the same value, a new key, a bad one; one is gone.
  const changed = [
    ...hundred.slice(1, 98),
    ...[numbered(98, "other"), numbered(99, "value 99", "2"), numbered(100), numbered(101, "bad")],
  ];
  const expected = [...hundred.slice(1, 98).map(({ value }) => value), "other", "value 99"];
  assert.deepEqual(list(changed), [...expected, "value 100"]);
  assert.deepEqual(parsed.splice(0), ["k98", "k99", "k100", "k101"]);
  assert.equal(known.size, 100);
});

Deno.test("a list that is read again is the same object while all of it is the same, and no longer", () => {
  const known = new ReadOnce<string>();
  const list = (entries: Entry[]) =>
    known.readAll(entries, ({ value, revision }) => ({ record: value, revision }));
  const [three, first] = [
    [1, 2, 3].map((n) => numbered(n)),
    list([1, 2, 3].map((n) => numbered(n))),
  ];
  assert.equal(list(three), first);
  const others: Entry[][] = [
    [numbered(1), numbered(2)],
    three,
    [numbered(1), numbered(2), numbered(3, "other")],
    [numbered(1), numbered(2), numbered(3, "other", "2")],
    [numbered(1), numbered(2), numbered(4)],
    [],
  ];
  let last = first;
  for (const entries of others) {
    const all = list(entries);
    assert.notEqual(all, last);
    assert.deepEqual(all.map(({ record }) => record), entries.map(({ value }) => value));
    last = all;
  }
});

Deno.test("so many bytes are kept between two lists and no more", () => {
  const known = new ReadOnce<string>();
  const large = Array.from({ length: 40 }, (_, n) => numbered(n, "x".repeat(1024 * 1024)));
  const all = known.readAll(large, ({ revision }) => ({ record: "", revision }));
  assert.equal(all.length, 40);
  assert.equal(known.size, 32);
});
