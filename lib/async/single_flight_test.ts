import assert from "node:assert/strict";
import { Lanes } from "./single_flight.ts";

Deno.test("Lanes run beside each other, and each does one thing at a time", async () => {
  const lanes = new Lanes();
  const { promise: slow, resolve } = Promise.withResolvers<void>();
  const done: string[] = [];
  const note = (name: string, wait = Promise.resolve()) => async () => {
    await wait;
    done.push(name);
  };
  lanes.run("a", note("slow", slow));
  lanes.run("a", note("skipped"));
  lanes.run("b", note("fast"));
  lanes.run("c", () => Promise.reject(new Error("it is logged")));
  await new Promise((resolve) => setTimeout(resolve));
  assert.deepEqual(done, ["fast"]);
  resolve();
  await lanes.idle();
  lanes.run("a", note("again"));
  await lanes.idle();
  assert.deepEqual(done, ["fast", "slow", "again"]);
});
