import assert from "node:assert/strict";
import { fixedAnswer, turned, type TurningAnswer } from "./rotation.ts";

/** A header of 12 bytes, three records of two bytes, and a tail of one. */
const ANSWER: TurningAnswer = {
  message: new Uint8Array([0, 0, 0x84, 0, 0, 1, 0, 3, 0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 9]),
  at: 12,
  size: 2,
  count: 3,
  limit: 512,
};

Deno.test("each record comes first in its turn, the others behind it in their order", () => {
  const orders = [0, 1, 2].map((first) => [...turned(ANSWER, first).subarray(12)]);
  assert.deepEqual(orders, [[1, 1, 2, 2, 3, 3, 9], [2, 2, 3, 3, 1, 1, 9], [3, 3, 1, 1, 2, 2, 9]]);
});

Deno.test("where not all fit, those that do are counted, and TC says so (RFC 1035, 4.1.1)", () => {
  const message = turned({ ...ANSWER, limit: 17 }, 2);
  assert.deepEqual([...message.subarray(12)], [3, 3, 1, 1, 9]);
  assert.equal(message[2]! & 2, 2);
  assert.equal(message[7], 2);
  const none = turned({ ...ANSWER, limit: 13 }, 0);
  assert.deepEqual([...none.subarray(12)], [9]);
  assert.equal(none[7], 0);
});

Deno.test("what is given is the caller's own: a later id changes nothing that is kept", () => {
  const fixed = fixedAnswer(new Uint8Array([1, 2, 3]));
  for (const answer of [fixed, ANSWER]) {
    turned(answer, 0)[0] = 99;
    assert.notEqual(turned(answer, 0)[0], 99);
  }
});

Deno.test("a few of many are given at a time, without TC; fewer where they don't fit", () => {
  const orders = [0, 1, 2].map((first) => {
    const message = turned({ ...ANSWER, most: 2 }, first);
    assert.deepEqual([message[2]! & 2, message[7]], [0, 2]);
    return [...message.subarray(12)];
  });
  assert.deepEqual(orders, [[1, 1, 2, 2, 9], [2, 2, 3, 3, 9], [3, 3, 1, 1, 9]]);
  const short = turned({ ...ANSWER, most: 2, limit: 15 }, 0);
  assert.deepEqual([short[2]! & 2, short[7], short.length], [2, 1, 15]);
  assert.deepEqual(turned({ ...ANSWER, most: 9 }, 0), turned(ANSWER, 0));
});
