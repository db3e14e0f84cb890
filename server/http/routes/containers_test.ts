import assert from "node:assert/strict";
import { apiOf, noting } from "../../../tests/harness/app.ts";

const web = { name: "web" };

Deno.test("containers are listed, shown, renamed and removed", async () => {
  const { calls, controller } = noting({
    list: [web],
    info: web,
    rename: web,
  });
  const any = noting({ remove: { name: "web", cut: [] } });
  const ask = apiOf({ containers: controller, adopted: { any: any.controller } });
  assert.deepEqual((await ask("GET", "/containers")).body, [web]);
  assert.deepEqual((await ask("GET", "/containers/web")).body, web);
  assert.equal((await ask("DELETE", "/containers/web?force=true")).status, 200);
  assert.equal((await ask("POST", "/containers/web/rename", { name: "b" })).status, 200);
  assert.deepEqual(calls, [["list"], ["info", "web"], ["rename", "web", "b"]]);
  assert.deepEqual(any.calls, [["remove", "web", true]]);
});

Deno.test("a create that names an engine's container adopts that one", async () => {
  const containers = noting({ create: web });
  const engineRuns = noting({ create: web, expect: undefined });
  const ask = apiOf({ containers: containers.controller, engineRuns: engineRuns.controller });
  const own = { name: "web", process: { command: ["true"] } };
  const other = { foreign: "docker:web", publishServices: ["web.foo"] };
  assert.equal((await ask("POST", "/containers", own)).status, 201);
  assert.equal((await ask("POST", "/containers", other)).status, 201);
  const expected = await ask("POST", "/containers/expected", other);
  assert.deepEqual([expected.status, expected.body], [204, ""]);
  assert.deepEqual(containers.calls, [["create", own]]);
  assert.deepEqual(engineRuns.calls, [["create", "docker:web", other], ["expect", other]]);
});

Deno.test("malformed containers never come to a controller", async () => {
  const ask = apiOf({});
  const port = { hostPort: 1, containerPort: 80, protocol: "tcp" };
  for (
    const body of [
      { process: { command: [] } },
      { process: { command: ["a\0b"] } },
      { process: { command: ["a"], env: { A: "\0" } } },
      { ports: [{ ...port, hostIp: "nowhere" }] },
      { ports: [{ ...port, hostPort: 65536 }] },
      { stopSignal: "sig term" },
      { stopTimeout: -1 },
      { image: "nginx" },
    ]
  ) {
    const answer = await ask("POST", "/containers", body);
    assert.deepEqual([answer.status, answer.body.code], [400, "invalid"], JSON.stringify(body));
  }
});
