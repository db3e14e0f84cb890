import assert from "node:assert/strict";
import type { Pool } from "../../lib/api/types.ts";
import type { NetOp } from "../../lib/linux/net/ops.ts";
import type { Join, NetworkSpec } from "../driver.ts";
import { planAddress, planForward, planSandbox, planVeth, planVethState } from "./plan.ts";

const network = (pools: Pool[]): NetworkSpec => ({
  id: "a".repeat(64),
  name: "net",
  scope: "local",
  internal: false,
  ipv6: true,
  pools,
  options: {},
});

const join = (overrides: Partial<Join> = {}): Join => ({
  endpoint: { id: "b".repeat(64), mac: "02:00:00:00:00:01", addresses: ["10.0.0.2/24"] },
  sandbox: { id: "c".repeat(64), path: "/run/ns" },
  interface: "eth0",
  gateway: false,
  ports: [],
  ...overrides,
});

const FOUR: Pool = { family: 4, subnet: "10.0.0.0/24", gateway: "10.0.0.1" };
const OTHER: Pool = { family: 4, subnet: "10.0.1.0/24", gateway: "10.0.1.1" };
const SIX: Pool = { family: 6, subnet: "fd00::/64", gateway: "fd00::1" };

const routes = (ops: NetOp[]) =>
  ops.flatMap((one) => one.op === "setRoute" ? [`${one.to} ${one.via ?? "on link"}`] : []);

Deno.test("planAddress() leaves out broadcast where there is none, and what would take a second", () => {
  assert.deepEqual(planAddress("10.0.0.1/24", "l"), {
    op: "setAddress",
    address: "10.0.0.1/24",
    link: "l",
    broadcast: true,
  });
  assert.equal("broadcast" in planAddress("10.0.0.0/31", "l"), false);
  assert.deepEqual(planAddress("fd00::1/64", "l"), {
    op: "setAddress",
    address: "fd00::1/64",
    link: "l",
    unchecked: true,
  });
});

Deno.test("planSandbox() leads out by the gateways of the endpoint's own pools alone", () => {
  const both = { id: "b".repeat(64), mac: "x", addresses: ["10.0.0.2/24", "fd00::2/64"] };
  const all = network([FOUR, OTHER, SIX]);
  assert.deepEqual(routes(planSandbox(all, join())), ["10.0.1.0/24 on link"]);
  assert.deepEqual(routes(planSandbox(all, join({ gateway: true }))), [
    "10.0.1.0/24 on link",
    "default 10.0.0.1",
  ]);
  assert.deepEqual(routes(planSandbox(all, join({ gateway: true, endpoint: both }))), [
    "10.0.1.0/24 on link",
    "default 10.0.0.1",
    "default fd00::1",
  ]);
  // The one that leads out has no IPv6.
  assert.deepEqual(routes(planSandbox(all, join({ gateway6: true, endpoint: both }))), [
    "10.0.1.0/24 on link",
    "default fd00::1",
  ]);
  const { gateway: _, ...without } = FOUR;
  assert.deepEqual(routes(planSandbox(network([without]), join({ gateway: true }))), []);
});

Deno.test("planSandbox() gives addresses before the link is up, and routes after", () => {
  const ops = planSandbox(network([FOUR]), join({ gateway: true })).map(({ op }) => op);
  assert.deepEqual(ops, ["setAddress", "setLink", "setRoute"]);
});

Deno.test("an endpoint's veth has its other end in the sandbox, and answers nobody itself", () => {
  const [veth] = planVeth(join(), 1400, "4711");
  assert.deepEqual(veth, {
    op: "addLink",
    name: "nsvbbbbbbbbbbbb",
    mac: "0a:bb:bb:bb:bb:bb",
    mtu: 1400,
    kind: {
      type: "veth",
      peer: { name: "eth0", mac: "02:00:00:00:00:01", mtu: 1400, netns: "4711" },
    },
  });
  const [state, port] = planVethState(join(), { bridge: "br", mtu: 1400, learning: false });
  assert.ok(state?.op === "setLink" && state.arp === false && state.master === "br" && state.up);
  assert.deepEqual(port, { op: "setPort", link: "nsvbbbbbbbbbbbb", learning: false });
  // The kernel refuses to be told so of a link without IPv6.
  const [small] = planVethState(join(), { bridge: "br", mtu: 1279, learning: false });
  assert.ok(small?.op === "setLink" && small.noLinkLocal === false);
  assert.deepEqual(planForward(join().endpoint), {
    op: "setForward",
    mac: "02:00:00:00:00:01",
    link: "nsvbbbbbbbbbbbb",
  });
});
