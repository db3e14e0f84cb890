import assert from "node:assert/strict";
import { Turns } from "./turns.ts";

const bounds = { total: 100, most: 20, least: 2, waiting: 10, patience: 50 };

function taken(turns: Turns, who: string): Disposable {
  const turn = turns.take(who);
  assert.ok(turn && Symbol.dispose in turn, `${who} has to wait`);
  return turn;
}

Deno.test("Turns gives one asker his most, lets some wait, and refuses the rest", async () => {
  const turns = new Turns(bounds);
  const mine = Array.from({ length: 20 }, () => taken(turns, "a"));
  const waiting = Array.from({ length: 10 }, () => turns.take("a"));
  assert.ok(waiting.every((turn) => turn instanceof Promise));
  assert.equal(turns.take("a"), undefined);
  mine[0]![Symbol.dispose]();
  mine[0]![Symbol.dispose]();
  const [first, ...rest] = await Promise.all(waiting);
  assert.ok(first, "the first who waits goes on");
  assert.deepEqual(rest, Array(9).fill(undefined), "the others waited long enough");
  assert.equal(turns.size, 20);
});

Deno.test("Turns has room for a newcomer whatever others have under way", async () => {
  const turns = new Turns(bounds);
  const hogs = Array.from({ length: 30 }, (_, i) => `hog${i}`);
  const late = hogs.flatMap((hog) => Array.from({ length: 20 }, () => turns.take(hog)))
    .filter((turn) => turn instanceof Promise);
  const most = 2 * bounds.total + hogs.length * bounds.least;
  assert.ok(turns.size <= most, `${turns.size} under way`);
  for (let i = 0; i < bounds.least; i++) taken(turns, "newcomer");
  assert.deepEqual(new Set(await Promise.all(late)), new Set([undefined]));
});

Deno.test("Turns serves those who wait one of each", async () => {
  const turns = new Turns({ ...bounds, total: 4, most: 4, patience: 1000 });
  const held = Array.from({ length: 4 }, () => taken(turns, "a"));
  const order: string[] = [];
  const wait = async (who: string) => {
    const turn = await turns.take(who);
    assert.ok(turn, "nobody waits in vain");
    order.push(who);
    held.push(turn);
  };
  const all = [..."aaabbbbb"].map(wait);
  while (held.length > 0) {
    held.shift()![Symbol.dispose]();
    await new Promise((resolve) => setTimeout(resolve));
  }
  await Promise.all(all);
  assert.equal(order.length, 8);
  assert.equal(order[0], "b", "who had all the turns waits until the other has his share");
  let lead = 0;
  for (const who of order) {
    lead += who === "b" ? 1 : -1;
    assert.ok(Math.abs(lead) <= 2, order.join(""));
  }
});
