import assert from "node:assert/strict";
import type { OwnContainer } from "../../../model/container.ts";
import { parseRestart, restartPause, restartText, wantsRestart } from "./restart_policy.ts";

function exited(restart: string, rest: Partial<OwnContainer> = {}): OwnContainer {
  const policy = parseRestart(restart);
  return {
    kind: "own",
    ...{
      id: "c",
      created: "",
      hostname: "c",
      networkMode: "networks",
      ports: [],
      autoRemove: false,
    },
    state: "exited",
    process: { command: ["true"] },
    ...policy && { restart: policy },
    ...rest,
  };
}

Deno.test("parseRestart() reads Docker's policies, and nothing else", () => {
  assert.equal(parseRestart("no"), undefined);
  for (const text of ["always", "unless-stopped", "on-failure", "on-failure:3"]) {
    assert.equal(restartText(parseRestart(text)!), text);
  }
  assert.equal(
    restartText(parseRestart("on-failure:0")!),
    "on-failure",
    "0 is no limit, as Docker's",
  );
  for (
    const text of ["Always", "on-failure:", "on-failure:-1", "on-failure:x", "always:3", "true"]
  ) {
    assert.throws(() => parseRestart(text), { code: "invalid", message: /use no, always, unless/ });
  }
});

Deno.test("wantsRestart() goes by policy, exit status and who stopped it", () => {
  const cases: [string, Partial<OwnContainer>, now: boolean, atBoot: boolean][] = [
    ["no", { exitCode: 1 }, false, false],
    ["always", { exitCode: 0 }, true, true],
    ["always", { exitCode: 0, stopped: true }, false, true],
    ["unless-stopped", { exitCode: 0 }, true, true],
    ["unless-stopped", { exitCode: 137, stopped: true }, false, false],
    ["on-failure", { exitCode: 0 }, false, false],
    ["on-failure", { exitCode: 3 }, true, true],
    ["on-failure", {}, true, true],
    ["on-failure", { exitCode: 137, stopped: true }, false, false],
    ["on-failure:2", { exitCode: 1, restarts: 1 }, true, true],
    ["on-failure:2", { exitCode: 1, restarts: 2 }, false, false],
    ["always", { state: "running" }, false, false],
    ["always", { removing: true }, false, false],
  ];
  for (const [policy, rest, now, boot] of cases) {
    const record = exited(policy, rest);
    assert.equal(wantsRestart(record), now, `${policy} ${JSON.stringify(rest)}`);
    assert.equal(wantsRestart(record, true), boot, `${policy} ${JSON.stringify(rest)} at boot`);
  }
});

Deno.test("restartPause() doubles up to a minute, and begins again for who was well", () => {
  assert.deepEqual([0, 1, 2, 3].map((n) => restartPause(n, 50)), [100, 200, 400, 800]);
  assert.equal(restartPause(1000, 50), 60_000);
  assert.equal(restartPause(1000, 10_000), 100);
});
