import assert from "node:assert/strict";
import { until } from "../../../tests/harness/command.ts";
import { holdProcess } from "./hold.ts";

/** A process that writes a line every few milliseconds. */
async function ticker(): Promise<{ child: Deno.ChildProcess; lines: () => number; file: string }> {
  const file = await Deno.makeTempFile({ prefix: "netsvc-test-" });
  const script = 'while :; do echo x >> "$1"; sleep 0.01; done';
  const child = new Deno.Command("sh", { args: ["-c", script, "sh", file], stdin: "null" }).spawn();
  return { child, file, lines: () => Deno.readTextFileSync(file).length };
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

Deno.test("holdProcess() holds, releases, and lets go by itself after its time", async () => {
  const { child, lines, file } = await ticker();
  try {
    await until("it runs", () => lines() > 2);
    const release = holdProcess(child.pid, 10_000);
    await pause(50);
    const held = lines();
    await pause(200);
    assert.equal(lines(), held);
    await release();
    await release();
    await until("it goes on", () => lines() > held);
    holdProcess(child.pid, 50);
    await pause(200);
    const later = lines();
    await until("it goes on by itself", () => lines() > later);
  } finally {
    child.kill("SIGKILL");
    await child.status;
    await Deno.remove(file);
  }
});

Deno.test("holdProcess() loses no signal, and hides no end from its parent", async () => {
  const { child, lines, file } = await ticker();
  await until("it runs", () => lines() > 2);
  const release = holdProcess(child.pid, 10_000);
  child.kill("SIGTERM");
  await pause(50);
  await release();
  assert.equal((await child.status).signal, "SIGTERM");
  // Gone, or never there: nothing to hold.
  await holdProcess(child.pid, 1000)();
  await Deno.remove(file);

  const second = await ticker();
  const dead = holdProcess(second.child.pid, 10_000);
  second.child.kill("SIGKILL");
  await pause(50);
  await dead();
  assert.equal((await second.child.status).signal, "SIGKILL");
  await Deno.remove(second.file);
});
