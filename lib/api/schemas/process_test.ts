import assert from "node:assert/strict";
import {
  ExecSpec,
  ExitedProcess,
  KillContainer,
  ProcessSpec,
  StartedProcess,
  StopContainer,
} from "./process.ts";

Deno.test("a command has a word at least, and none that execve(2) would cut short or refuse", () => {
  assert.ok(ProcessSpec.safeParse({ command: ["sh"] }).success);
  for (const command of [[], ["a\0b"], ["x".repeat(131_073)], "sh", [1]]) {
    assert.ok(!ProcessSpec.safeParse({ command }).success);
  }
  assert.ok(!ProcessSpec.safeParse({ command: ["sh"], env: { A: "x\0y" } }).success);
});

Deno.test("an exec takes no root and no privileges of its own", () => {
  for (const more of [{ rootfs: "/" }, { privileged: true }]) {
    assert.ok(!ExecSpec.safeParse({ command: ["sh"], ...more }).success);
  }
});

Deno.test("process 1, a negative one and one that Linux can't have are nobody's", () => {
  for (const pid of [1, 0, -1, 4_194_305, 2.5, "2"]) {
    assert.ok(!StartedProcess.safeParse({ pid }).success, String(pid));
  }
  assert.ok(StartedProcess.safeParse({ pid: 2 }).success);
  assert.ok(!KillContainer.safeParse({ signal: "TERM", pid: 1 }).success);
});

Deno.test("a status has a byte, a signal a name, a stop an end", () => {
  for (const exitCode of [-1, 256]) assert.ok(!ExitedProcess.safeParse({ exitCode }).success);
  assert.ok(StopContainer.safeParse({ signal: "TERM", timeout: 0 }).success);
  for (const bad of [{ signal: "term; rm" }, { timeout: -1 }, { timeout: 1e9 }]) {
    assert.ok(!StopContainer.safeParse(bad).success, JSON.stringify(bad));
  }
});
