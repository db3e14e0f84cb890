import assert from "node:assert/strict";
import { pickUnderlay, reachable } from "./underlay.ts";

const LINKS = [
  { ifname: "lo", mtu: 65536, addr_info: [{ local: "127.0.0.1", family: "inet", scope: "host" }] },
  {
    ifname: "eth0",
    mtu: 1500,
    addr_info: [
      { local: "2001:db8::1", family: "inet6", scope: "global" },
      { local: "fe80::1", family: "inet6", scope: "link" },
      { local: "192.0.2.1", family: "inet", scope: "global" },
    ],
  },
  {
    ifname: "eth1",
    mtu: 9000,
    addr_info: [{ local: "192.0.2.9", family: "inet", scope: "global" }],
  },
];
const ETH0 = { address: "192.0.2.1", interface: "eth0", mtu: 1500 };
const ETH1 = { address: "192.0.2.9", interface: "eth1", mtu: 9000 };

Deno.test("reachable() has what others could reach, IPv4 first", () => {
  assert.deepEqual(reachable(LINKS).map(({ address }) => address), [
    "192.0.2.1",
    "192.0.2.9",
    "2001:db8::1",
  ]);
});

Deno.test("pickUnderlay() takes what is advertised, preferred, or first", () => {
  assert.deepEqual(pickUnderlay(LINKS), ETH0);
  assert.deepEqual(pickUnderlay(LINKS, { preferred: "192.0.2.9" }), ETH1);
  assert.deepEqual(pickUnderlay(LINKS, { preferred: "10.9.9.9" }), ETH0);
  assert.deepEqual(pickUnderlay(LINKS, { advertise: "eth1", preferred: "192.0.2.1" }), ETH1);
  assert.equal(pickUnderlay(LINKS, { advertise: "2001:db8::1" })?.interface, "eth0");
  assert.throws(() => pickUnderlay(LINKS, { advertise: "127.0.0.1" }), {
    message: 'Invalid --advertise "127.0.0.1": other hosts can\'t reach 127.0.0.1',
  });
  assert.equal(pickUnderlay(LINKS.slice(0, 1)), undefined);
});

Deno.test("pickUnderlay() doesn't advertise the bridges of containers by itself", () => {
  const bridge = (ifname: string, ifalias?: string) => ({
    ifname,
    ...ifalias !== undefined && { ifalias },
    mtu: 1500,
    addr_info: [
      { local: "172.16.32.1", family: "inet", scope: "global" },
      { local: "fd00::1", family: "inet6", scope: "global" },
    ],
  });
  const own = [
    bridge("nsb012345678901"),
    bridge("docker0"),
    bridge("br-0123456789ab"),
    bridge("mine", "netsvc:network:1"),
  ];
  assert.equal(pickUnderlay(own), undefined);
  assert.deepEqual(pickUnderlay([...own, ...LINKS]), ETH0);
  // Whoever says so is taken at his word; and so is the way to the store.
  assert.equal(pickUnderlay(own, { advertise: "docker0" })?.interface, "docker0");
  assert.equal(pickUnderlay(own, { preferred: "172.16.32.1" })?.address, "172.16.32.1");
  // But netsvc's own are each host's alone, in both families.
  const bridges = [bridge("nsb012345678901"), ...LINKS];
  for (const advertise of ["nsb012345678901", "172.16.32.1", "fd00::1"]) {
    assert.throws(() => pickUnderlay(bridges, { advertise }), {
      code: "invalid",
      message: new RegExp(
        `^Invalid --advertise "${advertise}": .* of netsvc's own "nsb012345678901", .*; it has eth0 192\\.0\\.2\\.1, eth1`,
      ),
    });
  }
  assert.throws(() => pickUnderlay(own, { advertise: "mine" }), /netsvc's own "mine"/);
});

Deno.test("pickUnderlay() names what there is when the advertised isn't", () => {
  assert.throws(() => pickUnderlay(LINKS, { advertise: "eth7" }), {
    code: "invalid",
    message:
      'Invalid --advertise "eth7": this host has no such address or interface with one; it ' +
      "has eth0 192.0.2.1, eth1 192.0.2.9, eth0 2001:db8::1",
  });
  assert.throws(() => pickUnderlay([], { advertise: "eth7" }), { message: /it has none$/ });
});
