import assert from "node:assert/strict";
import type { ObservedLink } from "../../lib/linux/net/observe.ts";
import { gatewaysOf, leadsOut, whyNeeded } from "./plan.ts";

const link = (ifname: string, more: Partial<ObservedLink> = {}): ObservedLink => ({
  ifname,
  ifindex: 2,
  mtu: 1500,
  operstate: "UP",
  flags: [],
  addr_info: [],
  ...more,
});

Deno.test("a link that the host would lose something by stays on the host", () => {
  const why = (
    one: ObservedLink,
    links: ObservedLink[] = [],
    routes: { dst: string; type?: string }[] = [],
  ) => whyNeeded(one, { links, routes });
  assert.match(why(link("nsb0123456789ab"))!, /netsvc's own/);
  assert.match(why(link("x", { ifalias: "netsvc:abc" }))!, /netsvc's own/);
  assert.match(why(link("lo", { flags: ["LOOPBACK"] }))!, /loopback/);
  for (const local of ["192.0.2.1", "2001:db8::1"]) {
    assert.match(
      why(link("eth0", { addr_info: [{ local, prefixlen: 64, scope: "global" }] }))!,
      /has the address/,
    );
  }
  assert.match(why(link("eth1", { master: "br0" }))!, /is a port of "br0"/);
  assert.match(why(link("br0"), [link("eth1", { master: "br0" })])!, /has the port "eth1"/);
  assert.match(
    why(link("eth0"), [link("eth0.5", { link: "eth0", linkinfo: { info_kind: "vlan" } })])!,
    /carries the link/,
  );
  assert.match(why(link("eth0"), [], [{ dst: "default" }])!, /carries the host's route to default/);
});

Deno.test("a plugin's own link may go: nothing but what every link has by being up", () => {
  const own = link("veth1", {
    link: "veth2",
    linkinfo: { info_kind: "veth" },
    addr_info: [{ local: "fe80::1", prefixlen: 64, scope: "link" }],
  });
  const peer = link("veth2", { link: "veth1", linkinfo: { info_kind: "veth" } });
  assert.equal(
    whyNeeded(own, {
      links: [own, peer],
      routes: [{ dst: "fe80::/64" }, { dst: "ff00::/8", type: "multicast" }],
    }),
    undefined,
  );
});

Deno.test("a network leads out by a gateway or a default route of its own", () => {
  const joined = { InterfaceName: { SrcName: "x" } };
  assert.equal(leadsOut(joined), false);
  assert.deepEqual(gatewaysOf({ ...joined, Gateway: "10.0.0.1", GatewayIPv6: "FD00::1" }), [
    "10.0.0.1",
    "fd00::1",
  ]);
  for (const Destination of ["0.0.0.0/0", "::/0"]) {
    assert.equal(
      leadsOut({ ...joined, StaticRoutes: [{ Destination, RouteType: 1 as const }] }),
      true,
    );
  }
  assert.equal(
    leadsOut({ ...joined, StaticRoutes: [{ Destination: "10.0.0.0/8", RouteType: 1 as const }] }),
    false,
  );
});
