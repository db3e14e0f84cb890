import assert from "node:assert/strict";
import fc from "fast-check";
import type { Peer } from "../driver.ts";
import { noPeers, type PeerOps, type PeerTable, planPeers, readTable, tableOf } from "./peers.ts";

function peer(n: number, vtep: string, addresses = [`10.0.0.${n}/24`, `fd00::${n}/64`]): Peer {
  return { endpoint: { id: String(n).repeat(64), mac: `02:00:00:00:00:0${n}`, addresses }, vtep };
}

/** Of the first peer. */
const MAC = "02:00:00:00:00:01";

const table = (...peers: Peer[]) => tableOf(peers, "192.0.2.1").table;

Deno.test("planPeers() tells the kernel all of a new peer", () => {
  assert.deepEqual(planPeers(noPeers(), table(peer(1, "192.0.2.2"))), {
    forwards: [
      { op: "setForward", mac: MAC, link: "vxlan0", vtep: "192.0.2.2" },
      { op: "setForward", mac: MAC, link: "vxlan0" },
    ],
    neighbours: ["10.0.0.1", "fd00::1"].map((address) => (
      { op: "setNeighbour", address, mac: MAC, link: "vxlan0", permanent: true }
    )),
  });
});

Deno.test("planPeers() replaces the VTEP of a peer that moved, and nothing else", () => {
  assert.deepEqual(planPeers(table(peer(1, "192.0.2.2")), table(peer(1, "192.0.2.3"))), {
    forwards: [{ op: "setForward", mac: MAC, link: "vxlan0", vtep: "192.0.2.3" }],
    neighbours: [],
  });
});

Deno.test("planPeers() removes a MAC with more VTEPs than one before it adds", () => {
  const seen = table(peer(1, "192.0.2.2"));
  seen.tunnel.set("02:00:00:00:00:01", ["192.0.2.2", "192.0.2.9"]);
  assert.deepEqual(planPeers(seen, table(peer(1, "192.0.2.2"))).forwards, [
    { op: "deleteForward", mac: MAC, link: "vxlan0", vtep: "192.0.2.2" },
    { op: "deleteForward", mac: MAC, link: "vxlan0", vtep: "192.0.2.9" },
    { op: "setForward", mac: MAC, link: "vxlan0", vtep: "192.0.2.2" },
  ]);
});

Deno.test("tableOf() writes addresses as the kernel does and sets other families apart", () => {
  const upper = peer(1, "2001:DB8:0::2", ["FD00:0::0001/64"]);
  const strange = peer(2, "192.0.2.2");
  const { table, unreachable } = tableOf([upper, strange], "2001:db8::1");
  assert.deepEqual(unreachable, [strange]);
  assert.deepEqual([...table.tunnel.values()], [["2001:db8::2"]]);
  assert.deepEqual([...table.neighbours.keys()], ["fd00::1"]);
});

Deno.test("readTable() sees the tunnel's entries alone", () => {
  const entry = { flags: [], state: "permanent" };
  const seen = readTable([
    { ...entry, mac: "0a:00:00:00:00:01", ifname: "vxlan0", master: "br0" },
    { ...entry, mac: "02:00:00:00:00:01", ifname: "vxlan0", dst: "192.0.2.2", flags: ["self"] },
    { ...entry, mac: "02:00:00:00:00:01", ifname: "vxlan0", master: "br0", state: "static" },
    { ...entry, mac: "02:00:00:00:00:07", ifname: "nsv0", master: "br0", state: "" },
    { ...entry, mac: "33:33:00:00:00:01", ifname: "br0", flags: ["self"] },
  ], [
    { dst: "10.0.0.1", dev: "vxlan0", lladdr: "02:00:00:00:00:01", state: ["PERMANENT"] },
    { dst: "ff02::1", dev: "vxlan0", lladdr: "33:33:00:00:00:01", state: ["NOARP"] },
    { dst: "10.0.0.2", dev: "br0", lladdr: "02:00:00:00:00:02", state: ["PERMANENT"] },
  ]);
  assert.deepEqual(seen, table(peer(1, "192.0.2.2", ["10.0.0.1/24"])));
});

/** What operations make of a table, as the kernel would; it refuses to delete what isn't there. */
function apply(seen: PeerTable, { forwards, neighbours: ops }: PeerOps): PeerTable {
  const { tunnel, bridge, neighbours } = structuredClone(seen);
  for (const one of ops) {
    if (one.op === "setNeighbour") neighbours.set(one.address, one.mac);
    else assert.ok(neighbours.delete(one.address), one.address);
  }
  for (const { op, mac, vtep } of forwards) {
    if (vtep === undefined) {
      if (op === "setForward") bridge.add(mac);
      else assert.ok(bridge.delete(mac), mac);
    } else if (op === "setForward") tunnel.set(mac, [vtep, ...tunnel.get(mac)?.slice(1) ?? []]);
    else {
      assert.ok(tunnel.get(mac)?.includes(vtep), vtep);
      const rest = tunnel.get(mac)!.filter((other) => other !== vtep);
      if (rest.length > 0) tunnel.set(mac, rest);
      else tunnel.delete(mac);
    }
  }
  return { tunnel, bridge, neighbours };
}

const macs = fc.integer({ min: 1, max: 6 }).map((n) => `02:00:00:00:00:0${n}`);
const vteps = fc.integer({ min: 2, max: 4 }).map((n) => `192.0.2.${n}`);
const ips = fc.integer({ min: 1, max: 6 }).map((n) => `10.0.0.${n}`);
const anyTable = (most: number) =>
  fc.record({
    tunnel: fc.array(fc.tuple(macs, fc.uniqueArray(vteps, { minLength: 1, maxLength: most })))
      .map((entries) => new Map(entries)),
    bridge: fc.uniqueArray(macs).map((list) => new Set(list)),
    neighbours: fc.array(fc.tuple(ips, macs)).map((entries) => new Map(entries)),
  }, { noNullPrototype: true });

Deno.test("planPeers() makes any table of any other, and nothing of the same", () => {
  fc.assert(fc.property(anyTable(3), anyTable(1), (seen, wanted) => {
    assert.deepEqual(apply(seen, planPeers(seen, wanted)), wanted);
    assert.deepEqual(planPeers(wanted, wanted), { forwards: [], neighbours: [] });
  }));
});
