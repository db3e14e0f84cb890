import assert from "node:assert/strict";
import { capture } from "../../../tests/harness/capture.ts";
import { ok, spawn } from "../../../tests/harness/command.ts";
import { crosses, Members, overlay } from "../../../tests/harness/overlay_members.ts";
import { TestUnderlay, WIREGUARD_PORT } from "../../../tests/harness/underlay.ts";
import { newKeyPair } from "../../../lib/linux/wireguard/keys.ts";
import { newJoin } from "../../testing/case.ts";
import type { Join } from "../../driver.ts";
import { tunnelAddress } from "./address.ts";

const ENCRYPTED = { network: { encrypted: "true" } };
/** All but WireGuard's packets and what hosts need to find each other's link addresses. */
const CLEAR =
  `not udp port ${WIREGUARD_PORT} and not arp and not icmp6 and not igmp and not dst net ff02::/16`;

async function encrypted(
  hosts: number,
  options: { family?: 4 | 6; mtu?: number } = {},
): Promise<Members & AsyncDisposable> {
  const members = await overlay(hosts, { ...ENCRYPTED, ...options });
  await members.underlay.introduceAll();
  return members;
}

/** Captures what isn't encrypted on the wire between the hosts. */
function listen(members: Members, filter = CLEAR) {
  return capture(members.underlay.switch.path, { link: "sw", filter });
}

/** Processes that carry the host's tunnel, where the kernel doesn't. */
async function processesOf(members: Members, n: number): Promise<number[]> {
  const shown = await ok(["ps", "-eo", "pid,args"]);
  const name = members.underlay.device(n);
  return shown.split("\n").filter((line) => /wireguard-go/.test(line))
    .filter((line) => line.trim().endsWith(name)).map((line) => Number(line.trim().split(" ")[0]));
}

for (const family of [4, 6] as const) {
  const mtu = family === 4 ? 1366 : 1350;
  Deno.test(`encrypted - hosts on an IPv${family} underlay reach each other, and nothing is in the clear`, async () => {
    await using members = await encrypted(3, { family });
    const clear = await listen(members);
    const wire = await listen(members, `udp port ${WIREGUARD_PORT}`);
    const [a, b, c] = [
      await members.join(0),
      await members.join(1),
      await members.join(2),
    ] as const;
    for (const [from, to] of [[a, b], [b, c], [c, a]] as const) {
      assert.ok(await members.reaches(from, to));
    }
    for (const address of b.endpoint.addresses.map((address) => address.split("/")[0]!)) {
      const whole = await crosses(a, address, mtu);
      assert.equal(whole.code, 0, whole.stdout + whole.stderr);
      const larger = await crosses(a, address, mtu + 1);
      assert.match(larger.stdout + larger.stderr, new RegExp(`mtu[=:] ?${mtu}`, "i"));
    }
    for (const n of [0, 1, 2]) await members.reconcile(n);
    assert.ok(await members.reaches(a, c));
    for (const [join, n] of [[a, 0], [b, 1], [c, 2]] as const) {
      await members.host(n).driver.leave(members.network, join);
    }
    assert.deepEqual(await clear.stop(), []);
    const sealed = await wire.stop();
    assert.ok(sealed.length > 20);
    const largest = Math.max(...sealed.map((line) => Number(/length (\d+)/.exec(line)![1])));
    // What is above 1420 bytes is a multiple of 16 above: `wireguard-go` fills packets.
    assert.equal(largest, family === 4 ? 1436 + 32 : 1500 - 40 - 8);
    for (const n of [0, 1, 2]) {
      assert.deepEqual(await members.host(n).objects(), [], "with the last member all of it goes");
      assert.deepEqual(await processesOf(members, n), []);
    }
  });
}

Deno.test("encrypted - peers are the hosts that share an encrypted network, and no others", async () => {
  await using members = await encrypted(3);
  const other = members.host(2).network();
  await members.join(0);
  await members.join(1);
  // The third is on a network that isn't encrypted.
  const apart = newJoin(other, await members.host(2).sandbox(), 9);
  await members.host(2).driver.join(other, apart);
  const peers = async (n: number) =>
    (await members.host(n).parts.tunnel!.peers()).map(({ host }) => host);
  const { members: [a, b] } = members.underlay;
  assert.deepEqual([await peers(0), await peers(1), await peers(2)], [[b!.id], [a!.id], []]);
  assert.ok(!(await members.host(2).objects()).includes("tunnel"));
});

