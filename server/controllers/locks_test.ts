import assert from "node:assert/strict";
import { type Held, Locks } from "./locks.ts";
import { Working } from "./working.ts";

/** Needs the lock of a container, and says which. */
const needing = (held: Held<"container">) => Promise.resolve(`${held.lock} ${held.id}`);

Deno.test("A lock is held by one at a time, and each lock of an object by itself", async () => {
  const working = new Working();
  const locks = new Locks(working);
  const gate = Promise.withResolvers<void>();
  const done: string[] = [];
  const first = locks.container("c", async (held) => {
    await gate.promise;
    done.push(await needing(held));
  });
  const second = locks.container("c", () => Promise.resolve(void done.push("second")));
  await locks.container("d", () => Promise.resolve(void done.push("other object")));
  await locks.networkName("c", () => Promise.resolve(void done.push("other lock")));
  assert.ok(working.has("c"), "who waits in line is at work, too");
  gate.resolve();
  await Promise.all([first, second]);
  assert.deepEqual(done, ["other object", "other lock", "container c", "second"]);
  assert.ok(!working.has("c"));
});

Deno.test("A failure lets the next one go on, and is its caller's", async () => {
  const locks = new Locks(new Working());
  const failing = locks.service("s", () => Promise.reject(new Error("on purpose")));
  const next = locks.service("s", (held) => Promise.resolve(held.id));
  await assert.rejects(failing, /on purpose/);
  assert.equal(await next, "s");
});

Deno.test("Names of networks differ by more than case", async () => {
  const locks = new Locks(new Working());
  const done: string[] = [];
  const first = Promise.withResolvers<void>();
  const both = [
    locks.networkName("Net", () => first.promise.then(() => void done.push("first"))),
    locks.networkName("net", () => Promise.resolve(void done.push("second"))),
  ];
  first.resolve();
  await Promise.all(both);
  assert.deepEqual(done, ["first", "second"]);
});
