import assert from "node:assert/strict";
import type { NetworkSpec } from "../../driver.ts";
import { createNetworkBody, pluginOptions, portOptions } from "./requests.ts";

Deno.test("a network is told as libnetwork tells it, its families apart, with prefix lengths", () => {
  const network = {
    ...{ id: "a".repeat(64), name: "n", scope: "local", internal: true, ipv6: true },
    pools: [
      { family: 4, subnet: "10.0.0.0/24", gateway: "10.0.0.1", aux: { router: "10.0.0.9" } },
      { family: 6, subnet: "fd00::/64" },
    ],
    options: { ttl: "5", own: "x" },
  } as unknown as NetworkSpec;
  const body = createNetworkBody(network, "global");
  assert.deepEqual(body.IPv4Data, [{
    AddressSpace: "GlobalDefault",
    Pool: "10.0.0.0/24",
    Gateway: "10.0.0.1/24",
    AuxAddresses: { router: "10.0.0.9/24" },
  }]);
  assert.deepEqual(body.IPv6Data, [{
    AddressSpace: "GlobalDefault",
    Pool: "fd00::/64",
    AuxAddresses: {},
  }]);
  assert.deepEqual(body.Options["com.docker.network.generic"], { own: "x" });
  assert.equal(body.Options["com.docker.network.internal"], true);
});

Deno.test("ttl is netsvc's own, and no plugin's; ports have IANA's numbers of protocols", () => {
  assert.deepEqual(pluginOptions({ ttl: "1", a: "b" }), { a: "b" });
  assert.deepEqual(portOptions([]), {});
  const [exposed] = portOptions([{
    hostPort: 53,
    containerPort: 5353,
    protocol: "udp",
  }])["com.docker.network.endpoint.exposedports"]!;
  assert.deepEqual(exposed, { Proto: 17, Port: 5353 });
});
