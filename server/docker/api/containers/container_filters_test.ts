import assert from "node:assert/strict";
import { fitsContainer, splitContainerFilters } from "./container_filters.ts";
import type { ShownContainer } from "./container_shape.ts";

const path = (filters: unknown, more = "") =>
  `/containers/json?filters=${encodeURIComponent(JSON.stringify(filters))}${more}`;
const shown = (more: Record<string, unknown>) => more as unknown as ShownContainer;

Deno.test("what is the engine's own goes to it untouched", () => {
  const own = path({ status: ["running"] });
  assert.deepEqual(splitContainerFilters(own), { path: own, filters: undefined });
});

Deno.test("networks and ports are taken out, and a limit counts what fits", () => {
  const { path: left, filters } = splitContainerFilters(
    path({ network: { prod: true, off: false }, name: ["a"] }, "&limit=2"),
  );
  assert.equal(new URL(left, "http://x").searchParams.get("filters"), `{"name":["a"]}`);
  assert.equal(new URL(left, "http://x").searchParams.get("all"), "1");
  assert.deepEqual(filters, { networks: ["prod"], publish: [], expose: [], limit: 2 });
});

Deno.test("a network fits by its name or the beginning of its id, a port by range and protocol", () => {
  const on = shown({ NetworkSettings: { Networks: { prod: { NetworkID: "abc1" } } } });
  const fits = (filters: Record<string, string[]>, container: ShownContainer) =>
    fitsContainer(splitContainerFilters(path(filters)).filters!)(container);
  assert.equal(fits({ network: ["prod"] }, on), true);
  assert.equal(fits({ network: ["abc"] }, on), true);
  assert.equal(fits({ network: ["pro"] }, on), false);
  assert.equal(fits({ network: [""] }, on), false);
  const port = shown({ Ports: [{ PrivatePort: 80, PublicPort: 8085, Type: "tcp" }] });
  assert.equal(fits({ publish: ["8080-8090"] }, port), true);
  assert.equal(fits({ publish: ["8080-8090/udp"] }, port), false);
  assert.equal(fits({ expose: ["80/tcp"] }, port), true);
});

Deno.test("what is no filter is refused", () => {
  assert.throws(() => splitContainerFilters("/containers/json?filters=[1]"), { code: "invalid" });
  assert.throws(() => splitContainerFilters(path({ publish: ["http"] })), /invalid port "http"/);
});
