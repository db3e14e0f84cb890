import assert from "node:assert/strict";
import { exceptionsFor } from "./forward.ts";
import { readIptables } from "./iptables_rules.ts";
import { pickOutward } from "./outward.ts";

const exceptions = (...lines: string[]) =>
  exceptionsFor(readIptables("iptables", lines.join("\n"))!, {
    interfaces: ["nsb+"],
    outward: ["eth0", "wg0"],
  });
const ALL = { to: ["nsb+"], out: [{ from: "nsb+", by: ["eth0", "wg0"] }] };
const NONE = { to: [], out: [] };
const STATES = "-A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT";

Deno.test("exceptionsFor() sees policies and last rules alike, and nothing where all passes", () => {
  assert.deepEqual(exceptions("-P FORWARD ACCEPT"), NONE);
  assert.deepEqual(exceptions("-P FORWARD DROP"), ALL);
  // Oracle's and RHEL's images.
  const last = "-A FORWARD -j REJECT --reject-with icmp-host-prohibited";
  assert.deepEqual(exceptions("-P FORWARD ACCEPT", last), ALL);
  assert.deepEqual(exceptions("-P FORWARD ACCEPT", STATES, last), ALL);
  const below = ["-P FORWARD ACCEPT", "-N more", "-A FORWARD -j more", "-A more -j DROP"];
  assert.deepEqual(exceptions(...below), ALL);
});

Deno.test("exceptionsFor() opens no link that another owner hides by name", () => {
  const hidden = ["-P FORWARD DROP", STATES, "-A FORWARD -o wg0 -j DROP"];
  assert.deepEqual(exceptions(...hidden).out, [{ from: "nsb+", by: ["eth0"] }]);
  const jump = ["-P FORWARD DROP", "-N vpn", "-A FORWARD -o wg0 -j vpn", "-A vpn -j DROP"];
  assert.deepEqual(exceptions(...jump).out, [{ from: "nsb+", by: ["eth0"] }]);
  // Nor does it take back what is said of netsvc's own bridges.
  assert.deepEqual(exceptions("-P FORWARD ACCEPT", "-A FORWARD -i nsb+ -j DROP"), NONE);
});

Deno.test("pickOutward() takes links with a router, and those that aren't for containers", () => {
  const link = (ifname: string, info_kind?: string, more = {}) => ({
    ...{ ifname, flags: ["UP"] },
    ...info_kind && { linkinfo: { info_kind } },
    ...more,
  });
  const links = [
    link("lo", undefined, { flags: ["LOOPBACK", "UP"] }),
    link("eth0"),
    link("eth1", undefined, { master: "br0" }),
    link("eth2", undefined, { flags: [] }),
    ...["docker0", "br-1234", "br0"].map((name) => link(name, "bridge")),
    ...["veth1", "u0"].map((name) => link(name, "veth")),
    link("eth3", "veth", { addr_info: [{ prefixlen: 24, scope: "global" }] }),
    link("veth2", "veth", { addr_info: [{ prefixlen: 32, scope: "global" }] }),
    link("ve-box", "veth", { addr_info: [{ prefixlen: 28, scope: "global" }] }),
    link("wg0", "wireguard"),
    link("nsb0123456789ab", "bridge"),
    link("mine", "bridge", { ifalias: "netsvc:0" }),
  ];
  const own = (name: string) => name.startsWith("nsb");
  assert.deepEqual(pickOutward(links, { routed: new Set(["br0", "u0"]), isOwn: own }), [
    ...["br0", "eth0", "eth3", "u0", "wg0"],
  ]);
});
