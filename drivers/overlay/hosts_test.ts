import assert from "node:assert/strict";
import { run, until } from "../../tests/harness/command.ts";
import { crosses, Members, overlay } from "../../tests/harness/overlay_members.ts";
import type { DriverHost } from "../../tests/harness/driver_host.ts";
import { OVERLAY_PORT, TestUnderlay } from "../../tests/harness/underlay.ts";
import { addressOf, newJoin } from "../testing/case.ts";
import type { Join } from "../driver.ts";

const UNCHANGED = { mended: [], removed: [], failed: [] };

/** Packets of an overlay that the nth host sent, by the counter of its tunnel's port. */
async function countTunnelled(host: DriverHost): Promise<() => Promise<number>> {
  await host.home.ok(["nft", "-f", "-"], {
    stdin: `table inet probe { chain c { type filter hook output priority 0; ` +
      `udp dport ${OVERLAY_PORT} counter\n}\n}\n`,
  });
  return async () =>
    Number(
      (await host.home.ok(["nft", "list", "table", "inet", "probe"])).match(/packets (\d+)/)![1],
    );
}

for (const family of [4, 6] as const) {
  const mtu = family === 4 ? 1450 : 1430;
  Deno.test(`overlay - hosts on an IPv${family} underlay reach each other, whole packets too`, async () => {
    await using members = await overlay(3, { family });
    const joins = [await members.join(0), await members.join(1), await members.join(2)];
    const [a, b, c] = joins as [Join, Join, Join];
    for (const [from, to] of [[a, b], [b, c], [c, a]] as const) {
      assert.ok(await members.reaches(from, to));
    }
    for (const address of b.endpoint.addresses.map((address) => address.split("/")[0]!)) {
      const whole = await crosses(a, address, mtu);
      assert.equal(whole.code, 0, whole.stdout + whole.stderr);
      const larger = await crosses(a, address, mtu + 1);
      assert.match(larger.stdout + larger.stderr, new RegExp(`mtu[=:] ?${mtu}`, "i"));
    }
  });
}

Deno.test("overlay - joining takes few calls, and with nothing joined nothing is there", async () => {
  await using members = await overlay(2);
  const host = members.host(0);
  const first = newJoin(members.network, await host.sandbox(), 101);
  host.runs.length = 0;
  host.spawns.length = 0;
  await host.driver.join(members.network, first);
  assert.deepEqual(host.runs.toSorted(), ["bridge", "ip", "ip", "ip", "nft"]);
  assert.deepEqual(host.spawns.toSorted(), ["bridge", "ip", "ip", "ip"]);
  const second = newJoin(members.network, await host.sandbox(), 102);
  host.runs.length = 0;
  host.spawns.length = 0;
  await host.driver.join(members.network, second);
  assert.deepEqual(host.runs.toSorted(), ["bridge", "ip", "ip", "nft"]);
  assert.deepEqual(host.spawns, ["ip"], "the sandbox's, which a daemon starts with the sandbox");
  host.runs.length = 0;
  await host.driver.setPeers(members.network, members.peersOf(0));
  assert.deepEqual(host.runs, [], "no peers, no calls");
  assert.deepEqual(await members.host(1).objects(), []);
  for (const join of [first, second]) await host.driver.leave(members.network, join);
  assert.deepEqual(await host.objects(), []);
});

