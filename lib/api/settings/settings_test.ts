import assert from "node:assert/strict";
import { BY_NAME, DEFAULT_SETTINGS, type Setting, SETTINGS } from "./settings.ts";

const all = Object.values<Setting>(SETTINGS);

Deno.test("every default has the form that its own setting asks for", () => {
  for (const setting of all) {
    if (setting.default === undefined) continue;
    assert.deepEqual(setting.kind.read(setting.default), setting.default, setting.name);
  }
  assert.deepEqual(DEFAULT_SETTINGS.hosts, ["unix:///run/netsvc.sock"]);
  assert.equal("dockerPlugin" in DEFAULT_SETTINGS, false);
});

Deno.test("names are unique, and what takes a value says how it is called", () => {
  assert.equal(BY_NAME.size, all.length);
  for (const { name, help, kind, placeholder } of all) {
    assert.match(name, /^[a-z]+(-[a-z]+)*$/);
    if (help !== undefined) assert.equal(placeholder === undefined, kind.value === "none", name);
  }
});

const CASES: [name: string, given: unknown, read: unknown][] = [
  ["overlay-port", "4790", 4790],
  ["overlay-port", 4790, 4790],
  ["overlay-port", 0, undefined],
  ["overlay-port", "65536", undefined],
  ["overlay-port", "4790.5", undefined],
  ["lease-ttl", 1, undefined],
  ["dns-ttl", "", undefined],
  ["dns-ttl", -1, undefined],
  ["dns-ttl", 0, 0],
  ["state-dir", "/x//", "/x"],
  ["state-dir", "/", "/"],
  ["state-dir", "x", undefined],
  ["plugin-dir", ["/a/", "/b"], ["/a", "/b"]],
  ["plugin-dir", "/a", ["/a"]],
  ["plugin-dir", ["/a", "b"], undefined],
  ["host", "unix:///x", ["unix:///x"]],
  ["host", [1], undefined],
  ["insecure", "true", undefined],
  ["insecure", true, true],
  ["docker-plugin", true, "/run/docker/plugins/netsvc.sock"],
  ["docker-plugin", "/run/x.sock", "/run/x.sock"],
  ["docker-plugin", "/x.sock", undefined],
  ["docker-plugin", "x.sock", undefined],
  ["log-level", "warning", undefined],
  ["log-level", "warn", "warn"],
  ["host-name", "a b", undefined],
  ["kv-store", "", undefined],
  ["tls-cert", 7, undefined],
];

Deno.test("values of a file and of the command line are read alike, and refused", async (t) => {
  for (const [name, given, read] of CASES) {
    await t.step(`${name}: ${JSON.stringify(given)}`, () => {
      assert.deepEqual(BY_NAME.get(name)!.setting.kind.read(given), read);
    });
  }
});
