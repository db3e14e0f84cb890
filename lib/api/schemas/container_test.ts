import assert from "node:assert/strict";
import { CreateContainer, PublishedPort } from "./container.ts";

const port = { hostPort: 80, containerPort: 80, protocol: "tcp" };

Deno.test("a port is one that TCP or UDP has, at an address of either family", () => {
  for (const hostIp of ["127.0.0.1", "::1"]) {
    assert.ok(PublishedPort.safeParse({ ...port, hostIp }).success);
  }
  for (
    const bad of [{ hostIp: "localhost" }, { hostPort: 65536 }, { containerPort: 0 }, {
      protocol: "sctp",
    }, { hostPort: 1.5 }]
  ) {
    assert.ok(!PublishedPort.safeParse({ ...port, ...bad }).success, JSON.stringify(bad));
  }
});

Deno.test("a misspelt field is an error, not silence; a list has an end", () => {
  assert.ok(!CreateContainer.safeParse({ nmae: "x" }).success);
  assert.ok(!CreateContainer.safeParse({ publishServices: Array(257).fill("a") }).success);
  assert.ok(CreateContainer.safeParse({}).success);
});

Deno.test("what is absent is absent, not undefined or null", () => {
  assert.ok(!CreateContainer.safeParse({ name: null }).success);
  assert.ok(!CreateContainer.safeParse({ name: undefined }).success);
});
