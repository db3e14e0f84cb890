import assert from "node:assert/strict";
import fc from "fast-check";
import { toKey, toName } from "./key_names.ts";

Deno.test("toName() leaves ordinary keys as they are", () => {
  for (const key of ["networks/3fa0", "addresses/net/10.0.0.1", "addresses/net/fd00::1", "a b"]) {
    assert.equal(toName(key), key);
  }
  assert.equal(toName("u/../.x/a.b/%/é\n"), "u/%2E./%2Ex/a.b/%25/%C3%A9%0A");
});

Deno.test("toName() keeps keys apart, gives them back, and keeps prefixes", () => {
  const text = fc.string({ unit: "binary" }).filter((key) => key.isWellFormed());
  fc.assert(fc.property(text, text, (prefix, rest) => {
    const name = toName(prefix + rest);
    assert.equal(toKey(name), prefix + rest);
    assert.ok(name.startsWith(toName(prefix)));
    assert.match(name, /^[\x20-\x7e]*$/);
    assert.doesNotMatch(name, /(^|\/)\.\.?(\/|$)/);
  }));
});
