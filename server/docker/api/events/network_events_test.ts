import assert from "node:assert/strict";
import type { NetsvcEvent } from "../../../../lib/api/types.ts";
import { fitsEvent, isEngineNetworkEvent, toDockerEvent } from "./network_events.ts";

const NET = { id: "ab".repeat(32), name: "my.net", driver: "bridge", scope: "local" };
const find = (reference: string) => [NET.id, "my-net"].includes(reference) ? NET : undefined;
const event = (
  type: NetsvcEvent["type"],
  action: NetsvcEvent["action"],
  attributes = {},
): NetsvcEvent => ({
  ...{ type, action, id: NET.id, name: "my-net", time: "2026-01-02T03:04:05.678Z", attributes },
});
const attach = event("service", "attach", { network: "my-net", container: "cd".repeat(32) });

Deno.test("toDockerEvent() tells of networks as Docker does", () => {
  assert.deepEqual(toDockerEvent(attach, find), {
    Type: "network",
    Action: "connect",
    Actor: {
      ID: NET.id,
      Attributes: { container: "cd".repeat(32), name: "my.net", type: "bridge" },
    },
    scope: "local",
    time: 1767323045,
    timeNano: 1767323045678000000,
  });
  const action = (event: NetsvcEvent) => toDockerEvent(event, find)?.Action;
  assert.equal(action(event("network", "create")), "create");
  assert.equal(action(event("service", "detach", { network: "my-net" })), "disconnect");
  assert.equal(action(event("service", "publish", { network: "my-net" })), undefined);
  assert.equal(action(event("container", "start")), undefined);
  assert.equal(action(event("service", "attach", { network: "gone" })), undefined);
  // One that is removed is known by what the event says.
  const removed = toDockerEvent(event("network", "remove", { driver: "x" }), () => undefined);
  assert.deepEqual(removed?.Actor.Attributes, { name: "my-net", type: "x" });
});

Deno.test("fitsEvent() goes by Docker's filters", () => {
  const told = toDockerEvent(attach, find)!;
  const fits = (...filters: [string, string[]][]) => fitsEvent(told, new Map(filters));
  assert.ok(fits());
  assert.ok(fits(["type", ["container", "network"]], ["event", ["connect"]]));
  assert.ok(fits(["network", ["my.net"]]));
  assert.ok(fits(["network", [NET.id.slice(0, 12)]]));
  assert.ok(fits(["container", ["cdcd"]]));
  assert.ok(fitsEvent(told, new Map([["container", ["web"]]]), "web"));
  assert.ok(!fits(["container", ["web"]]));
  assert.ok(!fits(["type", ["container"]]));
  assert.ok(!fits(["event", ["start"]]));
  assert.ok(!fits(["network", ["my"]]));
  assert.ok(!fits(["container", [""]]));
  assert.ok(!fits(["image", ["box"]]));
});

Deno.test("isEngineNetworkEvent() knows the engine's own", () => {
  assert.ok(isEngineNetworkEvent('{"Type":"network","Action":"connect"}'));
  for (const line of ['{"Type":"container"}', "", "{", "null", "[]"]) {
    assert.ok(!isEngineNetworkEvent(line), line);
  }
});