Deno.test("overlay - members that come and go, and their peers, need hardly a process", async () => {
  await using members = await overlay(2);
  const host = members.host(0);
  const a = await members.join(0);
  const sandboxes = [await host.sandbox(), await host.sandbox(), await host.sandbox()];
  const joinsOf = (turn: number) =>
    sandboxes.map((sandbox, n) => newJoin(members.network, sandbox, 110 + 10 * turn + n));
  // As a daemon does when it has made them.
  host.spawns.length = 0;
  for (const { path } of sandboxes) host.parts.runner.getReady(path);
  await until("each has its own", () => host.spawns.length === sandboxes.length);
  // The first peer brings up what stays for peers' entries.
  await members.join(1);
  host.spawns.length = 0;
  for (let turn = 0; turn < 2; turn++) {
    const joins = joinsOf(turn);
    await Promise.all(joins.map((join) => host.driver.join(members.network, join)));
    const b = await members.join(1);
    await members.tell([0, 1]);
    assert.ok(await members.reaches(a, b));
    for (const join of joins) assert.ok(await host.reaches(a.sandbox, addressOf(join)));
    host.runs.length = 0;
    await Promise.all(joins.map((join) => host.driver.leave(members.network, join)));
    assert.ok(host.runs.filter((tool) => tool === "ip").length <= 1, "they go by group");
  }
  // While the kernel takes its time about the end of a link, another one changes what is changed then.
  assert.ok(host.spawns.length <= 2, `${host.spawns}`);
  assert.ok(host.spawns.every((tool) => tool === "ip"), `${host.spawns}`);
});

Deno.test("overlay - setPeers() makes the difference and no more", async () => {
  await using members = await overlay(2);
  const a = await members.join(0);
  const b = await members.join(1);
  const host = members.host(0);
  host.runs.length = 0;
  await members.tell([0]);
  assert.deepEqual(host.runs, []);
  await host.driver.setPeers(members.network, []);
  assert.deepEqual(host.runs.toSorted(), ["bridge", "ip"]);
  assert.equal(await members.reaches(a, b), false);
  await members.tell([0]);
  assert.ok(await members.reaches(a, b));
});

Deno.test("overlay - what no member has doesn't leave the host", async () => {
  await using members = await overlay(2);
  const a = await members.join(0);
  const b = await members.join(1);
  const host = members.host(0);
  const count = await countTunnelled(host);
  const [v4, v6] = a.endpoint.addresses.map((address) => address.split("/")[0]!) as [
    string,
    string,
  ];
  for (const address of [v4.replace(/\d+$/, "200"), v6.replace(/\w+$/, "dead"), "ff02::1%eth0"]) {
    await run(["ping", "-c2", "-i0.2", "-W1", address], { namespace: a.sandbox.path });
  }
  await run(["ping", "-b", "-c2", "-i0.2", "-W1", v4.replace(/\d+$/, "255")], {
    namespace: a.sandbox.path,
  });
  assert.equal(await count(), 0);
  assert.ok(await members.reaches(a, b));
  assert.ok(await count() > 0, "what is counted is what leaves");
});

Deno.test("overlay - a service moves to another host and back, whoever hears of it first", async () => {
  await using members = await overlay(3);
  const { network } = members;
  const watcher = await members.join(2);
  const neighbour = await members.join(0);
  const other = await members.join(1);
  const service = await members.join(0);
  assert.ok(await members.reaches(watcher, service) && await members.reaches(other, service));
  for (
    const [from, to, first] of [[0, 1, "leave"], [1, 0, "leave"], [0, 1, "peers"], [
      1,
      0,
      "peers",
    ]] as const
  ) {
    const before = { ...service };
    // The container is another one, on another host; address and MAC are the service's.
    const sandbox = await members.host(to).sandbox();
    const leave = () => members.host(from).driver.leave(network, before);
    if (first === "leave") await leave();
    Object.assign(service, { sandbox });
    members.at.set(service, to);
    if (first === "peers") await members.tell([from, 2]);
    await members.host(to).driver.join(network, service);
    if (first === "peers") {
      await members.tell([to]);
      await leave();
    } else await members.tell();
    for (const member of [watcher, neighbour, other]) {
      assert.ok(await members.reaches(member, service), `${from} to ${to}, ${first} first`);
      assert.ok(await members.reaches(service, member));
    }
    for (const n of [0, 1, 2]) assert.deepEqual(await members.reconcile(n), UNCHANGED);
  }
});

