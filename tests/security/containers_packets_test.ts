/** Containers as enemies: what they send, whom they reach, and the host as their router. */
import assert from "node:assert/strict";
import { inNamespace } from "../../lib/linux/namespaces/namespace.ts";
import { addressBytes, linkLocalOf } from "../../lib/ip/text.ts";
import { internetChecksum } from "../../lib/linux/sockets/checksum.ts";
import { ok, run, spawn, until } from "../harness/command.ts";
import { TestHost, TestNamespace } from "../harness/host.ts";
import {
  advertisement,
  arp,
  BROADCAST,
  ethernet,
  icmp6,
  routerAdvertisement,
  seen,
  send,
  udp,
} from "./frames.ts";

/** A container, as an attacker knows it. */
interface Member {
  path: string;
  v4: string;
  v6: string;
  mac: string;
}

const OUTSIDE = { host: "198.51.100.1", far: "198.51.100.2" };
const OUTSIDE6 = { host: "2001:db8:1::1", far: "2001:db8:1::2" };

async function member(host: TestHost, network: string, name: string): Promise<Member> {
  await host.ok("container", "create", "--net", network, name);
  const [info] = JSON.parse(
    await host.ok("service", "info", "--format", "json", `${name}.${network}`),
  );
  const [v4, v6 = ""] = info.addresses.map((text: string) => text.split("/")[0]);
  return { path: await host.sandbox(name), v4, v6, mac: info.mac };
}

/** The bridge of a network: its gateway, and its link. */
async function gateway(host: TestHost, network: string) {
  const [info] = JSON.parse(await host.ok("network", "info", "--format", "json", network));
  const link = `nsb${info.id.slice(0, 12)}`;
  const [{ address }] = JSON.parse(await host.namespace.ok(["ip", "-j", "link", "show", link]));
  const [v4, v6] = info.pools.map((pool: { gateway: string }) => pool.gateway);
  return { v4, v6, mac: address as string, link };
}

const LAST = "the last one";

/** Opens a UDP socket, and gives what it received when the last one has come. */
async function received(
  namespace: string,
  { hostname, port }: { hostname: string; port: number },
  action: () => Promise<void>,
): Promise<string[]> {
  const socket = inNamespace(
    namespace,
    () => Deno.listenDatagram({ transport: "udp", hostname, port }),
  );
  try {
    const acted = action();
    const got: string[] = [];
    for await (const [data] of socket) {
      const text = new TextDecoder().decode(data);
      if (text === LAST) break;
      got.push(text);
    }
    await acted;
    return got;
  } finally {
    socket.close();
  }
}

function sayUdp(namespace: string, hostname: string, port: number, text: string): Promise<void> {
  const socket = inNamespace(
    namespace,
    () =>
      Deno.listenDatagram({
        ...{ transport: "udp", port: 0 },
        hostname: hostname.includes(":") ? "::" : "0.0.0.0",
      }),
  );
  return socket.send(new TextEncoder().encode(text), { transport: "udp", hostname, port })
    .then(() => {}, () => {}).finally(() => socket.close());
}

async function connects(namespace: string, hostname: string, port: number): Promise<boolean> {
  try {
    const connecting = inNamespace(
      namespace,
      () => Deno.connect({ hostname, port, signal: AbortSignal.timeout(700) }),
    );
    (await connecting).close();
    return true;
  } catch {
    return false;
  }
}

function listener(namespace: string, port: number): Disposable {
  const listening = inNamespace(namespace, () => Deno.listen({ hostname: "::", port }));
  (async () => {
    for await (const conn of listening) conn.close();
  })().catch(() => {});
  return { [Symbol.dispose]: () => listening.close() };
}

/** Sends a packet of each of these protocols, with this inside. */
async function sayRaw(namespace: string, to: string, numbers: number[], inner: number[]) {
  const script = `import socket,sys
for n in map(int,sys.argv[2].split(",")):
  s=socket.socket(socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET,socket.SOCK_RAW,n)
  try: s.sendto(bytes.fromhex(sys.argv[3]),(sys.argv[1],0))
  except PermissionError: pass`;
  const hex = Uint8Array.from(inner).toHex();
  await ok(["python3", "-c", script, to, numbers.join(), hex], { namespace });
}

