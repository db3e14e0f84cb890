import assert from "node:assert/strict";
import { until } from "../../../tests/harness/command.ts";
import { libc } from "../libc.ts";
import { reap } from "./reap.ts";

/** A child that Deno doesn't know of, as after the program has begun again. */
async function child(script: string): Promise<number> {
  const started = new Deno.Command("sh", {
    // Not before its parent is gone, which would ask for its end.
    args: ["-c", `(while kill -0 $$ 2> /dev/null; do :; done; ${script}) > /dev/null & echo $!`],
    stdout: "piped",
    stderr: "null",
  });
  return Number(new TextDecoder().decode((await started.output()).stdout));
}

Deno.test("a child's end is told once, and that of a stranger never", async () => {
  // What has lost its parent is this process's child from then on (prctl(2), PR_SET_CHILD_SUBREAPER).
  assert.equal(libc().prctl(36, 1n, 0n, 0n, 0n), 0);
  try {
    for (
      const [script, wanted] of [
        ["exit 3", { code: 3, signal: null }],
        ["exit 0", { code: 0, signal: null }],
        ["kill -9 $(exec sh -c 'echo $PPID')", { code: 137, signal: "SIGKILL" }],
      ] as const
    ) {
      const pid = await child(script);
      assert.deepEqual(await until(`${script} has ended`, () => reap(pid)), wanted);
      assert.equal(reap(pid), undefined);
    }
    const running = await child("exec sleep 100");
    assert.equal(reap(running), undefined);
    Deno.kill(running, "SIGTERM");
    assert.equal((await until("it has ended", () => reap(running))).signal, "SIGTERM");
  } finally {
    libc().prctl(36, 0n, 0n, 0n, 0n);
  }
  assert.equal(reap(1), undefined);
});
