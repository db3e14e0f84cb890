import assert from "node:assert/strict";
import { apiOf, noting } from "../../../tests/harness/app.ts";

const db = { name: "db" };

Deno.test("services are listed, all or of one network by whatever it is called", async () => {
  const { calls, controller } = noting({ list: [db] });
  const networks = noting({ find: { id: "N" } });
  const ask = apiOf({ services: controller, networks: networks.controller });
  assert.deepEqual((await ask("GET", "/services")).body, [db]);
  await ask("GET", "/services?network=foo");
  assert.deepEqual(calls, [["list", undefined], ["list", "N"]]);
  assert.deepEqual(networks.calls, [["find", "foo"]]);
});

Deno.test("services are published, shown, attached, detached and unpublished", async () => {
  const services = noting({ publish: db, info: db });
  const backends = noting({ attach: db, detach: db, unpublish: { name: "db", cut: [] } });
  const ask = apiOf({ services: services.controller, backends: backends.controller });
  const port = { port: 80, protocol: "tcp" };
  assert.equal((await ask("POST", "/services", { name: "db", ports: [port] })).status, 201);
  assert.equal((await ask("GET", "/services/db.foo")).status, 200);
  assert.equal((await ask("POST", "/services/db.foo/attach", { container: "web" })).status, 200);
  assert.equal((await ask("POST", "/services/db.foo/detach", { force: true })).status, 200);
  assert.equal((await ask("DELETE", "/services/db.foo?force=true")).status, 200);
  assert.deepEqual(services.calls, [["publish", { name: "db", ports: [port] }], [
    "info",
    "db.foo",
  ]]);
  assert.deepEqual(backends.calls, [
    ["attach", "db.foo", { container: "web" }],
    ["detach", "db.foo", { force: true }],
    ["unpublish", "db.foo", true],
  ]);
});

Deno.test("malformed services never come to a controller", async () => {
  const ask = apiOf({});
  for (
    const [path, body] of [
      ["/services", { name: "db", ports: [{ port: 0, protocol: "tcp" }] }],
      ["/services", { name: "db", ports: [{ port: 80, protocol: "sctp" }] }],
      ["/services/db/attach", {}],
      ["/services/db/attach", { container: "web", alias: [] }],
      ["/services/db/detach", { force: "yes" }],
    ] as const
  ) {
    const answer = await ask("POST", path, body);
    assert.deepEqual([answer.status, answer.body.code], [400, "invalid"], JSON.stringify(body));
  }
});
