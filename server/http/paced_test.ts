import assert from "node:assert/strict";
import { paced, PerTurn, requestTurns } from "./paced.ts";

Deno.test("requests that come at once begin eight in a turn; who asks for health doesn't wait", async () => {
  const ends: (() => void)[] = [];
  const turns = requestTurns(() => new Promise<void>((resolve) => ends.push(resolve)));
  const begun: string[] = [];
  const handler = paced(turns, (request) => {
    begun.push(new URL(request.url).pathname);
    return new Response();
  });
  const ask = (path: string) => handler(new Request(`http://localhost${path}`));
  const all = Array.from({ length: 20 }, (_, n) => ask(`/netsvc/v1/services/${n}`));
  assert.equal((await ask("/netsvc/v1/healthz")).status, 200);
  assert.equal((await ask("/healthz")).status, 200);
  assert.equal(begun.length, 8 + 2);
  for (const count of [18, 22]) {
    ends.shift()!();
    await new Promise((resolve) => setTimeout(resolve));
    assert.equal(begun.length, count);
  }
  await Promise.all(all);
  assert.deepEqual(
    begun.filter((path) => path !== "/healthz" && path !== "/netsvc/v1/healthz"),
    Array.from({ length: 20 }, (_, n) => `/netsvc/v1/services/${n}`),
  );
});

/** Turns that end when the test says so. */
function subject(most: number) {
  const ends: (() => void)[] = [];
  const turns = new PerTurn(most, () => new Promise<void>((resolve) => ends.push(resolve)));
  const begun: number[] = [];
  const begin = (n: number) => void turns.next().then(() => begun.push(n));
  const turn = async () => {
    ends.shift()?.();
    await new Promise((resolve) => setTimeout(resolve));
  };
  return { turns, begun, begin, turn, ends };
}

Deno.test("so many begin in a turn, the rest in later ones and in order", async () => {
  const { turns, begun, begin, turn, ends } = subject(3);
  for (let n = 0; n < 8; n++) begin(n);
  await Promise.resolve();
  assert.deepEqual(begun, [0, 1, 2], "at once");
  assert.equal(turns.waiting, 5);
  await turn();
  assert.deepEqual(begun, [0, 1, 2, 3, 4, 5]);
  begin(8);
  await turn();
  assert.deepEqual(begun, [0, 1, 2, 3, 4, 5, 6, 7, 8], "who comes later is behind");
  await turn();
  assert.equal(ends.length, 0, "nobody waits: no more turns");
  begin(9);
  await Promise.resolve();
  assert.deepEqual(begun.at(-1), 9);
});

Deno.test("turns go on when the other thread fails", async () => {
  const turns = new PerTurn(1, () => Promise.reject(new Error("no thread")));
  await Promise.all([turns.next(), turns.next(), turns.next()]);
  assert.equal(turns.waiting, 0);
});
