import assert from "node:assert/strict";
import { Mutex } from "./mutex.ts";

Deno.test("a Mutex runs one action at a time, in order, and outlives failures", async () => {
  const mutex = new Mutex();
  const done: string[] = [];
  const gate = Promise.withResolvers<void>();
  const first = mutex.run(async () => {
    await gate.promise;
    done.push("first");
  });
  const second = mutex.run(() => {
    done.push("second");
    return Promise.reject(new Error("it fails"));
  });
  const third = mutex.run(() => Promise.resolve(done.push("third")));
  assert.deepEqual(done, []);
  gate.resolve();
  await first;
  await assert.rejects(second, /it fails/);
  await third;
  assert.deepEqual(done, ["first", "second", "third"]);
});

Deno.test("idle() waits for what is in line", async () => {
  const mutex = new Mutex();
  let done = false;
  mutex.run(async () => {
    await new Promise((resolve) => setTimeout(resolve));
    done = true;
  });
  await mutex.idle();
  assert.ok(done);
});
