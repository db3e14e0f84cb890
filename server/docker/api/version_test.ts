import assert from "node:assert/strict";
import {
  checkVersion,
  compareVersions,
  MAX_VERSION,
  MIN_VERSION,
  splitVersion,
} from "./version.ts";

Deno.test("versions are compared as numbers, not as text", () => {
  assert.ok(compareVersions("1.9", "1.24") < 0);
  assert.ok(compareVersions("2.0", "1.99") > 0);
  assert.equal(compareVersions("1.43", "1.43"), 0);
});

Deno.test("a path is what is behind its version", () => {
  assert.deepEqual(splitVersion("/v1.43/networks/x"), { version: "1.43", path: "/networks/x" });
  for (const path of ["/networks", "/v1.43", "/v1/networks", "/vx.1/y"]) {
    assert.deepEqual(splitVersion(path), { path });
  }
});

Deno.test("what isn't spoken is refused in Docker's words", () => {
  checkVersion(MAX_VERSION);
  checkVersion(MIN_VERSION);
  assert.throws(() => checkVersion("1.999"), /client version 1.999 is too new/);
  assert.throws(() => checkVersion("1.23"), /client version 1.23 is too old.*please upgrade/);
});
