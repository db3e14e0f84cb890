import assert from "node:assert/strict";
import { libc } from "../libc.ts";
import { AF_INET, AF_INET6, socketAddress } from "./socket_address.ts";

libc(); // Loaded once, for all tests.

Deno.test("a literal is an address of its family, with the port in network order", () => {
  const four = socketAddress("10.0.0.2", 0x1234)!;
  assert.equal(four.family, AF_INET);
  assert.deepEqual([...four.bytes.subarray(2, 8)], [0x12, 0x34, 10, 0, 0, 2]);
  const six = socketAddress("fd00::2", 53)!;
  assert.equal(six.family, AF_INET6);
  assert.equal(six.bytes.length, 28);
  assert.equal(six.bytes[23], 2);
});

Deno.test("names are none, since looking one up would leave the namespace", () => {
  for (
    const text of [
      "localhost",
      "",
      "10.0.0",
      "10.0.0.2.example",
      "fd00::2::3",
      "10.0.0.2%lo",
      "a%b%c",
    ]
  ) {
    assert.equal(socketAddress(text, 1), undefined, text);
  }
});

Deno.test("a link-local address needs a zone, of a link that is there", () => {
  assert.equal(socketAddress("fe80::1", 1), undefined);
  assert.equal(socketAddress("fe80::1%nosuchlink", 1), undefined);
  const { bytes } = socketAddress("fe80::1%lo", 1)!;
  assert.equal(new DataView(bytes.buffer).getUint32(24, true), 1);
});
