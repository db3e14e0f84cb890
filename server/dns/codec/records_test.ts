import assert from "node:assert/strict";
import {
  endOfName,
  endOfQuestion,
  findOpt,
  placesOf,
  sameLetters,
  withoutOpt,
  withPayload,
} from "./records.ts";

/** A query for `a.b`, with the sections that are given. */
function message(rest: number[] = [], counts = [0, 0, 0]): Uint8Array {
  const header = [0, 1, 1, 0, 0, 1, 0, counts[0]!, 0, counts[1]!, 0, counts[2]!];
  return new Uint8Array([...header, 1, 97, 1, 98, 0, 0, 1, 0, 1, ...rest]);
}
const OPT = [0, 0, 41, 2, 0, 0, 0, 0, 0, 0, 0];

Deno.test("a name ends in bounds, and within 255 bytes, or it is none (RFC 1035, 2.3.4)", () => {
  assert.equal(endOfName(new Uint8Array([1, 97, 0]), 0, { pointers: false }), 3);
  assert.equal(endOfName(new Uint8Array([1, 97]), 0, { pointers: false }), undefined);
  assert.equal(endOfName(new Uint8Array([64, 0]), 0, { pointers: false }), undefined);
  const long = new Uint8Array(300).fill(1);
  assert.equal(endOfName(long, 0, { pointers: false }), undefined);
});

Deno.test("a pointer ends a name where it may, and is never followed", () => {
  const loop = new Uint8Array([0xc0, 0]);
  assert.equal(endOfName(loop, 0), 2);
  assert.equal(endOfName(loop, 0, { pointers: false }), undefined);
  assert.equal(endOfName(new Uint8Array([0xc0]), 0), undefined);
});

Deno.test("records are in bounds, whatever their counts and lengths say", () => {
  assert.equal(endOfQuestion(message()), 21);
  assert.equal(placesOf(message(OPT, [0, 0, 1]))!.length, 1);
  assert.equal(placesOf(message(OPT, [0, 0, 2])), undefined);
  assert.equal(placesOf(message([0, 0, 1, 0, 1, 0, 0, 0, 0, 0xff, 0xff], [1, 0, 0])), undefined);
  assert.equal(placesOf(message(OPT, [0, 0, 1]), 0), undefined);
});

Deno.test("EDNS is found among the additionals alone, taken out and put in", () => {
  const whole = message(OPT, [0, 0, 1]);
  assert.equal(findOpt(whole)!.start, 21);
  assert.equal(findOpt(message(OPT, [1, 0, 0])), undefined);
  assert.deepEqual(withoutOpt(whole), message());
  const told = withPayload(message(), 1232);
  assert.equal(findOpt(told)!.type, 41);
  assert.deepEqual(withPayload(told, 512), withPayload(message(), 512));
});

Deno.test("names are the same in whatever case, of ASCII's letters alone (RFC 4343)", () => {
  const bytes = (text: string) => new TextEncoder().encode(text);
  assert.equal(sameLetters(bytes("WeB"), bytes("wEb")), true);
  assert.equal(sameLetters(bytes("[a"), bytes("{a")), false);
  assert.equal(sameLetters(bytes("a"), bytes("aa")), false);
});
