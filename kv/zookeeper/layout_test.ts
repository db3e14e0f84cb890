import assert from "node:assert/strict";
import {
  decodeData,
  decodeName,
  directoryFits,
  encodeData,
  encodeName,
  joinKey,
  Layout,
  recordNumber,
  revisionOf,
  splitKey,
} from "./layout.ts";

Deno.test("any text is a node's name that ZooKeeper takes, and comes back", () => {
  for (const text of ["", "a", ".", "..", "a/b", "ä 漢", "100%", "\x01"]) {
    assert.match(encodeName(text), /^[A-Za-z0-9_:~%-]+$/);
    assert.equal(decodeName(encodeName(text)), text);
  }
});

Deno.test("a key is a directory and a name", () => {
  for (const key of ["a", "a/b", "a/b/c"]) assert.equal(joinKey(...splitKey(key)), key);
  assert.deepEqual(splitKey("a/b/c"), ["a/b", "c"]);
  assert.equal(new Layout("x/y").key("a/b/c"), "/x/y/e/a%2Fb/c");
  assert.equal(new Layout("x").key("top"), "/x/e/%/top");
});

Deno.test("only directories that may hold keys of a prefix are looked into", () => {
  assert.equal(directoryFits("a/b", "a/"), true);
  assert.equal(directoryFits("a", "a/b"), true);
  assert.equal(directoryFits("ab", "a/"), false);
  assert.equal(directoryFits("", "a"), true);
  assert.equal(directoryFits("b", "a"), false);
});

Deno.test("a fence is the same for a key at each time, and there are all of them in the skeleton", () => {
  const layout = new Layout("x");
  assert.equal(layout.fence("a/b"), layout.fence("a/b"));
  assert.ok(layout.skeleton.includes(layout.fence("a/b")));
  assert.equal(layout.skeleton.length, 4 + 256);
});

Deno.test("records are numbered from 0 by the version that they made", () => {
  const layout = new Layout("x");
  assert.equal(layout.record(1), "/x/l/n-0000000000");
  assert.equal(recordNumber(layout.record(43)), 42);
  assert.equal(revisionOf(new Uint8Array([0, 0, 0, 1, 0, 0, 0, 0xff])), "00000001000000ff");
});

Deno.test("a node's data has the lease before the value, which may have lines", () => {
  assert.deepEqual(decodeData(encodeData("a\nb", "id")), { value: "a\nb", lease: "id" });
  assert.deepEqual(decodeData(encodeData("")), { value: "" });
});