/** Which of these protocols come to a namespace, over the family of an address of its. */
async function tunnelled(
  namespace: string,
  numbers: number[],
  action: () => Promise<void>,
  at: string,
): Promise<string[]> {
  const script = `import socket,sys,select
six=":" in sys.argv[2]; f=socket.AF_INET6 if six else socket.AF_INET
raw={socket.socket(f,socket.SOCK_RAW,n):n for n in map(int,sys.argv[1].split(","))}
print("ready",flush=True)
sys.stdin.readline()
for s in select.select(list(raw),[],[],1)[0]: print(raw[s])`;
  const child = spawn(["python3", "-c", script, numbers.join(), at], {
    ...{ namespace, stdin: "piped", stdout: "piped", stderr: "inherit" } as const,
  });
  const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  await reader.read();
  await action();
  await child.stdin.close();
  let said = "";
  for (let part = await reader.read(); !part.done; part = await reader.read()) said += part.value;
  await child.status;
  return said.split("\n").filter(Boolean);
}

const checksummed = (bytes: number[]) => {
  const sum = internetChecksum(Uint8Array.from(bytes));
  return [sum >> 8, sum & 255];
};

/** A message of IGMP in its packet, which says that routers look at it (RFC 2236, 2). */
function igmp(from: string, to: string, message: number[]): number[] {
  const addresses = [from, to].flatMap((address) => [...addressBytes(address)]);
  const header = [0x46, 0xc0, 0, 24 + message.length, 0, 1, 0, 0, 1, 2, 0, 0, ...addresses];
  header.push(0x94, 4, 0, 0);
  header.splice(10, 2, ...checksummed(header));
  return [...header, ...message];
}

const pings = async (namespace: string, address: string) =>
  (await run(["ping", "-c1", "-W1", address], { namespace })).code === 0;

