import assert from "node:assert/strict";
import { apiOf } from "../../tests/harness/app.ts";
import { isAllowedHost } from "./guard.ts";

Deno.test("a host is this daemon's by address, as localhost, or by a name that it has", () => {
  for (const host of ["localhost", "localhost:80", "127.0.0.1:2380", "[::1]:80", "VM.example"]) {
    assert.ok(isAllowedHost(host, ["vm.example"]), host);
  }
  for (const host of [undefined, "", "evil.example", "1.2.3.4.evil.example", "vm.example.evil"]) {
    assert.ok(!isAllowedHost(host, ["vm.example"]), `${host}`);
  }
});

Deno.test("browser pages are refused, on a unix socket, too", async () => {
  const ask = apiOf({});
  const pages: Record<string, string>[] = [
    { origin: "http://evil.example" },
    { "sec-fetch-site": "cross-site" },
    { host: "evil.example" },
  ];
  for (const headers of pages) {
    const { status, body } = await ask("GET", "/healthz", undefined, headers);
    assert.deepEqual([status, body.code], [403, "forbidden"], JSON.stringify(headers));
  }
  // What clients of unix sockets write there.
  for (const host of ["docker", "%2Frun%2Fnetsvc.sock", "netsvc"]) {
    assert.equal((await ask("GET", "/healthz", undefined, { host })).status, 200, host);
  }
});

Deno.test("one of the tokens is demanded where there are some", async () => {
  const ask = apiOf({}, { hosts: [], tokens: () => ["first-token-of-all", "second-token"] });
  const status = async (authorization?: string) =>
    (await ask("GET", "/healthz", undefined, authorization ? { authorization } : {})).status;
  assert.equal(await status(), 401);
  assert.equal(await status("Bearer first-token-of-al"), 401);
  assert.equal(await status("Basic first-token-of-all"), 401);
  assert.equal(await status("Bearer first-token-of-all"), 200);
  assert.equal(await status("bearer second-token"), 200);
  const { headers } = await ask("GET", "/healthz");
  assert.equal(headers.get("www-authenticate"), "Bearer");
});
