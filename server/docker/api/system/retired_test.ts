import assert from "node:assert/strict";
import { checkRetired } from "./retired.ts";

const DENO = "Deno/2.7.14", CURL = "curl/7.88.1";
const told = /under \/netsvc\/v1 now.*as new as its daemon/;

Deno.test("checkRetired() tells whoever asks for what only netsvc had", () => {
  for (
    const request of [
      "POST /networks",
      "DELETE /networks/foo?force=false",
      "GET /containers",
      "POST /containers",
      "GET /containers/web",
      "POST /containers/expected",
      "POST /containers/web/exited",
      "POST /services",
      "POST /services/web.foo/attach",
      "GET /hosts",
      "DELETE /hosts/one",
      "GET /doctor",
    ]
  ) {
    const [method, target] = request.split(" ") as [string, string];
    for (const agent of [DENO, CURL, ""]) {
      assert.throws(() => checkRetired(method, target, agent), told, request);
    }
  }
});

Deno.test("checkRetired() tells netsvc's clients of then, and nobody else, about what Docker has", () => {
  for (
    const request of [
      "GET /networks",
      "GET /networks/foo",
      "GET /services?network=foo",
      "DELETE /containers/web?force=true",
      "POST /containers/web/start",
      "GET /version",
      "GET /events",
    ]
  ) {
    const [method, target] = request.split(" ") as [string, string];
    assert.throws(() => checkRetired(method, target, DENO), told, request);
    for (const agent of [CURL, "", "axios/1.7", "Docker-Client/28.2.2 (linux)"]) {
      checkRetired(method, target, agent);
    }
  }
});

Deno.test("checkRetired() lets pass what netsvc never had", () => {
  for (
    const request of [
      "GET /containers/json",
      "GET /containers/json?all=1",
      "GET /containers/web/json",
      "POST /containers/create?name=web",
      "POST /networks/create",
      "POST /networks/prune",
      "GET /networks?filters=%7B%7D",
      "DELETE /networks/foo",
      "DELETE /containers/web?force=1",
      "DELETE /containers/web?v=false&force=true",
      "POST /services/create",
      "GET /events?since=1",
      "GET /info",
      "GET /_ping",
    ]
  ) {
    const [method, target] = request.split(" ") as [string, string];
    for (const agent of [DENO, CURL]) checkRetired(method, target, agent);
  }
});
