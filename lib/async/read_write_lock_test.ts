import assert from "node:assert/strict";
import { ReadWriteLock } from "./read_write_lock.ts";

const turn = () => new Promise((resolve) => setTimeout(resolve));

/** Actions that are under way until they are told to end. */
function actions() {
  const running = new Set<string>();
  const ends = new Map<string, PromiseWithResolvers<void>>();
  const begin = (name: string) => async () => {
    running.add(name);
    const end = Promise.withResolvers<void>();
    ends.set(name, end);
    await end.promise;
    running.delete(name);
  };
  const end = async (name: string) => {
    ends.get(name)!.resolve();
    await turn();
  };
  return { begin, end, running: () => [...running].sort() };
}

Deno.test("shared actions run side by side, exclusive ones alone, in the order of coming", async () => {
  const lock = new ReadWriteLock();
  const { begin, end, running } = actions();
  const all = [
    lock.shared(begin("r1")),
    lock.shared(begin("r2")),
    lock.exclusive(begin("w1")),
    lock.shared(begin("r3")),
    lock.exclusive(begin("w2")),
  ];
  await turn();
  assert.deepEqual(running(), ["r1", "r2"]);
  await end("r1");
  assert.deepEqual(running(), ["r2"]);
  await end("r2");
  assert.deepEqual(running(), ["w1"]);
  await end("w1");
  assert.deepEqual(running(), ["r3"]);
  await end("r3");
  assert.deepEqual(running(), ["w2"]);
  await end("w2");
  await Promise.all(all);
});

Deno.test("what fails lets the next go on", async () => {
  const lock = new ReadWriteLock();
  await assert.rejects(lock.exclusive(() => Promise.reject(new Error("w"))), /w/);
  await assert.rejects(lock.shared(() => Promise.reject(new Error("r"))), /r/);
  assert.equal(await lock.exclusive(() => Promise.resolve(1)), 1);
  assert.equal(await lock.shared(() => Promise.resolve(2)), 2);
});
