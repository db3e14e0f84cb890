import assert from "node:assert/strict";
import { libc } from "../../../lib/linux/libc.ts";
import { parseCidr } from "../../../lib/ip/cidr.ts";
import { parseAddressPool } from "../../ipam/default_pools.ts";
import type { NetworkRecord } from "../../model/records.ts";
import { checkPools, planGatewayPools, planNetworkPools } from "./pools.ts";

libc(); // It stays loaded, whichever test comes first.

const around = {
  networks: [
    { name: "front", pools: [{ family: 4, subnet: "10.99.0.0/24" }] },
  ] as unknown as NetworkRecord[],
  addressPools: [
    parseAddressPool("base=10.99.0.0/16,size=24"),
    parseAddressPool("base=fd99::/48,size=64"),
  ],
  hostRoutes: () => [parseCidr("10.99.1.0/25")],
};
const driver = (gateway: "own" | "leg", external = false) => ({
  capabilities: { gateway, external } as never,
});

Deno.test("a pool is picked beside those of networks and of the host", () => {
  const request = { name: "back" };
  const [pool] = planNetworkPools(
    { request, driver: driver("own"), gateless: () => false },
    around,
  );
  assert.deepEqual([pool!.subnet, pool!.gateway], ["10.99.2.0/24", "10.99.2.1"]);
  const [bare] = planNetworkPools({ request, driver: driver("leg"), gateless: () => true }, around);
  assert.equal(bare!.gateway, undefined);
});

Deno.test("a pool that a network or the host has is refused, where anybody sees it", () => {
  const check = (subnet: string, of = driver("own")) =>
    checkPools({ pools: [{ family: 4, subnet }], driver: of }, around);
  assert.throws(() => check("10.99.0.128/25"), { code: "exists", message: /of network "front"/ });
  assert.throws(() => check("10.99.1.0/24"), { message: /an address or a route of this host/ });
  check("10.99.1.0/26"); // More specific than the host's.
  check("10.99.0.0/24", driver("leg"));
  check("10.99.1.0/24", driver("own", true));
  assert.throws(() => check("10.99.0.0/24", driver("own", true)), { code: "exists" });
});

Deno.test("uplinks have addresses that no network of a user's has", () => {
  const pools = planGatewayPools(around);
  assert.equal(pools[0]!.subnet, "169.254.192.0/18");
  if (pools[1]) assert.match(pools[1].subnet, /^fd99:/);
});