Deno.test("overlay - networks may overlap each other and the host", async () => {
  await using members = await overlay(2);
  const pools = [{ family: 4 as const, subnet: "192.0.2.0/24" }];
  const networks = [1, 2].map(() => ({ ...members.host(0).network(), ipv6: false, pools }));
  const both = networks.map((network) => new Members(members.underlay, network));
  const pairs: [Join, Join][] = [];
  for (const one of both) pairs.push([await one.join(0), await one.join(1)]);
  for (const [i, one] of both.entries()) {
    const [a, b] = pairs[i]!;
    assert.ok(await one.reaches(a, b));
    assert.equal(addressOf(a), members.underlay.address(1));
    await one.host(1).driver.leave(one.network, b);
    assert.equal(await one.reaches(a, b), false, "and the other network's isn't reached instead");
    assert.equal((await members.host(0).home.run(["ping", "-c1", "-W2", addressOf(b)])).code, 1);
  }
});

Deno.test("overlay - a killed daemon's successor loses no packet between hosts", async () => {
  await using members = await overlay(2);
  const a = await members.join(0);
  const b = await members.join(1);
  const host = members.host(0);
  const lost = await host.lossDuring(a.sandbox, addressOf(b), async () => {
    for (const n of [0, 1]) members.host(n).restart();
    for (const n of [0, 1]) assert.deepEqual(await members.reconcile(n), UNCHANGED);
    // And one that is told of peers before it looks.
    host.restart();
    await members.tell();
  });
  assert.equal(lost, 0);
});

Deno.test("overlay - reconcile() takes back what somebody did to the peers' entries", async () => {
  await using members = await overlay(2);
  const a = await members.join(0);
  const b = await members.join(1);
  const { mac } = b.endpoint;
  const tampering = [
    ["bridge", "fdb", "replace", mac, "dev", "vxlan0", "dst", "192.0.2.66", "self", "permanent"],
    ["bridge", "fdb", "del", mac, "dev", "vxlan0", "self"],
    ["bridge", "fdb", "del", mac, "dev", "vxlan0", "master"],
    ["bridge", "fdb", "append", "00:00:00:00:00:00", "dev", "vxlan0", "dst", "192.0.2.66"],
    ["ip", "neigh", "del", addressOf(b), "dev", "vxlan0"],
    ["ip", "neigh", "replace", addressOf(b), "lladdr", a.endpoint.mac, "dev", "vxlan0"],
    ["ip", "neigh", "add", "10.99.0.99", "lladdr", mac, "dev", "vxlan0", "nud", "permanent"],
    ["ip", "link", "set", "vxlan0", "type", "bridge_slave", "learning", "on"],
    ["ip", "link", "set", "vxlan0", "mtu", "1400"],
    ["ip", "link", "set", "vxlan0", "nomaster"],
    ["ip", "link", "set", "br0", "down"],
  ];
  for (const argv of tampering) {
    const done = await members.inside(0, argv);
    assert.equal(done.code, 0, `${argv.join(" ")}: ${done.stderr}`);
    const report = await members.reconcile(0);
    assert.deepEqual(report.failed, [], argv.join(" "));
    assert.ok(report.mended.length > 0, argv.join(" "));
    assert.ok(await members.reaches(a, b), argv.join(" "));
    assert.deepEqual(await members.reconcile(0), UNCHANGED, argv.join(" "));
  }
  // What is done behind its back doesn't stop a change either.
  await members.inside(0, ["bridge", "fdb", "del", mac, "dev", "vxlan0", "self"]);
  const c = await members.join(1);
  members.at.delete(b);
  await members.tell([0]);
  assert.ok(await members.reaches(a, c));
});

