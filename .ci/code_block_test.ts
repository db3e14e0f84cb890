import assert from "node:assert/strict";
import { findScript, type Part, TRAILER, withBlock } from "./code_block.ts";

const bytesOf = (text: string) => new TextEncoder().encode(text);

function executable(section: string, elf = "ELF"): Uint8Array {
  const text = bytesOf(`${elf}${section}`);
  const bytes = new Uint8Array(text.length + TRAILER);
  bytes.set(text);
  const view = new DataView(bytes.buffer);
  view.setUint32(text.length, 0x501e, true);
  view.setBigUint64(text.length + 8, BigInt(section.length + TRAILER), true);
  return bytes;
}

function find(name: string, bytes: Uint8Array): string[] {
  const read = ({ at, length }: Part) => bytes.subarray(at, at + length);
  const { code, cache } = findScript(name, { size: bytes.length, read });
  return [code, cache].map((part) => new TextDecoder().decode(read(part)));
}

Deno.test("scripts are found again, and Deno finds its own section where it was from the end", () => {
  const before = executable("d3n0l4nd and more");
  const one = { code: bytesOf("one's code"), cache: bytesOf("one's cache") };
  const two = { code: bytesOf("two"), cache: bytesOf("") };
  const after = new Uint8Array(withBlock(before, { one, two }).flatMap((part) => [...part]));
  assert.deepEqual(find("one", after), ["one's code", "one's cache"]);
  assert.deepEqual(find("two", after), ["two", ""]);
  assert.deepEqual(after.subarray(-33), before.subarray(-33));
});

Deno.test("a file without a block, or a part of one, is refused", () => {
  assert.throws(() => find("one", executable("d3n0l4nd")), /no daemon/);
  assert.throws(
    () => find("one", executable("d3n0l4nd", "a longer ELF than a footer")),
    /no daemon/,
  );
  assert.throws(() => find("one", executable("d3n0l4nd").subarray(0, -1)), /isn't whole/);
  assert.throws(() => withBlock(executable("another"), {}), /known/);
});
