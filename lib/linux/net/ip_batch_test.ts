import assert from "node:assert/strict";
import { batches, lineOf, namesNamespace } from "./ip_batch.ts";
import type { NetOp } from "./ops.ts";

const MAC = "02:00:00:00:00:01";

/** Each operation, with all that it can say, beside its line. */
const LINES: [NetOp, string][] = [
  [
    { op: "addLink", name: "b", mac: MAC, mtu: 1400, kind: { type: "bridge", snooping: false } },
    `link add name b address ${MAC} mtu 1400 type bridge stp_state 0 forward_delay 0 mcast_snooping 0`,
  ],
  [
    {
      op: "addLink",
      name: "v",
      kind: { type: "veth", peer: { name: "w", mac: MAC, mtu: 68, netns: "/run/x" } },
    },
    `link add name v type veth peer name w address ${MAC} mtu 68 netns /run/x`,
  ],
  [
    { op: "addLink", name: "x", kind: { type: "vxlan", vni: 7, port: 4789 } },
    "link add name x type vxlan id 7 dstport 4789",
  ],
  [
    {
      op: "addLink",
      name: "x",
      netns: "/run/x",
      kind: {
        type: "vxlan",
        vni: 7,
        port: 4789,
        local: "fe80::1",
        device: "eth0",
        learning: false,
        proxy: true,
        checksums: 6,
      },
    },
    "link add name x netns /run/x type vxlan id 7 local fe80::1 dstport 4789 nolearning proxy " +
    "noudp6zerocsumtx noudp6zerocsumrx dev eth0",
  ],
  [{ op: "setLink", link: "v", up: false }, "link set dev v down"],
  [
    {
      op: "setLink",
      link: "v",
      mtu: 1280,
      mac: MAC,
      alias: "netsvc:1",
      noLinkLocal: true,
      arp: false,
      master: "b",
      group: 9,
      up: true,
    },
    `link set dev v mtu 1280 address ${MAC} alias netsvc:1 addrgenmode none arp off master b group 9 up`,
  ],
  [{ op: "setLink", link: "v", noLinkLocal: false, arp: true }, "link set dev v arp on"],
  [
    { op: "setPort", link: "v", learning: false, isolated: true, hairpin: true },
    "link set dev v type bridge_slave learning off isolated on hairpin on",
  ],
  [{ op: "setBridge", link: "b", snooping: false }, "link set dev b type bridge mcast_snooping 0"],
  [{ op: "moveLink", link: "v", netns: "/run/x", name: "e" }, "link set dev v netns /run/x name e"],
  [{ op: "deleteLink", link: "v" }, "link del dev v"],
  [{ op: "deleteGroup", group: 9 }, "link del group 9"],
  [
    { op: "setAddress", link: "v", address: "10.0.0.1/24", broadcast: true },
    "addr replace 10.0.0.1/24 dev v brd +",
  ],
  [
    { op: "setAddress", link: "v", address: "fd00::1/64", unchecked: true },
    "addr replace fd00::1/64 dev v nodad",
  ],
  [{ op: "flushLinkLocal", link: "v" }, "addr flush dev v scope link"],
  [{ op: "setRoute", to: "10.0.0.0/8", link: "v" }, "route replace 10.0.0.0/8 dev v"],
  [
    { op: "setRoute", to: "default", via: "10.0.0.1", link: "v" },
    "route replace default via 10.0.0.1 dev v",
  ],
  [
    { op: "setNeighbour", link: "v", address: "10.0.0.1", mac: MAC, permanent: true },
    `neigh replace 10.0.0.1 lladdr ${MAC} dev v nud permanent`,
  ],
  [
    { op: "setNeighbour", link: "v", address: "10.0.0.1", mac: MAC, permanent: false },
    `neigh replace 10.0.0.1 lladdr ${MAC} dev v nud reachable`,
  ],
  [{ op: "deleteNeighbour", link: "v", address: "10.0.0.1" }, "neigh del 10.0.0.1 dev v"],
  [{ op: "setForward", link: "v", mac: MAC }, `fdb replace ${MAC} dev v master static`],
  [
    { op: "setForward", link: "v", mac: MAC, vtep: "192.0.2.1" },
    `fdb replace ${MAC} dev v dst 192.0.2.1 self permanent`,
  ],
  [{ op: "deleteForward", link: "v", mac: MAC }, `fdb del ${MAC} dev v master`],
  [
    { op: "deleteForward", link: "v", mac: MAC, vtep: "192.0.2.1" },
    `fdb del ${MAC} dev v dst 192.0.2.1 self`,
  ],
];

Deno.test("lineOf() says all of an operation, and nothing else", () => {
  for (const [op, line] of LINES) assert.equal(lineOf(op), line);
});

Deno.test("batches() keeps the order and changes the tool only where it has to", () => {
  const up: NetOp = { op: "setLink", link: "v", up: true };
  const forward: NetOp = { op: "setForward", link: "v", mac: MAC };
  assert.deepEqual(
    batches([up, up, forward, forward, up]).map(({ tool, lines }) => [
      tool,
      lines.length,
    ]),
    [["ip", 2], ["bridge", 2], ["ip", 1]],
  );
  assert.deepEqual(batches([]), []);
});

Deno.test("namesNamespace() tells paths from processes, wherever they are", () => {
  const veth = (netns?: string): NetOp => ({
    op: "addLink",
    name: "v",
    kind: { type: "veth", peer: { name: "w", ...netns !== undefined && { netns } } },
  });
  const vxlan = { type: "vxlan" as const, vni: 1, port: 4789 };
  const cases: [NetOp, boolean][] = [
    [veth(), false],
    [veth("4711"), false],
    [veth("/run/x"), true],
    [{ op: "addLink", name: "x", netns: "/run/x", kind: vxlan }, true],
    [{ op: "moveLink", link: "v", netns: "/run/x", name: "w" }, true],
    [{ op: "setLink", link: "v", up: true }, false],
  ];
  for (const [op, expected] of cases) assert.equal(namesNamespace(op), expected);
});
