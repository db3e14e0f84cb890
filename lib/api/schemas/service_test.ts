import assert from "node:assert/strict";
import { LinkAlias, PublishService, ServicePort } from "./service.ts";

Deno.test("a service's port may have a name, and has a number and a protocol", () => {
  assert.ok(ServicePort.safeParse({ port: 80, protocol: "tcp", name: "http" }).success);
  for (
    const bad of [{ port: 0 }, { port: 65536 }, { protocol: "TCP" }, { name: "" }, { extra: 1 }]
  ) {
    assert.ok(
      !ServicePort.safeParse({ port: 80, protocol: "tcp", ...bad }).success,
      JSON.stringify(bad),
    );
  }
});

Deno.test("a publication is bounded, and unknown fields are refused", () => {
  assert.ok(PublishService.safeParse({ name: "web", ips: ["10.0.0.2"] }).success);
  assert.ok(!PublishService.safeParse({ name: "web", alias: ["x"] }).success);
  assert.ok(!PublishService.safeParse({ name: "x".repeat(1025) }).success);
  assert.ok(!LinkAlias.safeParse({ service: "a" }).success);
});
