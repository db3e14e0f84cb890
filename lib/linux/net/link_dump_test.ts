import assert from "node:assert/strict";
import { TestNamespace } from "../../../tests/harness/host.ts";
import { inNamespace } from "../namespaces/namespace.ts";
import { addressOf, dumpLinks, linkOf, messagesOf } from "./link_dump.ts";
import type { ObservedLink } from "./observe.ts";

Deno.test("dumpLinks() shows what ip shows, of both families", async () => {
  await using namespace = await TestNamespace.create("d");
  await namespace.ip(
    "link add br.one address 02:00:00:00:0a:ff type bridge mcast_snooping 0",
    "link add br.two type bridge",
    "link set br.two mtu 1400 alias netsvc:ü",
    "addr add 10.9.0.1/24 dev br.one",
    "addr add 10.9.0.2/32 peer 10.9.1.1/32 dev br.one",
    "addr add 10.9.2.3/24 dev br.one scope link",
    "addr add fd00:9::1/64 dev br.one nodad",
    "addr add fd00:9:0:0:1:0:0:1/128 dev br.one nodad",
    "link set br.one up",
    "link add v1 arp off master br.one type veth peer name v2",
    "link set v1 up",
    "link set v2 up",
    // More than one read of a dump holds.
    ...Array.from({ length: 60 }, (_, i) => `link add d${i} type bridge`),
  );
  const shown = JSON.parse(await namespace.ok(["ip", "-j", "-d", "addr", "show"]));
  const expected = (shown as ObservedLink[]).map((link) => {
    const { ifname, ifindex, address, mtu, operstate, flags, ifalias, master, linkinfo } = link;
    const { info_kind, info_data } = linkinfo ?? {};
    return {
      ...{ ifname, ifindex, address, mtu, operstate },
      flags: ["UP", "NOARP"].filter((flag) => flags.includes(flag)),
      ...ifalias !== undefined && { ifalias },
      ...master !== undefined && { master },
      ...linkinfo && {
        linkinfo: {
          info_kind,
          ...info_kind === "bridge" &&
            { info_data: { mcast_snooping: info_data!["mcast_snooping"] } },
        },
      },
      addr_info: link.addr_info.map(({ local, prefixlen, scope }) => ({ local, prefixlen, scope })),
    };
  });
  const sorted = (links: { addr_info: { local: string }[] }[]) =>
    links.map((link) => ({
      ...link,
      addr_info: link.addr_info.toSorted((a, b) => a.local < b.local ? -1 : 1),
    }));
  assert.deepEqual(sorted(inNamespace(namespace.path, dumpLinks)), sorted(expected));
});

Deno.test("a message that is cut, or of another kind, is none", () => {
  const cut = new Uint8Array(40);
  new DataView(cut.buffer).setUint32(0, 64, true);
  assert.deepEqual([...messagesOf(cut)], []);
  assert.deepEqual([...messagesOf(cut.subarray(0, 10))], []);
  const body = new DataView(new ArrayBuffer(16));
  assert.equal(linkOf(body), undefined);
  assert.equal(linkOf(new DataView(new ArrayBuffer(4))), undefined);
  assert.equal(addressOf(body), undefined);
  body.setUint8(0, 2);
  // An attribute that is longer than its message.
  body.setUint16(8, 60, true);
  body.setUint16(10, 2, true);
  assert.equal(addressOf(body), undefined);
});
