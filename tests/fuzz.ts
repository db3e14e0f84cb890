/**
 * Fuzzes all that reads what others wrote, for as long as it is told, and says how many inputs each had:
 * `task fuzz --minutes 60`. What fails is shown with the seed and the path that show it again.
 *
 * @module
 */
import fc from "fast-check";
import { TARGETS } from "./fuzz/targets.ts";

/** Targets take turns of so long, in milliseconds. */
const TURN_MS = 5_000;

const at = Deno.args.indexOf("--minutes");
const minutes = at < 0 ? 1 : Number(Deno.args[at + 1]);
if (!(minutes > 0)) {
  console.error("Give a number of minutes: task fuzz --minutes 60");
  Deno.exit(2);
}
const end = Date.now() + minutes * 60_000;
const turn = Math.min(TURN_MS, (minutes * 60_000) / TARGETS.length);
const inputs = new Map(TARGETS.map(({ name }) => [name, 0]));
const found = new Set<string>();
while (Date.now() < end && found.size < TARGETS.length) {
  for (const { name, inputs: arbitrary, run } of TARGETS) {
    if (found.has(name)) continue;
    const result = fc.check(fc.property(arbitrary, (input) => run(input as never)), {
      numRuns: Number.MAX_SAFE_INTEGER,
      interruptAfterTimeLimit: turn,
      markInterruptAsFailure: false,
    });
    inputs.set(name, inputs.get(name)! + result.numRuns);
    if (!result.failed) continue;
    found.add(name);
    console.error(`${name}: ${fc.defaultReportMessage(result)}`);
  }
}
for (const [name, count] of inputs) {
  console.log(
    `${name}: ${count.toLocaleString("en")} inputs, ${found.has(name) ? "one fails" : "all well"}`,
  );
}
Deno.exit(found.size > 0 ? 1 : 0);