Deno.test("encrypted - a key changes on both ends, and no connection breaks", async () => {
  await using members = await encrypted(2);
  const { underlay } = members;
  const [a, b] = [await members.join(0), await members.join(1)];
  assert.ok(await members.reaches(a, b));
  const clear = await listen(members);
  const to = b.endpoint.addresses[0]!.split("/")[0]!;
  const loss = await members.host(0).lossDuring(a.sandbox, to, async () => {
    for (const n of [0, 1]) {
      const host = underlay.members[n]!;
      const next = await newKeyPair();
      // It is announced beside the one in use, then used, then alone.
      host.keys.push(next);
      await underlay.introduce(1 - n);
      host.keys.reverse();
      await underlay.introduce(n, [0, 1].map((m) => underlay.says(m)));
      host.keys.reverse();
      // The other's daemon finds out by the handshake, which the ping brings about: the store hasn't told it yet.
      const peers = () => members.host(1 - n).parts.tunnel!.peers();
      for (let i = 0; i < 100 && (await peers())[0]!.key !== next.public; i++) {
        await new Promise((resolve) => setTimeout(resolve, 20));
        await members.host(1 - n).driver.look!();
      }
      assert.equal((await peers())[0]!.key, next.public);
      host.keys.splice(0, 1);
      await underlay.introduce(1 - n);
    }
  });
  assert.ok(loss < 0.5, `${loss} lost`);
  assert.ok(await members.reaches(a, b) && await members.reaches(b, a));
  for (const n of [0, 1]) {
    const [peer] = await members.host(n).parts.tunnel!.peers();
    assert.equal(peer!.key, underlay.members[1 - n]!.keys[0]!.public);
  }
  assert.deepEqual(await clear.stop(), []);
});

Deno.test("encrypted - without tunnel or peer nothing leaves, and it comes back", async () => {
  await using members = await encrypted(2);
  const [a, b] = [await members.join(0), await members.join(1)];
  assert.ok(await members.reaches(a, b));
  const clear = await listen(members);
  const { tunnel } = members.host(0).parts;
  const [pid] = await processesOf(members, 0);
  if (pid === undefined) await members.host(0).destroy(`tunnel/${members.underlay.device(0)}`);
  else Deno.kill(pid, "SIGKILL");
  assert.equal(await members.reaches(a, b), false, "the device is gone");
  assert.deepEqual(await members.host(0).driver.look!(), [
    "Brought the tunnel of encrypted networks up again",
  ]);
  assert.ok(await members.reaches(a, b));
  // A host whose key isn't known any more.
  await tunnel!.setHosts([]);
  assert.equal(await members.reaches(a, b), false);
  await members.underlay.introduce(0);
  assert.ok(await members.reaches(a, b));
  // An older daemon knows it with a key that it has no more.
  await members.underlay.introduce(0, [{
    ...members.underlay.says(1),
    keys: [(await newKeyPair()).public],
  }]);
  assert.equal(await members.reaches(a, b), false);
  assert.deepEqual(await clear.stop(), []);
});

Deno.test("encrypted - a new daemon takes the tunnel over, sessions and all", async () => {
  await using members = await encrypted(2);
  const [a, b] = [await members.join(0), await members.join(1)];
  assert.ok(await members.reaches(a, b));
  const before = await processesOf(members, 0);
  const clear = await listen(members);
  const to = b.endpoint.addresses[0]!.split("/")[0]!;
  const handshakes = await members.host(1).parts.tunnel!.peers();
  const loss = await members.host(0).lossDuring(a.sandbox, to, async () => {
    await members.host(0).restart();
    await members.underlay.introduce(0);
    await members.reconcile(0);
    await members.reconcile(0);
  });
  assert.equal(loss, 0);
  assert.deepEqual(await processesOf(members, 0), before);
  const after = await members.host(1).parts.tunnel!.peers();
  assert.equal(after[0]!.handshake, handshakes[0]!.handshake);
  assert.deepEqual(await clear.stop(), []);
});

