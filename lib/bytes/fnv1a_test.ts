import assert from "node:assert/strict";
import { fnv1a } from "./fnv1a.ts";

Deno.test("fnv1a() gives the values of the draft", () => {
  const bytes = (text: string) => new TextEncoder().encode(text);
  assert.equal(fnv1a(bytes("")), 0x811c9dc5);
  assert.equal(fnv1a(bytes("a")), 0xe40c292c);
  assert.equal(fnv1a(bytes("foobar")), 0xbf9cf968);
  assert.equal(fnv1a(bytes("xxfoobarx"), 2, 8), 0xbf9cf968);
});
