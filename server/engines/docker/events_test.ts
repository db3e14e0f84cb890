import assert from "node:assert/strict";
import { readEvent } from "./events.ts";

const ID = "a".repeat(64);

Deno.test("readEvent() reads Docker's, Podman's API's and podman events' the same way", () => {
  const lines = [
    { Type: "container", Action: "start", Actor: { ID, Attributes: { name: "web" } } },
    { Type: "container", Status: "start", Actor: { ID, Attributes: { name: "web" } } },
    { Type: "container", Status: "start", ID, Name: "web" },
  ];
  for (const line of lines) {
    assert.deepEqual(readEvent(JSON.stringify(line)), { type: "start", id: ID, name: "web" });
  }
});

Deno.test("readEvent() takes all ends for one, and nothing else for anything", () => {
  const of = (Action: string) =>
    readEvent(JSON.stringify({ Type: "container", Action, Actor: { ID } }));
  for (const action of ["die", "died", "destroy", "remove"]) {
    assert.deepEqual(of(action), { type: "die", id: ID });
  }
  assert.deepEqual(of("rename"), { type: "rename", id: ID });
  for (const action of ["exec_start", "attach", "kill", ""]) assert.equal(of(action), undefined);
  const hostile = ["", "x", "null", "[]", '{"Type":"network","Action":"start"}'];
  hostile.push('{"Type":"container","Action":"start"}', '{"length":{"valueOf":1}}');
  for (const line of hostile) assert.equal(readEvent(line), undefined, line);
});
