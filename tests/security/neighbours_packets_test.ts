/** Neighbours on the wire as enemies, and as what they mostly are: what comes in, and what is led through. */
import assert from "node:assert/strict";
import { inNamespace } from "../../lib/linux/namespaces/namespace.ts";
import { run, until } from "../harness/command.ts";
import { TestHost, TestNamespace } from "../harness/host.ts";
import { ethernet, seen, send, udp } from "./frames.ts";

const HOST = { v4: "198.51.100.1", v6: "2001:db8:1::1", local: "fe80::1" };
const NEAR = { v4: "198.51.100.2", v6: "2001:db8:1::2", local: "fe80::2" };
const FAR = {
  host4: "203.0.113.1",
  host6: "2001:db8:2::1",
  v4: "203.0.113.2",
  v6: "2001:db8:2::2",
};
const VNI = 4242;

/** Answers whoever ends his half with what he said, and "!". */
function answering(namespace: string, port: number): Disposable {
  const listening = inNamespace(namespace, () => Deno.listen({ hostname: "::", port }));
  (async () => {
    for await (const conn of listening) {
      (async () => {
        let said = "";
        const buffer = new Uint8Array(100);
        for (let n = await conn.read(buffer); n !== null; n = await conn.read(buffer)) {
          said += new TextDecoder().decode(buffer.subarray(0, n));
        }
        await conn.write(new TextEncoder().encode(`${said}!`));
        conn.close();
      })().catch(() => {});
    }
  })().catch(() => {});
  return { [Symbol.dispose]: () => listening.close() };
}

/** Says "hi", ends its half, and gives the answer; `undefined`: none. */
async function ask(namespace: string, hostname: string, port: number): Promise<string | undefined> {
  // Python takes an address with a zone as it is.
  const script = `import socket,sys
a=socket.getaddrinfo(sys.argv[1],int(sys.argv[2]),type=socket.SOCK_STREAM,flags=socket.AI_NUMERICHOST)[0]
s=socket.socket(a[0]); s.settimeout(2); s.connect(a[4]); s.sendall(b"hi"); s.shutdown(1)
print(b"".join(iter(lambda: s.recv(99),b"")).decode())`;
  const { code, stdout } = await run(["python3", "-c", script, hostname, String(port)], {
    namespace,
  });
  return code === 0 ? stdout.trim() : undefined;
}

const pings = async (namespace: string, address: string) =>
  (await run(["ping", "-c1", "-W1", address], { namespace })).code === 0;

