import assert from "node:assert/strict";
import { internetChecksum } from "./checksum.ts";

Deno.test("the example of RFC 1071, 3", () => {
  const bytes = new Uint8Array([0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7]);
  assert.equal(internetChecksum(bytes), ~0xddf2 & 0xffff);
});

Deno.test("a message with its checksum sums up to nothing; an odd byte counts as the upper half", () => {
  const bytes = new Uint8Array([
    0x45,
    0,
    0,
    28,
    0,
    0,
    0,
    0,
    64,
    17,
    0,
    0,
    192,
    0,
    2,
    1,
    192,
    0,
    2,
    2,
  ]);
  new DataView(bytes.buffer).setUint16(10, internetChecksum(bytes));
  assert.equal(internetChecksum(bytes), 0);
  assert.equal(
    internetChecksum(new Uint8Array([0xab])),
    internetChecksum(new Uint8Array([0xab, 0])),
  );
});
