import assert from "node:assert/strict";
import { SingleFlight } from "./single_flight.ts";

Deno.test("a SingleFlight runs keys beside each other, and of each key one action", async () => {
  const failed: string[] = [];
  const flights = new SingleFlight((key, error) => failed.push(`${key}: ${error}`));
  const { promise: slow, resolve } = Promise.withResolvers<void>();
  const done: string[] = [];
  const note = (name: string, wait = Promise.resolve()) => async () => {
    await wait;
    done.push(name);
  };
  flights.run("a", note("slow", slow));
  flights.run("a", note("skipped"));
  flights.run("b", note("fast"));
  flights.run("c", () => Promise.reject(new Error("it is told of")));
  await new Promise((resolve) => setTimeout(resolve));
  assert.deepEqual(done, ["fast"]);
  assert.deepEqual(failed, ["c: Error: it is told of"]);
  resolve();
  await flights.idle();
  flights.run("a", note("again"));
  await flights.idle();
  assert.deepEqual(done, ["fast", "slow", "again"]);
});