Deno.test("neighbours: loopback, overlays and other networks aren't theirs; published ports are", async (t) => {
  await using host = await TestHost.create({ stopped: true });
  await using near = await TestNamespace.create("n");
  await using far = await TestNamespace.create("f");
  const home = host.namespace;
  await home.ip(
    `link add up0 type veth peer name eth0 netns ${near.path}`,
    `link add up1 type veth peer name eth0 netns ${far.path}`,
    `addr add ${HOST.v4}/24 dev up0`,
    `addr add ${HOST.v6}/64 dev up0 nodad`,
    `addr add ${HOST.local}/64 dev up0 nodad`,
    `addr add ${FAR.host4}/24 dev up1`,
    `addr add ${FAR.host6}/64 dev up1 nodad`,
    "link set up0 up",
    "link set up1 up",
    `route add default via ${NEAR.v4}`,
    `route add default via ${NEAR.v6}`,
  );
  await near.ip(
    `addr add ${NEAR.v4}/24 dev eth0`,
    `addr add ${NEAR.v6}/64 dev eth0 nodad`,
    `addr add ${NEAR.local}/64 dev eth0 nodad`,
    "link set eth0 up",
    `route add 203.0.113.0/24 via ${HOST.v4}`,
    `route add 2001:db8:2::/64 via ${HOST.v6}`,
  );
  await far.ip(
    `addr add ${FAR.v4}/24 dev eth0`,
    `addr add ${FAR.v6}/64 dev eth0 nodad`,
    "link set eth0 up",
    `route add default via ${FAR.host4}`,
    `route add default via ${FAR.host6}`,
  );
  await home.ok(["sh", "-c", "echo 0 > /proc/sys/net/ipv4/ip_forward"]);
  await host.start();
  await host.ok("network", "create", "--ipv6", "foo");
  await host.ok(
    ...["container", "create", "--net", "foo", "-p", "8080:80", "-p", "127.0.0.1:8082:80"],
    ...["-p", "[::1]:8083:80", "-p", "127.0.0.1:8053:53/udp", "web"],
  );
  await host.ok("network", "create", "-d", "overlay", "-o", `vni=${VNI}`, "prod");
  await host.ok("container", "create", "--net", "prod", "victim");
  const [web, victim] = [await host.sandbox("web"), await host.sandbox("victim")];
  using _web = answering(web, 80);

  await t.step(
    "containers get out, in both families, and the host is nobody's router",
    async () => {
      for (const address of [NEAR.v4, NEAR.v6, FAR.v4, FAR.v6]) {
        await until(`${address} is reached`, () => pings(web, address));
      }
      for (const address of [FAR.v4, FAR.v6]) {
        assert.equal(await pings(near.path, address), false, address);
      }
    },
  );

  await t.step(
    "whoever has it be one later is believed, and so is who takes that back",
    async () => {
      for (
        const [name, address] of [["ipv4.ip_forward", FAR.v4], ["ipv6.conf.all.forwarding", FAR.v6]]
      ) {
        await home.ok(["sysctl", "-qw", `net.${name}=1`]);
        await until(`${address} is forwarded`, () => pings(near.path, address!));
        await home.ok(["sysctl", "-qw", `net.${name}=0`]);
        await until(`${address} is no longer`, async () => !await pings(near.path, address!));
        await until("containers get out all the same", () => pings(web, address!), 40_000);
        assert.equal(await pings(near.path, address!), false);
      }
    },
  );

  await t.step("what others bridge isn't forwarded, and passes", async () => {
    await using one = await TestNamespace.create("x");
    await using two = await TestNamespace.create("y");
    await home.ip("link add vms type bridge", "link set vms up");
    for (const [i, vm] of [one, two].entries()) {
      await home.ip(
        `link add vm${i} type veth peer name eth0 netns ${vm.path}`,
        `link set vm${i} master vms up`,
      );
      await vm.ip(
        `addr add 192.0.2.${i + 1}/24 dev eth0`,
        `addr add 2001:db8:3::${i + 1}/64 dev eth0 nodad`,
        "link set eth0 up",
      );
    }
    for (const address of ["192.0.2.2", "2001:db8:3::2"]) {
      await until(`${address} is reached, new as the bridge is`, () => pings(one.path, address));
    }
  });

  await t.step("loopback addresses come in by no link", async () => {
    assert.equal(await ask(home.path, "127.0.0.1", 8082), "hi!");
    assert.equal(await ask(home.path, "::1", 8083), "hi!");
    const [{ address }] = JSON.parse(await home.ok(["ip", "-j", "link", "show", "up0"]));
    const [own] = JSON.parse(await near.ok(["ip", "-j", "link", "show", "eth0"]));
    await near.ok([
      "sh",
      "-ec",
      `sysctl -qw net.ipv4.conf.all.route_localnet=1
      ip addr del 127.0.0.1/8 dev lo
      ip route add 127.0.0.0/8 via ${HOST.v4} dev eth0 src ${NEAR.v4}`,
    ]);
    assert.equal(await ask(near.path, "127.0.0.1", 8082), undefined);
    const frames = await seen(web, "eth0", async () => {
      const forged = ([from, to, port]: [string, string, number]) => {
        const { type, packet } = udp([from, to], [5, port], "forged");
        return ethernet(address, own.address, type, packet);
      };
      await send(
        near.path,
        "eth0",
        forged([NEAR.v4, "127.0.0.1", 8053]),
        forged(["127.0.0.1", HOST.v4, 8080]),
        forged(["::1", HOST.v6, 8080]),
      );
      // What comes after all that by the same way.
      const [{ addr_info }] = JSON.parse(
        (await run(["ip", "-j", "-4", "addr", "show", "eth0"], { namespace: web })).stdout,
      );
      const socket = inNamespace(
        home.path,
        () => Deno.listenDatagram({ transport: "udp", hostname: "0.0.0.0", port: 0 }),
      );
      const to = { transport: "udp", hostname: addr_info[0].local, port: 99 } as const;
      await socket.send(new TextEncoder().encode("the last one"), to);
      socket.close();
    });
    const word = new TextEncoder().encode("forged").toHex();
    assert.ok(!frames.some((hex) => hex.includes(word)));
  });

  await t.step("published ports answer at every address of the host, half-closed too", async () => {
    for (const to of [HOST.v4, HOST.v6, `${HOST.local}%eth0`]) {
      assert.equal(await ask(near.path, to, 8080), "hi!", to);
    }
    for (const to of ["127.0.0.1", "::1", HOST.v4, HOST.v6, `${HOST.local}%up0`]) {
      assert.equal(await ask(home.path, to, 8080), "hi!", to);
    }
    for (const port of [8082, 8083]) {
      for (const to of [HOST.v4, HOST.v6, `${HOST.local}%eth0`]) {
        assert.equal(await ask(near.path, to, port), undefined, `${to} ${port}`);
      }
    }
  });

  await t.step("an overlay takes nothing from whoever isn't of the cluster", async () => {
    const [inside] = JSON.parse(
      (await run(["ip", "-j", "addr", "show", "eth0"], { namespace: victim })).stdout,
    );
    const address = inside.addr_info[0].local;
    const wrapped = (text: string) => {
      const { packet } = udp(["192.0.2.9", address], [5, 9], text);
      const frame = ethernet(inside.address, "02:00:00:00:00:99", 0x0800, packet);
      return Uint8Array.from([8, 0, 0, 0, 0, VNI >> 8, VNI & 255, 0, ...frame]);
    };
    await host.ok("container", "create", "--net", "prod", "mate");
    const mate = await host.sandbox("mate");
    const frames = await seen(victim, "eth0", async () => {
      for (const [from, to] of [[near.path, HOST.v4], [near.path, HOST.v6], [web, HOST.v4]]) {
        const socket = inNamespace(
          from!,
          () =>
            Deno.listenDatagram({
              ...{ transport: "udp", port: 0 },
              hostname: to!.includes(":") ? "::" : "0.0.0.0",
            }),
        );
        await socket.send(wrapped("injected"), { transport: "udp", hostname: to!, port: 4789 });
        socket.close();
      }
      const socket = inNamespace(
        mate,
        () => Deno.listenDatagram({ transport: "udp", hostname: "0.0.0.0", port: 0 }),
      );
      const to = { transport: "udp", hostname: address, port: 9 } as const;
      await socket.send(new TextEncoder().encode("the last one"), to);
      socket.close();
    });
    const word = new TextEncoder().encode("injected").toHex();
    assert.ok(!frames.some((hex) => hex.includes(word)));
  });

  await t.step("a daemon that starts again lets nothing through meanwhile", async () => {
    // What replaces the table begins with sets that are empty, and says that it does.
    await host.stop();
    const before = host.log().length;
    await host.start();
    assert.doesNotMatch(host.log().slice(before), /Put up the nftables table/);
    for (const address of [FAR.v4, FAR.v6]) {
      assert.equal(await pings(near.path, address), false, address);
    }
  });

  await t.step("links that come later believe routers as those before did", async () => {
    await home.ip("link add late type veth peer name late2", "link set late up");
    for (const link of ["up0", "late"]) {
      assert.equal(await home.ok(["cat", `/proc/sys/net/ipv6/conf/${link}/accept_ra`]), "2", link);
    }
  });
});
