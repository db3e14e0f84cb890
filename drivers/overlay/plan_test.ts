import assert from "node:assert/strict";
import type { NetworkSpec, Underlay } from "../driver.ts";
import { lineOf } from "../../lib/linux/net/ip_batch.ts";
import type { ObservedLink } from "../../lib/linux/net/observe.ts";
import { overlayMtu, overlayOptions, vniOf } from "./options.ts";
import { type OverlayShape, planOpening, planTunnel } from "./plan.ts";

const network: NetworkSpec = {
  id: "0123456789ab".padEnd(64, "c"),
  name: "prod",
  scope: "global",
  internal: false,
  ipv6: false,
  pools: [],
  options: {},
  vni: 4711,
};
const underlay: Underlay = { address: "192.0.2.1", interface: "eth0", mtu: 1500 };
const shape: OverlayShape = { network, underlay, port: 4789 };

/** What the kernel shows of a shape that is as it should be. */
function rightLinks(): [ObservedLink, ObservedLink] {
  const common = { flags: ["UP"], mtu: 1450, operstate: "UNKNOWN", addr_info: [] };
  return [
    {
      ...common,
      ifindex: 3,
      ifname: "vxlan0",
      master: "br0",
      linkinfo: {
        info_kind: "vxlan",
        info_data: { id: 4711, local: "192.0.2.1", port: 4789, learning: false, proxy: true },
        info_slave_data: { learning: false },
      },
    },
    { ...common, ifindex: 2, ifname: "br0" },
  ];
}

Deno.test("overlayMtu() leaves room for the wrapping", () => {
  assert.equal(overlayMtu(network, underlay), 1450);
  assert.equal(overlayMtu(network, { ...underlay, address: "2001:db8::1" }), 1430);
  assert.equal(overlayMtu(network, { ...underlay, mtu: 9000 }), 8950);
  assert.equal(overlayMtu({ ...network, options: { mtu: "1400" } }, underlay), 1400);
  assert.equal(overlayMtu({ ...network, options: { mtu: "1500" } }, underlay), 1450);
  assert.throws(() => overlayMtu({ ...network, ipv6: true }, { ...underlay, mtu: 1300 }), {
    code: "invalid",
    message: /MTU of 1250, but IPv6 needs at least 1280; raise that of "eth0" \(1300\)/,
  });
});

Deno.test("overlayOptions() takes Docker's keys and refuses what can't be", () => {
  assert.deepEqual(
    overlayOptions({
      "com.docker.network.driver.overlay.vxlanid_list": "16777215",
      "com.docker.network.driver.mtu": "1400",
      ttl: "7",
    }),
    { vni: 16777215, mtu: 1400, ttl: 7 },
  );
  for (const vni of ["0", "16777216", "-1", "0x10", "1,2", "", "1e3"]) {
    assert.throws(() => overlayOptions({ vni }), {
      code: "invalid",
      message: `Invalid option vni=${JSON.stringify(vni)}: use a number from 1 to 16777215`,
    });
  }
});

Deno.test("vniOf() prefers the network's own to the user's wish", () => {
  assert.equal(vniOf({ ...network, options: { vni: "5" } }), 4711);
  const { vni: _, ...without } = network;
  assert.equal(vniOf({ ...without, options: { vni: "5" } }), 5);
  assert.throws(() => vniOf(without), { code: "invalid", message: /"prod" has no VNI/ });
});

Deno.test("planTunnel() fixes source, port and checksums", () => {
  assert.equal(
    lineOf(planTunnel(shape, "/run/ns")[0]!),
    "link add name vxlan0 netns /run/ns address 0a:ab:cc:cc:cc:cc mtu 1450 type vxlan id 4711 " +
      "local 192.0.2.1 dstport 4789 nolearning proxy udpcsum",
  );
  const over6 = (address: string) =>
    lineOf(planTunnel({ ...shape, underlay: { ...underlay, address } }, "/run/ns")[0]!);
  assert.match(over6("2001:db8::1"), / mtu 1430 .* noudp6zerocsumtx noudp6zerocsumrx$/);
  assert.match(over6("fe80::1"), / noudp6zerocsumrx dev eth0$/);
});

Deno.test("planOpening() makes all of it where nothing is", () => {
  const plan = planOpening([], shape)!;
  assert.deepEqual([plan.remove, plan.tunnel], [[], true]);
  assert.deepEqual(plan.state.map((one) => [one.op, "link" in one ? one.link : ""]), [
    ["addLink", ""],
    ["setLink", "br0"],
    ["setLink", "vxlan0"],
    ["setPort", "vxlan0"],
  ]);
});

Deno.test("planOpening() leaves alone what is right", () => {
  assert.equal(planOpening(rightLinks(), shape), undefined);
});

Deno.test("planOpening() replaces a tunnel only for what can't be changed", () => {
  const changes: [string, (tunnel: ObservedLink) => void, boolean][] = [
    ["VNI", (t) => t.linkinfo!.info_data!.id = 5, true],
    ["port", (t) => t.linkinfo!.info_data!.port = 8472, true],
    ["address", (t) => t.linkinfo!.info_data!.local = "192.0.2.9", true],
    ["learning", (t) => t.linkinfo!.info_data!.learning = true, true],
    ["kind", (t) => t.linkinfo!.info_kind = "dummy", true],
    ["MTU", (t) => t.mtu = 1500, false],
    ["master", (t) => delete t.master, false],
    ["down", (t) => t.flags = [], false],
    ["port learning", (t) => t.linkinfo!.info_slave_data!.learning = true, false],
  ];
  for (const [what, change, replaced] of changes) {
    const links = rightLinks();
    change(links[0]);
    const plan = planOpening(links, shape);
    assert.ok(plan, what);
    assert.deepEqual(plan.remove, replaced ? [{ op: "deleteLink", link: "vxlan0" }] : [], what);
    assert.equal(plan.tunnel, replaced, what);
    assert.ok(!plan.state.some(({ op }) => op === "addLink"), what);
  }
});
