import assert from "node:assert/strict";
import type { NetworkSpec } from "../driver.ts";
import { NAMESPACE_ID, namespaceId, overlayMtu, overlayOptions, vniOf } from "./options.ts";

const underlay = (mtu: number, address = "10.0.0.1") => ({ mtu, address, interface: "eth0" });
const network = (options: Record<string, string> = {}, more: Partial<NetworkSpec> = {}) =>
  ({ name: "o", ipv6: false, options, ...more }) as NetworkSpec;

Deno.test("a tunnel takes 50 bytes of an underlay of IPv4, 70 of one of IPv6 (RFC 7348)", () => {
  assert.equal(overlayMtu(network(), underlay(1500)), 1450);
  assert.equal(overlayMtu(network(), underlay(1500, "fd00::1")), 1430);
  assert.equal(overlayMtu(network({ mtu: "1400" }), underlay(1500)), 1400);
  assert.equal(overlayMtu(network({ mtu: "9000" }), underlay(1500)), 1450);
});

Deno.test("what is too small for IPv6 is refused where there is IPv6, with the underlay's name", () => {
  assert.throws(
    () => overlayMtu(network({}, { ipv6: true }), underlay(1300)),
    /MTU of 1250.*raise that of "eth0" \(1300\)/,
  );
  assert.equal(overlayMtu(network(), underlay(1300)), 1250);
});

Deno.test("a VNI has 24 bits, is the network's own before the user's, and must be there", () => {
  assert.equal(vniOf(network({ vni: "7" })), 7);
  assert.equal(vniOf(network({ vni: "7" }, { vni: 9 })), 9);
  assert.throws(() => vniOf(network()), /has no VNI/);
  for (const vni of ["0", "16777216", "-1", "x"]) {
    assert.throws(() => overlayOptions({ vni }), /Invalid option vni=/, vni);
  }
});

Deno.test("an overlay's namespace is told from a container's by its name", () => {
  assert.match(namespaceId("a".repeat(64)), NAMESPACE_ID);
  assert.doesNotMatch("a".repeat(64), NAMESPACE_ID);
});
