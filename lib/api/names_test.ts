import assert from "node:assert/strict";
import {
  checkAlias,
  checkName,
  dnsName,
  hostedName,
  isIdPrefix,
  shortId,
  splitServiceReference,
} from "./names.ts";

Deno.test("a name is a label of DNS, and nothing that another tool could take for something else", () => {
  for (const name of ["a", "_x", "9", "Web-1", "a".repeat(63)]) {
    assert.equal(checkName("n", name), name);
  }
  for (const name of ["-a", "a b", "a.b", "a/b", "ä", "a\n", "a;b", "..", "a".repeat(64), ""]) {
    assert.throws(() => checkName("network", name), { code: "invalid" }, JSON.stringify(name));
  }
  assert.throws(() => checkName("network", "-a"), /Invalid network name "-a"/);
});

Deno.test("an alias may have dots between names, and no empty one", () => {
  for (const alias of ["db", "db.example.org", "a.b.c"]) assert.equal(checkAlias(alias), alias);
  for (
    const alias of [
      "",
      ".",
      "a.",
      ".a",
      "a..b",
      "-a.b",
      "a.-b",
      `${"a".repeat(64)}.b`,
      "a.".repeat(127) + "a",
    ]
  ) {
    assert.throws(() => checkAlias(alias), { code: "invalid" }, alias);
  }
});

Deno.test("names of other programs become names of DNS", () => {
  assert.equal(dnsName("/my.app_1"), "my-app_1");
  assert.equal(dnsName("x".repeat(80)).length, 63);
  assert.equal(hostedName("web.1", "host-2"), "web-1-host-2");
  assert.ok(hostedName("w".repeat(80), "h".repeat(80)).length <= 63);
});

Deno.test("a reference is split at its last dot: aliases may have dots, networks none", () => {
  assert.deepEqual(splitServiceReference("web"), { service: "web" });
  assert.deepEqual(splitServiceReference("web.prod"), { service: "web", network: "prod" });
  assert.deepEqual(splitServiceReference("a.b.prod"), { service: "a.b", network: "prod" });
});

Deno.test("ids and their prefixes are lower-case hexadecimal", () => {
  assert.equal(isIdPrefix("0af"), true);
  for (const text of ["", "0AF", "g", "a".repeat(65)]) assert.equal(isIdPrefix(text), false, text);
  assert.equal(shortId("0123456789abcdef"), "0123456789ab");
});
