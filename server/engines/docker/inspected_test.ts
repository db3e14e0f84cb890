import assert from "node:assert/strict";
import { fullHostname, readInspected, saysAmbiguous } from "./inspected.ts";

const ID = "a".repeat(64);
const plain = { Id: ID, Name: "/web", State: { Running: false, Pid: 0 } };

Deno.test("an answer is read as Go writes it: what is empty may be null or missing", () => {
  const read = readInspected("docker", {
    ...plain,
    Config: null,
    HostConfig: { PortBindings: null },
    NetworkSettings: null,
  });
  assert.equal(read.Name, "web");
  assert.equal(read.Config.Hostname, undefined);
  assert.equal(read.HostConfig.PortBindings, undefined);
});

Deno.test("an answer that makes no sense is the engine's fault, and ends nothing", () => {
  const wrong: unknown[] = [
    null,
    [],
    { ...plain, Id: "../../etc" },
    { ...plain, Id: ID.toUpperCase() },
    { ...plain, State: { Running: false, Pid: 1.5 } },
    { ...plain, State: { Running: "yes", Pid: 1 } },
    { ...plain, Name: { length: { valueOf: 1 } } },
  ];
  for (const value of wrong) {
    assert.throws(
      () => readInspected("docker", value),
      { code: "unavailable" },
      JSON.stringify(value),
    );
  }
});

Deno.test("a host name has its domain behind it; several containers are told in many words", () => {
  assert.equal(fullHostname("web", "example.org"), "web.example.org");
  assert.equal(fullHostname("web", ""), "web");
  for (const words of ["Multiple IDs found with provided prefix: a", "more than one result"]) {
    assert.equal(saysAmbiguous(words), true);
  }
});
