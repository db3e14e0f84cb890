import assert from "node:assert/strict";
import { apiOf, noting } from "../../../tests/harness/app.ts";

const web = { name: "web" };
const CASES: [path: string, body: unknown, status: number, ...call: unknown[]][] = [
  ["launch", { terminal: true }, 200, "launch", "web", { terminal: true }],
  ["start", undefined, 200, "start", "web"],
  ["stop", undefined, 200, "stop", "web", {}],
  ["stop", { signal: "SIGINT", timeout: 3 }, 200, "stop", "web", { signal: "SIGINT", timeout: 3 }],
  ["restart", undefined, 200, "restart", "web", {}],
  ["restart", { timeout: 0 }, 200, "restart", "web", { timeout: 0 }],
  ["exec", { command: ["ls"] }, 200, "exec", "web", { command: ["ls"] }],
  ["started", { pid: 7 }, 200, "started", "web", 7],
  ["exited", { exitCode: 3 }, 204, "exited", "web", 3],
  ["kill", { signal: "SIGHUP" }, 204, "kill", "web", { signal: "SIGHUP" }],
  ["wait", undefined, 200, "wait", "web"],
];

Deno.test("a container's process is started, stopped and told of", async (t) => {
  for (const [path, body, status, ...call] of CASES) {
    await t.step(path, async () => {
      const { calls, controller } = noting({ [call[0] as string]: web });
      const ask = apiOf({ processes: controller });
      const answer = await ask("POST", `/containers/web/${path}`, body);
      assert.equal(answer.status, status);
      assert.deepEqual(calls, [call]);
    });
  }
});

const REFUSED: [path: string, body: unknown][] = [
  ["started", { pid: 1 }],
  ["started", { pid: 4_194_305 }],
  ["exited", { exitCode: 256 }],
  ["kill", {}],
  ["kill", { signal: "SIGHUP", depth: 9 }],
  ["stop", { timeout: 86_401 }],
  ["exec", { command: [] }],
  ["exec", { command: ["ls"], rootfs: "/" }],
];

Deno.test("malformed bodies never come to a controller", async (t) => {
  const ask = apiOf({});
  for (const [path, body] of REFUSED) {
    await t.step(`${path} ${JSON.stringify(body)}`, async () => {
      const answer = await ask("POST", `/containers/web/${path}`, body);
      assert.deepEqual([answer.status, answer.body.code], [400, "invalid"]);
    });
  }
});

Deno.test("output comes as it was written, as much of it as is asked for", async () => {
  const output = () => new Response("said\n").body!;
  const seen: Record<string, unknown>[] = [];
  const ask = apiOf({
    processes: {
      log: (ref: string, { signal, ...options }: { signal: AbortSignal }) => {
        assert.ok(signal instanceof AbortSignal);
        seen.push({ ref, ...options });
        return output();
      },
    },
  });
  const { body, headers } = await ask("GET", "/containers/web/logs");
  assert.deepEqual([body, headers.get("content-type")], ["said\n", "text/plain; charset=utf-8"]);
  await ask("GET", "/containers/web/logs?follow=true&timestamps=true&tail=7&since=1000");
  await ask("GET", "/containers/web/logs?tail=all");
  const plain = { ref: "web", follow: false, timestamps: false };
  assert.deepEqual(seen, [
    plain,
    { ref: "web", follow: true, timestamps: true, tail: 7, since: 1000 },
    plain,
  ]);
  for (const query of ["tail=-1", "tail=x", "since=-1", "since=soon", "follow=1"]) {
    assert.equal((await ask("GET", `/containers/web/logs?${query}`)).status, 400, query);
  }
});
