/**
 * netsvc's daemon with an eye on its event loop: a timer of a millisecond notes how long each of its turns was, and how
 * much of that was the thread's own processor time. SIGUSR1 begins, SIGUSR2 writes the turns to the file named by
 * `NETSVC_WATCH`.
 *
 * @module
 */
import type { Turn } from "./turns.ts";

/** Of clock_gettime(2): processor time of the calling thread. */
const CLOCK_THREAD_CPUTIME_ID = 3;
/** Turns below this aren't noted, in milliseconds. */
const LEAST_MS = 2;

const { clock_gettime } = Deno.dlopen("libc.so.6", {
  clock_gettime: { parameters: ["i32", "buffer"], result: "i32" },
}).symbols;
const time = new BigInt64Array(2);

/** Processor time of this thread so far, in milliseconds. */
function processor(): number {
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, time);
  return Number(time[0]) * 1000 + Number(time[1]) / 1e6;
}

const file = Deno.env.get("NETSVC_WATCH")!;
let turns: Turn[] = [];
let last = performance.now(), used = processor();
setInterval(() => {
  const now = performance.now(), cpu = processor();
  if (now - last >= LEAST_MS) turns.push({ ms: now - last, processor: cpu - used, at: last });
  [last, used] = [now, cpu];
}, 1);
Deno.addSignalListener("SIGUSR1", () => turns = []);
Deno.addSignalListener("SIGUSR2", () => {
  Deno.writeTextFileSync(`${file}.new`, JSON.stringify(turns));
  Deno.renameSync(`${file}.new`, file);
});

await import("../../main.ts");
