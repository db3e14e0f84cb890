import assert from "node:assert/strict";
import { decodeRecord, encodeRecord, type LeasedEntry, recordId, replay } from "./change_log.ts";

const put = (key: string, value: string) => ({ key, value });

Deno.test("a record tells its changes again, with values while they are small", () => {
  const text = encodeRecord({ puts: [put("a", "1")], deletes: ["b"] }, 10, "id");
  assert.equal(recordId(text), "id");
  assert.deepEqual(decodeRecord(text, "7"), [
    { type: "put", key: "a", entry: { key: "a", value: "1", revision: "7" } },
    { type: "delete", key: "b", revision: "7" },
  ]);
  const large = decodeRecord(encodeRecord({ puts: [put("a", "ä".repeat(6))] }, 10), "8");
  assert.deepEqual(large, [{ type: "put", key: "a", entry: undefined }]);
});

Deno.test("entries that were read at different moments come to the last one", () => {
  const entry = (key: string, value: string, revision: string): LeasedEntry => ({
    key,
    value,
    revision,
  });
  const found = new Map([["p/a", entry("p/a", "old", "1")], ["p/b", entry("p/b", "new", "3")], [
    "p/c",
    entry("p/c", "x", "1"),
  ]]);
  const records = [
    {
      revision: "2",
      changes: decodeRecord(
        encodeRecord({ puts: [put("p/a", "mid"), put("p/b", "mid"), put("q/z", "other")] }, 99),
        "2",
      ),
    },
    {
      revision: "3",
      changes: decodeRecord(encodeRecord({ puts: [put("p/b", "new")], deletes: ["p/c"] }, 99), "3"),
    },
  ];
  assert.equal(replay(records, { found, prefix: "p/" }), true);
  assert.deepEqual([...found.values()].map(({ key, value }) => [key, value]), [["p/a", "mid"], [
    "p/b",
    "new",
  ]]);
});

Deno.test("a value that a record leaves out and nobody has read is looked for again", () => {
  const records = [{
    revision: "2",
    changes: decodeRecord(encodeRecord({ puts: [put("a", "long")] }, 1), "2"),
  }];
  assert.equal(replay(records, { found: new Map(), prefix: "" }), false);
  const read = new Map([["a", { key: "a", value: "long", revision: "2" }]]);
  assert.equal(replay(records, { found: read, prefix: "" }), true);
  assert.equal(replay(records, { found: new Map(), prefix: "b" }), true);
});
