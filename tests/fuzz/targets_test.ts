import fc from "fast-check";
import { TARGETS } from "./targets.ts";

/** All of them together have ten seconds. */
const EACH_MS = 10_000 / TARGETS.length;

for (const { name, inputs, run } of TARGETS) {
  Deno.test(`fuzz: ${name}`, () => {
    fc.assert(fc.property(inputs, (input) => run(input as never)), {
      numRuns: 1_000_000,
      interruptAfterTimeLimit: EACH_MS,
      markInterruptAsFailure: false,
    });
  });
}
