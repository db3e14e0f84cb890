import assert from "node:assert/strict";
import { bridgeOptions } from "../../../../drivers/bridge/options.ts";
import { readNetworkOptions } from "./network_options.ts";

const bridge = {
  name: "bridge",
  capabilities: { external: false },
  validate: (options: Record<string, string>) =>
    void bridgeOptions({ id: "x".repeat(64), options, ipv6: false }),
};
const plugin = { ...bridge, capabilities: { external: true } };
const read = (options: Record<string, string>) => readNetworkOptions(bridge, options);

Deno.test("readNetworkOptions() gives drivers what is theirs, and keeps the rest", () => {
  const mine = { mtu: "1400", "com.docker.network.bridge.enable_icc": "false" };
  const others = {
    "com.docker.network.bridge.inhibit_ipv4": "false",
    "com.docker.network.bridge.gateway_mode_ipv4": "nat",
    "com.docker.network.container_iface_prefix": "lan",
    "com.example.vendor": "1",
    "com.docker.network.enable_ipv6": "true",
  };
  assert.deepEqual(read({ ...mine, ...others }), {
    options: mine,
    others,
    warnings: ['The option "com.example.vendor" means nothing to netsvc\'s driver bridge'],
    ipv6: true,
  });
});

Deno.test("readNetworkOptions() refuses what has another meaning, and mistakes", () => {
  for (
    const [options, message] of [
      [{ "com.docker.network.bridge.inhibit_ipv4": "true" }, /leave it out/],
      [{ "com.docker.network.bridge.gateway_mode_ipv6": "routed" }, /enable_ip_masquerade=false/],
      [{ "com.docker.network.host_ipv4": "10.0.0.1" }, /leave it out/],
      [{ "com.docker.network.container_iface_prefix": "a/b" }, /1 to 12 letters/],
      [{ mtuu: "1400" }, /Unknown option "mtuu"/],
      [{ "com.docker.network.driver.mtu": "x" }, /use a number/],
    ] as const
  ) {
    assert.throws(() => read(options as unknown as Record<string, string>), message);
  }
});

Deno.test("readNetworkOptions() leaves a plugin its own", () => {
  const options = { anything: "1", "a.b": "2" };
  assert.deepEqual(readNetworkOptions(plugin, options), {
    options,
    others: {},
    warnings: [],
  });
});
