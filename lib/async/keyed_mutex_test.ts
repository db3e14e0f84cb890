import assert from "node:assert/strict";
import { KeyedMutex } from "./keyed_mutex.ts";

Deno.test("a KeyedMutex orders what is of one key, and nothing else", async () => {
  const mutex = new KeyedMutex();
  const done: string[] = [];
  const gate = Promise.withResolvers<void>();
  const first = mutex.run("a", async () => {
    await gate.promise;
    done.push("a1");
    throw new Error("it fails");
  });
  const second = mutex.run("a", () => Promise.resolve(done.push("a2")));
  await mutex.run("b", () => Promise.resolve(done.push("b")));
  assert.deepEqual(done, ["b"]);
  assert.ok(mutex.busy("a"));
  assert.ok(!mutex.busy("b"));
  gate.resolve();
  await assert.rejects(first, /it fails/);
  await second;
  assert.deepEqual(done, ["b", "a1", "a2"]);
  assert.ok(!mutex.busy("a"));
});

Deno.test("idle() of a KeyedMutex waits for one key, or for all", async () => {
  const mutex = new KeyedMutex();
  const done: string[] = [];
  const gates = ["a", "b"].map((key) => {
    const gate = Promise.withResolvers<void>();
    mutex.run(key, () => gate.promise.then(() => void done.push(key)));
    return gate;
  });
  gates[1]!.resolve();
  await mutex.idle("b");
  assert.deepEqual(done, ["b"]);
  gates[0]!.resolve();
  await mutex.idle();
  assert.deepEqual(done, ["b", "a"]);
});
