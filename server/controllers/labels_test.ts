import assert from "node:assert/strict";
import { containerLabel, inCase, nameList } from "./labels.ts";

Deno.test("nameList() counts, and shows ten", () => {
  assert.equal(nameList("service", ["db"]), "1 service: db");
  assert.equal(nameList("service", ["db", "web"]), "2 services: db, web");
  const many = Array.from({ length: 12 }, (_, i) => `s${i}`);
  assert.match(nameList("service", many), /^12 services: s0, .*s9, …$/);
});

Deno.test("inCase() tells how it is written only where that differs", () => {
  assert.equal(inCase("web", "Web"), ' as "Web"');
  assert.equal(inCase("web", "web"), "");
  assert.equal(inCase("web", undefined), "");
});

Deno.test("containerLabel() prefers the name", () => {
  assert.equal(containerLabel({ id: "ab".repeat(32), name: "web" }), "web");
  assert.equal(containerLabel({ id: "ab".repeat(32) }), "ab".repeat(6));
});