Deno.test("overlay - the MTU follows the underlay's", async () => {
  await using members = await overlay(2, { mtu: 1500 });
  const a = await members.join(0);
  const b = await members.join(1);
  for (const [underlay, mtu] of [[1600, 1550], [1400, 1350]] as const) {
    await members.underlay.setMtu(underlay);
    for (const n of [0, 1]) assert.deepEqual((await members.reconcile(n)).failed, []);
    assert.equal((await crosses(a, addressOf(b), mtu)).code, 0);
    const larger = await crosses(a, addressOf(b), mtu + 1);
    assert.match(larger.stdout + larger.stderr, new RegExp(`mtu[=:] ?${mtu}`));
    for (const n of [0, 1]) assert.deepEqual(await members.reconcile(n), UNCHANGED);
  }
  await members.underlay.setMtu(1300);
  const { failed } = await members.reconcile(0);
  assert.match(failed[0]!.message, /has an MTU of 1250, but IPv6 needs at least 1280/);
});

Deno.test("overlay - an MTU that is too small for IPv6 does for IPv4, and grows again", async () => {
  await using underlay = await TestUnderlay.create(2, { mtu: 1500 });
  const both = underlay.hosts[0]!.network();
  const pools = both.pools.filter(({ family }) => family === 4);
  const members = new Members(underlay, { ...both, ipv6: false, pools });
  const a = await members.join(0);
  const b = await members.join(1);
  for (const [size, mtu] of [[1300, 1250], [600, 550], [1500, 1450]] as const) {
    await underlay.setMtu(size);
    for (const n of [0, 1]) assert.deepEqual((await members.reconcile(n)).failed, []);
    assert.equal((await crosses(a, addressOf(b), mtu)).code, 0);
    const late = await members.join(0);
    assert.equal((await crosses(late, addressOf(b), mtu)).code, 0, `joined at ${mtu}`);
    for (const n of [0, 1]) assert.deepEqual(await members.reconcile(n), UNCHANGED);
  }
  const { stdout } = await members.inside(0, ["ip", "-6", "-br", "addr", "show", "scope", "link"]);
  assert.equal(stdout, "", "no link has given itself an address");
});

Deno.test("overlay - the option mtu lowers the MTU and raises it nowhere", async () => {
  for (const [option, mtu] of [["1300", 1300], ["9000", 1450]] as const) {
    await using members = await overlay(2, { network: { mtu: option } });
    const a = await members.join(0);
    const b = await members.join(1);
    assert.equal((await crosses(a, addressOf(b), mtu)).code, 0);
    assert.notEqual((await crosses(a, addressOf(b), mtu + 1)).code, 0);
  }
});

Deno.test("overlay - a host that gets another address is reached again", async () => {
  await using members = await overlay(2);
  const a = await members.join(0);
  const b = await members.join(1);
  const host = members.host(1);
  await host.home.ip("addr del 192.0.2.2/24 dev u0", "addr add 192.0.2.99/24 dev u0");
  host.parts.underlay = { ...members.underlay.spec(1), address: "192.0.2.99" };
  assert.deepEqual((await members.reconcile(1)).failed, []);
  await members.host(0).driver.setPeers(members.network, [
    { endpoint: b.endpoint, vtep: "192.0.2.99" },
  ]);
  assert.ok(await members.reaches(a, b));
});

Deno.test("overlay - a VNI that another link has is refused by name, and taken when it is free", async () => {
  await using members = await overlay(1);
  const host = members.host(0);
  const vni = members.network.vni;
  await host.home.ip(
    `link add flannel.1 type vxlan id ${vni} dstport ${OVERLAY_PORT} local 192.0.2.1`,
  );
  const join = newJoin(members.network, await host.sandbox(), 1);
  await assert.rejects(host.driver.join(members.network, join), {
    code: "exists",
    message:
      `Cannot bring up network "${members.network.name}": the link "flannel.1" of this host ` +
      `has VNI ${vni} already; remove it or choose another with -o vni=`,
  });
  assert.deepEqual(await host.objects(), ["host/flannel.1"]);
  await host.home.ip("link del flannel.1");
  await host.driver.join(members.network, join);
});