Deno.test("encrypted - the MTU follows the underlay, and too little for IPv6 is said of the underlay's link", async () => {
  await using members = await encrypted(2);
  const [a, b] = [await members.join(0), await members.join(1)];
  await members.underlay.setMtu(1460);
  for (const n of [0, 1]) await members.reconcile(n);
  const to = b.endpoint.addresses[0]!.split("/")[0]!;
  assert.equal((await crosses(a, to, 1322)).code, 0);
  assert.notEqual((await crosses(a, to, 1323)).code, 0);
  await members.underlay.setMtu(1400);
  const { failed } = await members.reconcile(0);
  assert.match(failed.join(), /MTU of 1258.*raise that of "u0" \(1400\)/);
});

Deno.test("encrypted - an underlay with little room has a tunnel, for networks without IPv6", async () => {
  const underlay = await TestUnderlay.create(2, { mtu: 1300 });
  await using _ = underlay;
  await underlay.introduceAll();
  const both = underlay.hosts[0]!.network({ encrypted: "true" });
  const pools = both.pools.filter(({ family }) => family === 4);
  const members = new Members(underlay, { ...both, ipv6: false, pools });
  const clear = await listen(members);
  const [a, b] = [await members.join(0), await members.join(1)];
  assert.ok(await members.reaches(a, b));
  const to = b.endpoint.addresses[0]!.split("/")[0]!;
  // 1300 - 60 = 1240, of which 1232 is a multiple of 16.
  assert.equal((await crosses(a, to, 1232 - 70)).code, 0);
  assert.notEqual((await crosses(a, to, 1232 - 69)).code, 0);
  assert.deepEqual(await clear.stop(), []);
});

Deno.test("encrypted - another program has the port: attaching says so, and works when it has ended", async () => {
  await using members = await encrypted(1);
  const hold = `import socket,sys,time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(("0.0.0.0", ${WIREGUARD_PORT}))
print("held", flush=True); time.sleep(60)`;
  const holder = spawn(["python3", "-c", hold], {
    namespace: members.host(0).home.path,
    stdout: "piped",
    stderr: "null",
  });
  const said = holder.stdout.getReader();
  await said.read();
  const join = newJoin(members.network, await members.host(0).sandbox(), 1);
  const { driver } = members.host(0);
  await assert.rejects(driver.join(members.network, join), {
    code: "in_use",
    message:
      `Cannot bring up network "${members.network.name}", which is encrypted: another program of this ` +
      `host has UDP port ${WIREGUARD_PORT}; end it, or give the daemon another --wireguard-port`,
  });
  holder.kill("SIGKILL");
  await Promise.all([holder.status, said.cancel()]);
  await driver.join(members.network, join);
  await driver.leave(members.network, join);
  assert.deepEqual(await members.host(0).objects(), []);
});

Deno.test("encrypted - a host's address changes, and its peers follow the handshake", async () => {
  await using members = await encrypted(2);
  const [a, b] = [await members.join(0), await members.join(1)];
  assert.ok(await members.reaches(a, b));
  const { home } = members.host(0);
  await home.ip("addr del 192.0.2.1/24 dev u0", "addr add 192.0.2.77/24 dev u0");
  await members.host(0).driver.look!();
  assert.ok(await members.reaches(a, b), "it is the one that speaks first");
  assert.ok(await members.reaches(b, a));
  const [peer] = await members.host(1).parts.tunnel!.peers();
  assert.equal(peer!.endpoint, `192.0.2.77:${WIREGUARD_PORT}`);
  // What was learned stays when the same is said again.
  await members.underlay.introduce(1);
  await members.reconcile(1);
  assert.ok(await members.reaches(b, a));
});

/** Writes VXLAN frames with a ping in them to a host's ports, in the clear, from a neighbour on the wire. */
const INJECT = `
import socket, struct, sys
target, vni, ports, count, mac, src = sys.argv[1], int(sys.argv[2]), sys.argv[3].split(","), int(sys.argv[4]), sys.argv[5], sys.argv[6]
family = socket.AF_INET6 if ":" in target else socket.AF_INET
s = socket.socket(family, socket.SOCK_DGRAM)
s.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 22)
if src != "-": s.bind((src, 0))
frame = bytes.fromhex(mac.replace(":", "")) + bytes.fromhex("0a0000000001") + b"\\x86\\xdd" + b"injected" * 8
packet = struct.pack("!BBHI", 8, 0, 0, vni << 8) + frame
sent = 0
for i in range(count):
    try:
        s.sendto(packet, (target, int(ports[i % len(ports)]))); sent += 1
    except OSError: pass
print(sent)
`;

