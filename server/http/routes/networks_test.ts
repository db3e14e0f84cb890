import assert from "node:assert/strict";
import { NetsvcError } from "../../../lib/api/errors.ts";
import { apiOf, noting } from "../../../tests/harness/app.ts";

const foo = { name: "foo" };

Deno.test("networks are listed, shown and created", async () => {
  const { calls, controller } = noting({
    listed: [foo],
    info: foo,
    create: Promise.resolve(foo),
    missing: ["Load the module"],
  });
  const ask = apiOf({ networks: controller });
  assert.deepEqual((await ask("GET", "/networks")).body, [foo]);
  assert.deepEqual((await ask("GET", "/networks/f%2Fo")).body, foo);
  const created = await ask("POST", "/networks", { name: "foo", subnets: ["10.0.0.0/24"] });
  assert.equal(created.status, 201);
  assert.deepEqual(created.body, { ...foo, warnings: ["Load the module"] });
  assert.deepEqual(calls, [
    ["listed"],
    ["info", "f/o"],
    ["create", { name: "foo", subnets: ["10.0.0.0/24"] }],
    ["missing", foo],
  ]);
});

Deno.test("a network without services to do says nothing of warnings", async () => {
  const { controller } = noting({ create: foo, missing: [] });
  const ask = apiOf({ networks: controller });
  assert.deepEqual((await ask("POST", "/networks", foo)).body, foo);
});

Deno.test("a removal unpublishes the services only by force", async () => {
  const removed = { name: "foo", cut: ["db.foo"] };
  const { calls, controller } = noting({ remove: removed });
  const backends = noting({ unpublish: undefined });
  const ask = apiOf({ networks: controller, backends: backends.controller });
  assert.deepEqual((await ask("DELETE", "/networks/foo")).body, removed);
  await ask("DELETE", "/networks/foo?force=false");
  await ask("DELETE", "/networks/foo?force=true");
  const given = calls.map(([, ref, options]) => [ref, options as { unpublish?: unknown }] as const);
  assert.deepEqual(given.map(([ref, { unpublish }]) => [ref, typeof unpublish]), [
    ["foo", "undefined"],
    ["foo", "undefined"],
    ["foo", "function"],
  ]);
  await (given[2]![1].unpublish as (service: string) => Promise<void>)("S");
  assert.deepEqual(backends.calls, [["unpublish", "S", true]]);
  assert.equal((await ask("DELETE", "/networks/foo?force=yes")).status, 400);
});

Deno.test("what a controller refuses is a problem; what no schema takes never comes there", async () => {
  const { calls, controller } = noting({
    info: new NetsvcError("not_found", `No such network: "x"`),
    create: foo,
  });
  const ask = apiOf({ networks: controller });
  const { status, body } = await ask("GET", "/networks/x");
  assert.equal(status, 404);
  assert.deepEqual([body.code, body.detail], ["not_found", `No such network: "x"`]);
  for (const wrong of [{}, { name: 1 }, { name: "foo", subnet: "x" }, { name: "x".repeat(1025) }]) {
    const { status, body } = await ask("POST", "/networks", wrong);
    assert.deepEqual([status, body.code], [400, "invalid"], JSON.stringify(wrong));
  }
  assert.deepEqual(calls, [["info", "x"]]);
});
