import assert from "node:assert/strict";
import type { ObservedLink } from "../../lib/linux/net/observe.ts";
import type { Join } from "../driver.ts";
import { hasAddress, sandboxEndIsRight, vethIsRight } from "./observe.ts";

const veth: ObservedLink = {
  ...{
    ifname: "nsv1",
    ifindex: 2,
    mtu: 1500,
    operstate: "UP",
    flags: ["UP", "NOARP"],
    master: "br0",
  },
  addr_info: [],
};
const JOIN = {
  endpoint: { id: "e", addresses: ["10.0.0.2/24", "fd00::2/64"], mac: "02:00:00:00:00:02" },
  interface: "eth0",
} as Join;
const end = {
  ifname: "eth0",
  address: "02:00:00:00:00:02",
  flags: ["UP"],
  addr_info: [
    { local: "10.0.0.2", prefixlen: 24, scope: "global" },
    { local: "fd00::2", prefixlen: 64, scope: "global" },
  ],
};

Deno.test("the host's end is right on its bridge, up, and silent about ARP", () => {
  assert.equal(vethIsRight(veth, "br0"), true);
  assert.equal(vethIsRight(undefined, "br0"), false);
  assert.equal(vethIsRight(veth, "br1"), false);
  assert.equal(vethIsRight({ ...veth, operstate: "LOWERLAYERDOWN" }, "br0"), false);
  assert.equal(vethIsRight({ ...veth, flags: ["UP"] }, "br0"), false);
});

Deno.test("the sandbox's end is right with its MAC and all addresses, of both families", () => {
  assert.equal(sandboxEndIsRight([end], JOIN), true);
  assert.equal(sandboxEndIsRight([{ ...end, addr_info: end.addr_info.slice(0, 1) }], JOIN), false);
  assert.equal(sandboxEndIsRight([{ ...end, address: "02:00:00:00:00:03" }], JOIN), false);
  assert.equal(sandboxEndIsRight([{ ...end, flags: [] }], JOIN), false);
  assert.equal(sandboxEndIsRight([{ ...end, ifname: "eth1" }], JOIN), false);
  assert.equal(hasAddress(end, "10.0.0.2/16"), false);
});