const SENDER = "ether src 0a:00:00:00:00:01";

for (const family of [4, 6] as const) {
  Deno.test(`encrypted - 100,000 clear packets on IPv${family}: none arrives`, async () => {
    await using members = await encrypted(3, { family });
    const [a, b] = [await members.join(0), await members.join(1)];
    assert.ok(await members.reaches(a, b));
    const seen = await capture(a.sandbox.path, { link: "eth0", filter: SENDER });
    const inject = (from: string, to: string, count: number, source = "-") => {
      const { mac } = a.endpoint;
      const args = [to, String(members.network.vni), "4789,4790", String(count), mac, source];
      return ok(["python3", "-c", INJECT, ...args], { namespace: from });
    };
    const home = (n: number) => members.host(n).home.path;
    const address = members.underlay.address(0);
    // That such packets would be seen: in a network that isn't encrypted they are.
    const open = members.host(0).network();
    const other = newJoin(open, await members.host(0).sandbox(), 77);
    await members.host(0).driver.join(open, other);
    const control = await capture(other.sandbox.path, { link: "eth0", filter: SENDER });
    const args = [address, String(open.vni), "4789", "10", other.endpoint.mac, "-"];
    await ok(["python3", "-c", INJECT, ...args], { namespace: home(2) });
    assert.equal((await control.stop()).length, 10);
    // From a neighbour, from the very address of a member (which it has forged), and from the host itself.
    assert.equal(Number(await inject(home(2), address, 40_000)), 40_000);
    assert.equal(
      Number(await inject(home(1), address, 40_000, members.underlay.address(1))),
      40_000,
    );
    await inject(home(0), address, 20_000);
    // To the address inside the tunnel there is no way from outside.
    await inject(home(2), tunnelAddress(members.underlay.members[0]!.id), 10).catch(() => {});
    assert.deepEqual(await seen.stop(), []);
    assert.ok(await members.reaches(a, b));
  });
}

Deno.test("encrypted - two hosts by one key or one address have no tunnel", async () => {
  await using members = await encrypted(2);
  const [a, b] = [await members.join(0), await members.join(1)];
  assert.ok(await members.reaches(a, b));
  const forged = "f".repeat(64);
  for (
    const record of [
      { ...members.underlay.says(1), id: forged },
      { ...members.underlay.says(1), keys: members.underlay.says(0).keys, id: forged },
    ]
  ) {
    await members.underlay.introduce(0, [0, 1].map((n) => members.underlay.says(n)).concat(record));
    const refused = members.host(0).parts.tunnel!.refused.map(({ id }) => id);
    assert.ok(refused.includes(forged));
  }
  await members.underlay.introduce(0);
  assert.ok(await members.reaches(a, b));
});

Deno.test("encrypted - a host without WireGuard says which package it needs, and brings nothing up", async () => {
  await using members = await encrypted(1);
  const path = Deno.env.get("PATH")!;
  const tools = await Deno.makeTempDir({ prefix: "netsvc-test-" });
  try {
    for (const tool of ["ip", "bridge", "nft"]) {
      await Deno.symlink((await ok(["which", tool])).trim(), `${tools}/${tool}`);
    }
    const join = newJoin(members.network, await members.host(0).sandbox(), 1);
    Deno.env.set("PATH", tools);
    const attach = () => members.host(0).driver.join(members.network, join as Join);
    await assert.rejects(
      attach(),
      (error: Error) => /apt-get install wireguard-tools/.test(error.message),
    );
    await Deno.symlink("/usr/bin/wg", `${tools}/wg`);
    await assert.rejects(attach(), {
      code: "unsupported",
      message:
        `Cannot bring up network "${members.network.name}", which is encrypted: This host has neither ` +
        `WireGuard in its kernel nor the program wireguard-go. Install it: apt-get install wireguard-go`,
    });
  } finally {
    Deno.env.set("PATH", path);
    await Deno.remove(tools, { recursive: true });
  }
  assert.deepEqual((await members.host(0).objects()).filter((name) => name !== "tunnel"), []);
});
