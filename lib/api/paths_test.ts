import assert from "node:assert/strict";
import { API_PREFIX, ownPath } from "./paths.ts";

Deno.test("what is under the prefix is netsvc's, as is what monitoring looks for at the top", () => {
  assert.equal(ownPath("/healthz"), `${API_PREFIX}/healthz`);
  assert.equal(ownPath(`${API_PREFIX}/networks`), `${API_PREFIX}/networks`);
  assert.equal(ownPath("/netsvc"), "/netsvc");
});

Deno.test("all else is Docker's, whatever it looks like", () => {
  for (const path of ["/", "/networks", "/v1.43/networks", "/netsvcx", "/healthz/", "/_ping"]) {
    assert.equal(ownPath(path), undefined, path);
  }
});
