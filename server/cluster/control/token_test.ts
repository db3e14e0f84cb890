import assert from "node:assert/strict";
import fc from "fast-check";
import { formatToken, hashSecret, type JoinToken, newSecret, parseToken } from "./token.ts";

const own = (): JoinToken => ({
  kind: "own",
  fingerprint: "ab".repeat(32),
  ...newSecret(),
  addresses: ["10.0.0.1:2478", "[fd00::1]:2478"],
});

Deno.test("a token is read as it was written", () => {
  const tokens: JoinToken[] = [own(), {
    kind: "external",
    ...newSecret(),
    clusterId: "c".repeat(64),
    url: "etcds:h:2379",
    files: { ca: "-----BEGIN…" },
  }];
  for (const token of tokens) {
    const text = formatToken(token);
    assert.match(text, /^nsj1\.[A-Za-z0-9_-]+$/);
    assert.deepEqual(parseToken(` ${text}\n`), token);
  }
});

Deno.test("two tokens have nothing in common, and the store has a hash alone", () => {
  const [a, b] = [newSecret(), newSecret()];
  assert.notEqual(a.id, b.id);
  assert.notEqual(a.secret, b.secret);
  assert.equal(hashSecret(a.secret).length, 64);
  assert.notEqual(hashSecret(a.secret), a.secret);
});

Deno.test("what was copied in part, or changed, is no token, and no message repeats it", () => {
  const text = formatToken(own());
  const refused = (given: string) =>
    assert.throws(() => parseToken(given), (error: Error) => {
      assert.match(error.message, /^This is not a join token: .*; /);
      const tail = given.slice(6, 40);
      assert.ok(tail.length < 10 || !error.message.includes(tail));
      return true;
    }, given);
  for (let length = 0; length < text.length; length++) refused(text.slice(0, length));
  for (
    const other of [
      "SWMTKN-1-x",
      `nsj2.${text.slice(5)}`,
      `${text}AAAA`,
      "nsj1.\u0000",
      "nsj1.A".repeat(20_000),
    ]
  ) {
    refused(other);
  }
  fc.assert(fc.property(fc.nat(text.length - 6), fc.constantFrom(..."AZaz09-_"), (at, letter) => {
    const bent = text.slice(0, at + 5) + letter + text.slice(at + 6);
    if (bent !== text) refused(bent);
  }));
  fc.assert(fc.property(fc.string(), (garbage) => refused(`nsj1.${garbage}`)));
});
