import assert from "node:assert/strict";
import { internetChecksum } from "../../../lib/linux/sockets/checksum.ts";
import { decodeProbe, encodeProbe, PROBE_PORT, probeSizes, SMALLEST } from "./probe_packet.ts";

const probe = { token: "0123456789abcdef", size: 1400 };

for (const family of [4, 6] as const) {
  Deno.test(`a probe has its size with the outer header of IPv${family}, and says it inside`, () => {
    const bytes = encodeProbe(probe, family);
    assert.equal(bytes.length + (family === 4 ? 20 : 40) + 8, probe.size);
    const inner = bytes.subarray(8 + 14);
    assert.equal(internetChecksum(inner.subarray(0, 20)), 0);
    const view = new DataView(inner.buffer, inner.byteOffset);
    assert.equal(view.getUint16(2), inner.length);
    assert.equal(view.getUint16(22), PROBE_PORT);
    assert.deepEqual(decodeProbe(inner.subarray(28)), probe);
  });
}

Deno.test("what is too short is no probe", () => {
  assert.equal(decodeProbe(new Uint8Array(9)), undefined);
});

Deno.test("sizes grow from the smallest to the full one, which is the last", () => {
  const sizes = probeSizes(1450);
  assert.equal(sizes[0], SMALLEST);
  assert.equal(sizes.at(-1), 1450);
  assert.deepEqual(sizes, sizes.toSorted((a, b) => a - b));
});