Deno.test("containers: what they send is theirs, and whom they reach is theirs to reach", async (t) => {
  await using host = await TestHost.create({ stopped: true });
  await using outside = await TestNamespace.create("o");
  const home = host.namespace;
  await home.ip(
    `link add up0 type veth peer name eth0 netns ${outside.path}`,
    `addr add ${OUTSIDE.host}/24 dev up0`,
    `addr add ${OUTSIDE6.host}/64 dev up0 nodad`,
    "link set up0 up",
    `route add default via ${OUTSIDE.far}`,
  );
  await outside.ip(
    `addr add ${OUTSIDE.far}/24 dev eth0`,
    `addr add ${OUTSIDE6.far}/64 dev eth0 nodad`,
    "link set eth0 up",
  );
  await host.start();
  const create = (...words: string[]) => host.ok("network", "create", ...words);
  await create("--ipv6", "foo");
  await create("--ipv6", "-o", "icc=false", "apart");
  await create("--ipv6", "--internal", "inner");
  await create("-o", "host_access=ports", "some");
  await create("-o", "host_access=deny", "none2");
  await create("-o", "spoofing=allow", "free");
  const a = await member(host, "foo", "a"), b = await member(host, "foo", "b");
  const foo = await gateway(host, "foo");
  await host.ok("container", "create", "--net", "foo", "-p", "8080:80", "web");
  using _web = listener(await host.sandbox("web"), 80);
  using _service = listener(home.path, 7777);

  const honest = () => {
    const { type, packet } = udp([a.v4, b.v4], [1, 9], LAST);
    return ethernet(b.mac, a.mac, type, packet);
  };
  const sixes = (from: string, message: number[]) =>
    ethernet("33:33:00:00:00:01", a.mac, 0x86dd, icmp6(from, "ff02::1", message));

  const tagged = (frame: number[]) => [...frame.slice(0, 12), 0x81, 0, 0, 0, ...frame.slice(12)];
  /** A piece of a packet (RFC 8200, 4.5) that others follow, or the last one. */
  const inPieces = (next: number, data: number[], offset = 0) => {
    const piece = [next, 0, 0, offset << 3 | (offset === 0 ? 1 : 0), 0, 0, 0, 7, ...data];
    const addresses = [a.v6, b.v6].flatMap((address) => [...addressBytes(address)]);
    return ethernet(b.mac, a.mac, 0x86dd, [
      ...[0x60, 0, 0, 0, 0, piece.length, 44, 64],
      ...addresses,
      ...piece,
    ]);
  };

  await t.step(
    "frames, ARP, neighbour discovery, routers, DHCP: only what is their own",
    async () => {
      const local = linkLocalOf(a.mac);
      const attacks: Record<string, number[]> = {
        "another's MAC": ethernet(BROADCAST, b.mac, 0x0800, udp([a.v4, b.v4], [1, 9], "x").packet),
        "a MAC of nobody": ethernet(b.mac, "02:00:00:00:00:99", 0x0800, [1]),
        "ARP reply as the gateway": ethernet(b.mac, a.mac, 0x0806, arp(2, a.mac, foo.v4, b.v4)),
        "ARP request as the gateway": ethernet(
          BROADCAST,
          a.mac,
          0x0806,
          arp(1, a.mac, foo.v4, b.v4),
        ),
        "ARP of its own with another's MAC inside": ethernet(
          BROADCAST,
          a.mac,
          0x0806,
          arp(1, "02:00:00:00:00:99", a.v4, b.v4),
        ),
        "advertises the gateway's address": sixes(local, advertisement(foo.v6, a.mac)),
        "advertises it from its own address": sixes(a.v6, advertisement(foo.v6, a.mac)),
        "is a router": sixes(local, routerAdvertisement("2001:db8:bad::")),
        "redirects": sixes(local, [137, 0, 0, 0, 0, 0, 0, 0, ...Array(32).fill(1)]),
        "says an address is taken before it is used": ethernet(
          "33:33:00:00:00:01",
          a.mac,
          0x86dd,
          icmp6("::", "ff02::1", [135, 0, 0, 0, 0, 0, 0, 0, 0xfe, 0x80, ...Array(14).fill(2)]),
        ),
        "offers an address by DHCP": ethernet(
          BROADCAST,
          a.mac,
          0x0800,
          udp([a.v4, "255.255.255.255"], [67, 68], "offer").packet,
        ),
        "offers one by DHCPv6": ethernet(
          b.mac,
          a.mac,
          0x86dd,
          udp([a.v6, b.v6], [547, 546], "offer").packet,
        ),
        "an address of IPv4 that isn't its own": ethernet(
          b.mac,
          a.mac,
          0x0800,
          udp([foo.v4, b.v4], [53, 9], "x").packet,
        ),
        "an address of IPv6 that isn't its own": ethernet(
          b.mac,
          a.mac,
          0x86dd,
          udp([foo.v6, b.v6], [53, 9], "x").packet,
        ),
        // A tag of no VLAN, which receivers take off.
        "the same behind a tag": ethernet(b.mac, a.mac, 0x8100, [
          ...[0, 0, 8, 0],
          ...udp([foo.v4, b.v4], [53, 9], "x").packet,
        ]),
        "is a router behind a tag": tagged(sixes(local, routerAdvertisement("2001:db8:bad::"))),
        "redirects behind a tag": tagged(
          sixes(local, [137, 0, 0, 0, 0, 0, 0, 1, ...Array(32).fill(1)]),
        ),
        "advertises the gateway's address behind a tag": tagged(
          sixes(local, advertisement(foo.v6, a.mac)),
        ),
        // The first piece doesn't hold all headers.
        "offers one by DHCPv6 in pieces": inPieces(60, [17, 0, 1, 4, 0, 0, 0, 0]),
        "no IP at all": ethernet(b.mac, a.mac, 0x88b5, [1, 2, 3]),
      };
      const frames = await seen(b.path, "eth0", async () => {
        await send(a.path, "eth0", ...Object.values(attacks), honest());
      });
      // What comes may be padded, and a tag is shown apart: compared by the payload behind addresses.
      for (const [name, frame] of Object.entries(attacks)) {
        const tail = Uint8Array.from(frame.slice(frame[12] === 0x81 ? 18 : 14)).toHex();
        if (name === "a MAC of nobody") {
          assert.ok(!frames.some((hex) => hex.slice(12, 24) === "020000000099"), name);
        } else assert.ok(!frames.some((hex) => hex.includes(tail)), name);
      }
      assert.ok(
        await pings(home.path, b.v4) && await pings(a.path, b.v4) && await pings(a.path, b.v6),
      );
      for (const address of [b.v4, b.v6]) {
        const large = ["ping", "-c1", "-W1", "-s", "4000", address];
        assert.equal((await run(large, { namespace: a.path })).code, 0, "in pieces, honestly");
      }
      const fdb = await home.ok(["bridge", "fdb", "show", "br", foo.link]);
      for (const { mac } of [a, b]) assert.match(fdb, new RegExp(`^${mac} .* static`, "m"));
      const links = await home.ok(["bridge", "-d", "link", "show"]);
      assert.doesNotMatch(links, /nsv[^\n]*\n[^\n]*learning on/);
    },
  );

  await t.step("what the host gets from them is from them", async () => {
    const forged = ["127.0.0.53", OUTSIDE.far, b.v4, foo.v4].map((from) => {
      const { type, packet } = udp([from, foo.v4], [53, 6666], `from ${from}`);
      return ethernet(foo.mac, a.mac, type, packet);
    });
    const got = await received(home.path, { hostname: "0.0.0.0", port: 6666 }, async () => {
      await send(a.path, "eth0", ...forged);
      await sayUdp(a.path, foo.v4, 6666, LAST);
    });
    assert.deepEqual(got, []);
  });

  // Frames to 01:80:c2:00:00:0x go up by the port itself, and don't come by the rules of the bridge.
  await t.step("nor does anything get past the bridge's rules to the host", async () => {
    const { path, mac } = await member(host, "inner", "past");
    const [from, to] = [OUTSIDE.far, OUTSIDE.host], [from6, to6] = [OUTSIDE6.far, OUTSIDE6.host];
    const frames = ["00", "02", "03", "0e"].flatMap((digits) => {
      const reserved = `01:80:c2:00:00:${digits}`;
      const all = [[from, to], [from6, to6]].map(([from, to]) =>
        udp([from!, to!], [53, 6666], `from ${from} by ${digits}`)
      );
      const advertised = icmp6(linkLocalOf(mac), "ff02::1", routerAdvertisement("2001:db8:bad::"));
      return [
        ...all.map(({ type, packet }) => ethernet(reserved, mac, type, packet)),
        ethernet(reserved, mac, 0x86dd, advertised),
        ethernet(reserved, mac, 0x0806, arp(1, mac, "198.51.100.66", OUTSIDE.host)),
      ];
    });
    const got = await received(home.path, { hostname: "::", port: 6666 }, async () => {
      await send(path, "eth0", ...frames);
      await sayUdp(a.path, foo.v4, 6666, LAST);
    });
    assert.deepEqual(got, []);
    assert.doesNotMatch(await home.ok(["ip", "-6", "route"]), /2001:db8:bad|default/);
    assert.doesNotMatch(await home.ok(["ip", "neigh"]), /198\.51\.100\.66/);
    await host.ok("container", "rm", "-f", "past");
  });

  await t.step("spoofing=allow is for those who need it", async () => {
    const [x, y] = [await member(host, "free", "x"), await member(host, "free", "y")];
    const { type, packet } = udp([`${x.v4.replace(/\.\d+$/, ".200")}`, y.v4], [1, 9], "floating");
    const frames = await seen(y.path, "eth0", async () => {
      await send(x.path, "eth0", ethernet(y.mac, x.mac, type, packet));
      await send(
        x.path,
        "eth0",
        ethernet(y.mac, x.mac, 0x0800, udp([x.v4, y.v4], [1, 9], LAST).packet),
      );
    });
    assert.ok(frames.some((hex) => hex.includes(Uint8Array.from(packet).toHex())));
  });

  await t.step("icc=false holds by the gateway, too, in both families", async () => {
    const [c, d] = [await member(host, "apart", "c"), await member(host, "apart", "d")];
    const apart = await gateway(host, "apart");
    const got = await received(d.path, { hostname: "::", port: 5000 }, async () => {
      for (const [to, via] of [[d.v4, apart.v4], [d.v6, apart.v6]]) {
        await run(["ip", "route", "add", to!, "via", via!, "dev", "eth0"], { namespace: c.path });
        await sayUdp(c.path, to!, 5000, `to ${to}`);
      }
      await sayUdp(home.path, d.v4, 5000, LAST);
    });
    assert.deepEqual(got, []);
  });

  await t.step(
    "containers of two overlays don't meet, and are held to their addresses",
    async () => {
      for (const name of ["prod", "other"]) await create("-d", "overlay", name);
      const p = await member(host, "prod", "p"), q = await member(host, "other", "q");
      const p2 = await member(host, "prod", "p2");
      const way = async ({ path }: Member) =>
        JSON.parse((await run(["ip", "-j", "addr", "show", "eth1"], { namespace: path })).stdout)[0]
          .addr_info.filter(({ scope }: { scope: string }) => scope === "global")
          .map(({ local }: { local: string }) => local) as string[];
      const legs = await way(q);
      assert.equal(legs.length, 2);
      const out = await gateway(host, "netsvc-gateway");
      const got = await received(q.path, { hostname: "::", port: 5000 }, async () => {
        for (const leg of legs) {
          const via = leg.includes(":") ? out.v6 : out.v4;
          await run(["ip", "route", "add", leg, "via", via, "dev", "eth1"], { namespace: p.path });
          await sayUdp(p.path, leg, 5000, `to ${leg}`);
        }
        await sayUdp(home.path, legs.find((leg) => !leg.includes(":"))!, 5000, LAST);
      });
      assert.deepEqual(got, []);
      assert.ok(await pings(p.path, OUTSIDE.far), "the way out is open");
      const frames = await seen(p2.path, "eth0", async () => {
        const forged = udp(["192.0.2.9", p2.v4], [1, 9], "forged");
        const last = udp([p.v4, p2.v4], [1, 9], LAST);
        await send(
          p.path,
          "eth0",
          ethernet(p2.mac, p.mac, forged.type, forged.packet),
          ethernet(
            p2.mac,
            "02:00:00:00:00:99",
            last.type,
            udp([p.v4, p2.v4], [1, 9], "forged").packet,
          ),
          ethernet(BROADCAST, p.mac, 0x0806, arp(1, p.mac, q.v4.replace(/\d+$/, "250"), p2.v4)),
          ethernet(p2.mac, p.mac, last.type, last.packet),
        );
      });
      const word = new TextEncoder().encode("forged").toHex();
      assert.ok(!frames.some((hex) => hex.includes(word) || hex.slice(24, 28) === "0806"));
    },
  );

  await t.step("--internal: the network itself, and nothing of the host", async () => {
    const [i, i2] = [await member(host, "inner", "i"), await member(host, "inner", "i2")];
    const inner = await gateway(host, "inner");
    assert.ok(await pings(i.path, i2.v4) && await pings(i.path, i2.v6));
    for (const via of [inner.v4, inner.v6]) {
      const family = via.includes(":") ? "-6" : "-4";
      await run(["ip", family, "route", "replace", "default", "via", via], { namespace: i.path });
    }
    for (const address of [inner.v4, inner.v6, foo.v4, OUTSIDE.host, OUTSIDE6.host]) {
      for (const port of [7777, 8080]) {
        assert.equal(await connects(i.path, address, port), false, `${address} ${port}`);
      }
    }
    const local = `${linkLocalOf(inner.mac)}%eth0`;
    const { code } = await run(["ping", "-c1", "-W1", local], { namespace: i.path });
    assert.notEqual(code, 0, "the gateway's link-local address");
    assert.ok(await connects(a.path, OUTSIDE.host, 8080), "others do");
    assert.ok(await pings(home.path, i.v4) && await pings(home.path, i.v6), "the host reaches it");
  });

  await t.step("host_access: nothing of the host, published ports alone, or all", async () => {
    const cases = [["some", "s", false, true], ["none2", "n", false, false]] as const;
    for (const [network, name, services, ports] of cases) {
      const { path } = await member(host, network, name);
      const { v4 } = await gateway(host, network);
      for (const address of [v4, OUTSIDE.host]) {
        assert.equal(await connects(path, address, 7777), services, `${network} ${address}`);
        assert.equal(await connects(path, address, 8080), ports, `${network} ${address}`);
      }
      assert.ok(await pings(path, OUTSIDE.far), "the way out is open");
    }
    assert.ok(await connects(a.path, foo.v4, 7777));
  });

  await t.step("a tunnel of the host unpacks nothing of theirs", async () => {
    const inner = udp(["127.0.0.1", foo.v4], [1, 9], "inner").packet;
    const numbers = [4, 41, 47, 50, 51, 97, 108, 115, 137];
    const gateways = { [foo.v4]: OUTSIDE.host, [foo.v6]: OUTSIDE6.host };
    for (const [gateway, outside] of Object.entries(gateways)) {
      const got = await tunnelled(home.path, numbers, async () => {
        for (const to of [gateway, outside]) await sayRaw(a.path, to, numbers, inner);
      }, gateway);
      assert.deepEqual(got, []);
    }
    // Between themselves it is their own matter.
    for (const to of [b.v4, b.v6]) {
      const got = await tunnelled(b.path, [47], () => sayRaw(a.path, to, [47], inner), to);
      assert.deepEqual(got, ["47"]);
    }
  });

  await t.step("nobody takes multicast away from the others", async () => {
    // Who asks is believed when the time for answers is over (RFC 2236, 7): a tenth of a second.
    const query = [0x11, 1, 0, 0, 0, 0, 0, 0];
    query.splice(2, 2, ...checksummed(query));
    const leave = [0x17, 0, 0, 0, 224, 0, 0, 251];
    leave.splice(2, 2, ...checksummed(leave));
    const local = linkLocalOf(a.mac);
    const mld = (type: number, group: string) => {
      const message = [type, 0, 0, 0, 0, 10, 0, 0, ...addressBytes(group)];
      const whole = icmp6(local, "ff02::1", message);
      // Routers look at it (RFC 2710, 3), and it goes no further.
      const options = [58, 0, 5, 2, 0, 0, 1, 0];
      whole.splice(4, 4, 0, options.length + message.length, 0, 1);
      return ethernet("33:33:00:00:00:01", a.mac, 0x86dd, [
        ...whole.slice(0, 40),
        ...options,
        ...whole.slice(40),
      ]);
    };
    const c = await member(host, "foo", "listens");
    const groups = { "239.1.2.3": "01:00:5e:01:02:03", "ff05::4321": "33:33:00:00:43:21" };
    const attack = [
      ethernet("01:00:5e:00:00:01", a.mac, 0x0800, igmp(a.v4, "224.0.0.1", query)),
      ethernet("01:00:5e:00:00:02", a.mac, 0x0800, igmp(a.v4, "224.0.0.2", leave)),
      mld(130, "::"),
      mld(132, "ff05::4321"),
    ];
    const frames = await seen(c.path, "eth0", async () => {
      await send(a.path, "eth0", ...attack);
      await new Promise((resolve) => setTimeout(resolve, 300));
      for (const [group, mac] of Object.entries(groups)) {
        const from = group.includes(":") ? b.v6 : b.v4;
        const { type, packet } = udp([from, group], [9, 9], `to ${group}`);
        await send(b.path, "eth0", ethernet(mac, b.mac, type, packet));
      }
      const { packet } = udp([b.v4, c.v4], [1, 9], LAST);
      await send(b.path, "eth0", ethernet(c.mac, b.mac, 0x0800, packet));
    });
    for (const group of Object.keys(groups)) {
      const word = new TextEncoder().encode(`to ${group}`).toHex();
      assert.ok(frames.some((hex) => hex.includes(word)), group);
    }
    await host.ok("container", "rm", "-f", "listens");
  });

  await t.step(
    "sandboxes believe no router, and have no IPv6 where their network has none",
    async () => {
      const { path } = await member(host, "some", "s2");
      const setting = async (name: string) =>
        (await run(["cat", `/proc/sys/net/${name}`], { namespace: path })).stdout.trim();
      for (const link of ["default", "eth0"]) {
        assert.equal(await setting(`ipv6/conf/${link}/disable_ipv6`), "1", link);
      }
      const { path: six } = await member(host, "foo", "s3");
      assert.match((await run(["ip", "-6", "addr"], { namespace: six })).stdout, /scope global/);
      for (const link of ["all", "default", "eth0"]) {
        for (const name of ["accept_ra", "autoconf", "accept_redirects"]) {
          assert.equal(await setting(`ipv6/conf/${link}/${name}`), "0", `${link} ${name}`);
        }
        assert.equal(await setting(`ipv4/conf/${link}/accept_redirects`), "0", link);
      }
      const some = await gateway(host, "some");
      const text = await home.ok(["ip", "-6", "addr", "show", "dev", some.link]);
      assert.equal(text, "", "nor has its bridge");
      const [{ addr_info }] = JSON.parse(
        (await run(["ip", "-j", "-4", "addr", "show", "dev", "eth0"], { namespace: path })).stdout,
      );
      assert.match(addr_info[0].broadcast, /\.255$/);
    },
  );

  await t.step(
    "a foreign namespace without IPv6 has it on the link whose network has",
    async () => {
      await using foreign = await TestNamespace.create("f");
      await foreign.ok(["sysctl", "-qw", "net.ipv6.conf.all.disable_ipv6=1"]);
      for (const [service, network] of [["four", "some"], ["six", "foo"]]) {
        await host.ok("service", "publish", `${service}.${network}`);
        await host.ok("service", "attach", `netns:${foreign.path}`, `${service}.${network}`);
      }
      assert.ok(await pings(foreign.path, b.v6));
      const four = await foreign.ok(["cat", "/proc/sys/net/ipv6/conf/eth0/disable_ipv6"]);
      const six = await foreign.ok(["cat", "/proc/sys/net/ipv6/conf/eth1/accept_ra"]);
      assert.deepEqual([four, six], ["1", "0"]);
    },
  );

  await t.step("an address that goes to another MAC is found at once", async () => {
    const address = a.v4.replace(/\.\d+$/, ".77");
    const publish = ["service", "publish", "--ip", address];
    for (const name of ["one", "two"]) {
      await host.ok(...publish, `${name}.foo`);
      await host.ok("container", "create", name);
      await host.ok("service", "attach", name, `${name}.foo`);
      for (const path of [a.path, home.path]) assert.ok(await pings(path, address), name);
      await host.ok("container", "rm", "-f", name);
      if (name === "one") await host.ok("service", "unpublish", "one.foo");
    }
  });

  await t.step("the rules come back with the table, and go with their endpoint", async () => {
    // As a reload of the host's own rules does it. Nobody tells the daemon.
    await home.ok(["nft", "flush", "ruleset"]);
    const log = host.log().length;
    await until("they are back", () => /taken away/.test(host.log().slice(log)));
    const frames = await seen(b.path, "eth0", async () => {
      const { type, packet } = udp([foo.v4, b.v4], [53, 9], "forged");
      await send(a.path, "eth0", ethernet(b.mac, a.mac, type, packet), honest());
    });
    assert.ok(!frames.some((hex) => hex.includes(new TextEncoder().encode("forged").toHex())));
    await host.ok("container", "rm", "-f", "a");
    assert.doesNotMatch(
      await home.ok(["nft", "list", "table", "bridge", "netsvc"]),
      new RegExp(a.mac),
    );
  });
});
