import assert from "node:assert/strict";
import type { Join, NetworkSpec } from "../driver.ts";
import { gatewayAddresses, planBridge, planBridgeState, planPort } from "./plan.ts";

const NETWORK: NetworkSpec = {
  id: "a".repeat(64),
  name: "n",
  scope: "local",
  internal: false,
  ipv6: true,
  pools: [
    { subnet: "10.0.0.0/24", gateway: "10.0.0.1" },
    { subnet: "fd00::/64", gateway: "fd00::1" },
  ] as NetworkSpec["pools"],
  options: {},
};
const JOIN: Join = {
  endpoint: {
    id: "b".repeat(64),
    addresses: ["10.0.0.2/24", "fd00::2/64"],
    mac: "02:00:00:00:00:02",
  },
  sandbox: { id: "c".repeat(64), path: "/run/x" },
  interface: "eth0",
  gateway: true,
  ports: [],
};
const BRIDGE = `nsb${"a".repeat(12)}`;
const PORT = `nsv${"b".repeat(12)}`;

const ports = (options: Record<string, string>, join: Partial<Join> = {}) =>
  planPort({ ...NETWORK, options }, { ...JOIN, ...join }).state.filter(({ op }) =>
    op === "setPort"
  );

Deno.test("a bridge has its gateways' addresses, of both families, and says whose it is", () => {
  assert.deepEqual(gatewayAddresses(NETWORK.pools), ["10.0.0.1/24", "fd00::1/64"]);
  const [made] = planBridge(NETWORK);
  assert.equal(made!.op === "addLink" && made.name, BRIDGE);
  const text = JSON.stringify(planBridgeState(NETWORK));
  for (const part of ["10.0.0.1/24", "fd00::1/64", `netsvc:${NETWORK.id}`]) {
    assert.ok(text.includes(part), part);
  }
});

Deno.test("containers that may not reach each other are isolated ports; published ports need a hairpin", () => {
  assert.ok(!JSON.stringify(ports({})).includes("isolated"));
  assert.ok(JSON.stringify(ports({ icc: "false" })).includes(`"link":"${PORT}","isolated":true`));
  const published = { ports: [{ hostPort: 80, containerPort: 80, protocol: "tcp" }] } as Partial<
    Join
  >;
  assert.ok(JSON.stringify(ports({}, published)).includes(`"hairpin":true`));
});

Deno.test("the host knows the neighbours of both families by heart, unless they may change", () => {
  const known = (options: Record<string, string>) =>
    planPort({ ...NETWORK, options }, JOIN).state.filter(({ op }) => op === "setNeighbour")
      .map((op) => "address" in op && op.address);
  assert.deepEqual(known({}), ["10.0.0.2", "fd00::2"]);
  assert.deepEqual(known({ spoofing: "allow" }), []);
});