Deno.test("overlay - a UDP port that another program has is refused", async () => {
  await using members = await overlay(1);
  const host = members.host(0);
  const socket = host.parts.runner.within(
    undefined,
    () => Deno.listenDatagram({ transport: "udp", hostname: "0.0.0.0", port: OVERLAY_PORT }),
  );
  const join = newJoin(members.network, await host.sandbox(), 1);
  try {
    await assert.rejects(host.driver.join(members.network, join), {
      code: "in_use",
      message: /another program of this host has UDP port 4789; end it or give .* --overlay-port$/,
    });
    assert.deepEqual(await host.objects(), []);
  } finally {
    socket.close();
  }
  await host.driver.join(members.network, join);
});

Deno.test("overlay - hosts of two families can't reach each other, and it is said", async () => {
  await using members = await overlay(2);
  const a = await members.join(0);
  const b = await members.join(1);
  const stranger = newJoin(members.network, await members.host(1).sandbox(), 50);
  await assert.rejects(
    members.host(0).driver.setPeers(members.network, [
      { endpoint: stranger.endpoint, vtep: "2001:db8::9" },
      ...members.peersOf(0),
    ]),
    { code: "unsupported", message: /host at 2001:db8::9 from this one at 192\.0\.2\.1/ },
  );
  assert.ok(await members.reaches(a, b), "the others are reached");
});

Deno.test("overlay - a host without an underlay address joins nothing and keeps what it has", async () => {
  await using members = await overlay(2);
  const a = await members.join(0);
  const b = await members.join(1);
  const host = members.host(0);
  host.parts.underlay = undefined;
  const late = newJoin(members.network, await host.sandbox(), 60);
  await assert.rejects(host.driver.join(members.network, late), {
    code: "unavailable",
    message: /no address that other hosts reach; give the daemon one with --advertise$/,
  });
  assert.equal((await members.reconcile(0)).failed.length, 1);
  assert.ok(await members.reaches(a, b));
});

Deno.test("overlay - checksum_offload=false reckons checksums before wrapping", async () => {
  for (const [option, features] of [["false", "off"], ["true", "on"]] as const) {
    await using members = await overlay(2, { network: { checksum_offload: option } });
    const a = await members.join(0);
    const b = await members.join(1);
    const shown = async () => (await members.inside(0, ["ethtool", "-k", "vxlan0"])).stdout;
    assert.match(await shown(), new RegExp(`^tx-checksumming: ${features}`, "m"));
    assert.ok(await members.reaches(a, b));
    await members.inside(0, ["ethtool", "-K", "vxlan0", "tx", features === "on" ? "off" : "on"]);
    await members.reconcile(0);
    assert.match(await shown(), new RegExp(`^tx-checksumming: ${features}`, "m"));
  }
});

Deno.test("overlay - an address that goes to another MAC on another host is found at once", async () => {
  await using members = await overlay(2);
  const near = await members.join(0);
  const before = await members.join(1);
  assert.ok(await members.reaches(near, before));
  const other = newJoin(members.network, await members.host(1).sandbox(), 90);
  const after = {
    ...other,
    endpoint: { ...other.endpoint, addresses: before.endpoint.addresses },
  };
  await members.host(1).driver.leave(members.network, before);
  members.at.delete(before);
  await members.host(1).driver.join(members.network, after);
  members.at.set(after, 1);
  await members.tell();
  // What the member remembers is right already: nobody had to wait until it forgets.
  const known = await run(["ip", "neigh", "show"], { namespace: near.sandbox.path });
  const [v4, v6] = after.endpoint.addresses.map((address) => address.split("/")[0]!);
  for (const address of [v4!, v6!]) {
    const line = known.stdout.split("\n").find((text) => text.startsWith(`${address} `));
    assert.match(line ?? "", new RegExp(after.endpoint.mac), `${address}: ${known.stdout}`);
  }
  assert.ok(await members.reaches(near, after));
});
