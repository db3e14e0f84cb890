import assert from "node:assert/strict";
import { Rounds } from "./rounds.ts";

Deno.test("rounds follow each other, never two at once, until they are closed", async () => {
  const ends = Promise.withResolvers<void>();
  let running = 0;
  let count = 0;
  const rounds = new Rounds(async () => {
    assert.equal(++running, 1);
    await Promise.resolve();
    running--;
    if (++count === 3) ends.resolve();
  }, 1);
  rounds.beginAtOnce();
  await ends.promise;
  await rounds[Symbol.asyncDispose]();
  assert.ok(rounds.closed);
  const before = count;
  rounds.begin();
  rounds.beginAtOnce();
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.equal(count, before);
});

Deno.test("who asks for a round while one runs has that one, and a close waits for it", async () => {
  const gate = Promise.withResolvers<void>();
  let count = 0;
  const rounds = new Rounds(() => (count++, gate.promise), 1000);
  const both = [rounds.run(), rounds.run()];
  let closed = false;
  const closing = rounds[Symbol.asyncDispose]().then(() => closed = true);
  await new Promise((resolve) => setTimeout(resolve));
  assert.deepEqual([count, closed], [1, false]);
  gate.resolve();
  await Promise.all([...both, closing]);
  assert.equal(closed, true);
});
