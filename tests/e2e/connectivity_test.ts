import assert from "node:assert/strict";
import { inNamespace } from "../../lib/linux/namespaces/namespace.ts";
import { run, until } from "../harness/command.ts";
import { TestHost, TestNamespace } from "../harness/host.ts";

const UPLINK = { host: "198.51.100.1", outside: "198.51.100.2" };
const UPLINK6 = { host: "2001:db8:1::1", outside: "2001:db8:1::2" };

/** A host with a neighbour outside, which also is its way out. */
async function withOutside(host: TestHost): Promise<TestNamespace> {
  const outside = await TestNamespace.create("o");
  await host.namespace.ip(
    `link add up0 type veth peer name eth0 netns ${outside.path}`,
    `addr add ${UPLINK.host}/24 dev up0`,
    `addr add ${UPLINK6.host}/64 dev up0 nodad`,
    "link set up0 up",
    `route add default via ${UPLINK.outside}`,
    `route add default via ${UPLINK6.outside}`,
  );
  await outside.ip(
    `addr add ${UPLINK.outside}/24 dev eth0`,
    `addr add ${UPLINK6.outside}/64 dev eth0 nodad`,
    "link set eth0 up",
  );
  return outside;
}

/** Answers each connection with the address it came from; ends with the test. */
function echoServer(namespace: string, port: number, hostname = "::"): Disposable {
  const listener = inNamespace(namespace, () => Deno.listen({ hostname, port }));
  (async () => {
    for await (const conn of listener) {
      const { hostname } = conn.remoteAddr as Deno.NetAddr;
      await conn.write(new TextEncoder().encode(hostname.replace("::ffff:", ""))).catch(() => {});
      conn.close();
    }
  })().catch(() => {});
  return { [Symbol.dispose]: () => listener.close() };
}

/** What a server says, or why it can't be asked. */
async function ask(namespace: string, hostname: string, port: number): Promise<string> {
  try {
    const connecting = inNamespace(
      namespace,
      () => Deno.connect({ hostname, port, signal: AbortSignal.timeout(1500) }),
    );
    using conn = await connecting;
    const buffer = new Uint8Array(64);
    const n = await conn.read(buffer);
    return new TextDecoder().decode(buffer.subarray(0, n ?? 0));
  } catch (error) {
    return `failed: ${(error as Error).name}`;
  }
}

async function reaches(namespace: string, address: string): Promise<boolean> {
  return (await run(["ping", "-c1", "-W1", address], { namespace })).code === 0;
}

async function addressesOf(host: TestHost, service: string): Promise<string[]> {
  const [info] = JSON.parse(await host.ok("service", "info", "--format", "json", service));
  return info.addresses.map((address: string) => address.split("/")[0]);
}

Deno.test("outwards by NAT, between networks not at all, --internal no way out", async () => {
  await using host = await TestHost.create();
  await using outside = await withOutside(host);
  await host.ok("network", "create", "--ipv6", "red");
  await host.ok("network", "create", "--ipv6", "blue");
  await host.ok("network", "create", "--internal", "inner");
  for (
    const [name, net] of [["r", "red"], ["r2", "red"], ["b", "blue"], ["i", "inner"], [
      "i2",
      "inner",
    ]]
  ) {
    await host.ok("container", "create", "--net", net!, name!);
  }
  const [r, b, i] = await Promise.all(["r", "b", "i"].map((name) => host.sandbox(name)));
  const [r2v4, r2v6] = await addressesOf(host, "r2.red");
  const [bv4, bv6] = await addressesOf(host, "b.blue");
  const [i2v4] = await addressesOf(host, "i2.inner");
  using _server = echoServer(outside.path, 7000);
  assert.equal(await ask(r!, UPLINK.outside, 7000), UPLINK.host, "leaves under the host's address");
  assert.equal(await ask(r!, UPLINK6.outside, 7000), UPLINK6.host);
  assert.ok(await reaches(r!, r2v4!) && await reaches(r!, r2v6!), "within a network");
  assert.ok(!await reaches(r!, bv4!) && !await reaches(r!, bv6!), "between networks");
  assert.ok(await reaches(i!, i2v4!), "within an internal network");
  const gateway = i2v4!.replace(/\.\d+$/, ".1");
  await run(["ip", "route", "add", "default", "via", gateway], { namespace: i! });
  assert.ok(!await reaches(i!, UPLINK.outside), "no way out, even by a route of its own");
  assert.ok(!await reaches(i!, bv4!) && !await reaches(b!, i2v4!));
  await outside.ip(`route add ${bv4} via ${UPLINK.host}`);
  using _inside = echoServer(b!, 7001);
  assert.match(
    await ask(outside.path, bv4!, 7001),
    /failed/,
    "unpublished ports by direct routing",
  );
});

Deno.test("options of the bridge driver", async () => {
  await using host = await TestHost.create();
  await using outside = await withOutside(host);
  await host.ok(
    "network",
    "create",
    "-o",
    "isolation=false",
    "-o",
    "name=br-open",
    "-o",
    "mtu=1400",
    "open1",
  );
  await host.ok("network", "create", "-o", "isolation=false", "-o", "masquerade=false", "open2");
  await host.ok("network", "create", "-o", "icc=false", "apart");
  for (const [name, net] of [["a", "open1"], ["b", "open2"], ["c", "apart"], ["d", "apart"]]) {
    await host.ok("container", "create", "--net", net!, name!);
  }
  const [a, b, c] = await Promise.all(["a", "b", "c"].map((name) => host.sandbox(name)));
  const [av4] = await addressesOf(host, "a.open1");
  const [bv4] = await addressesOf(host, "b.open2");
  const [dv4] = await addressesOf(host, "d.apart");
  assert.ok(await reaches(a!, bv4!) && await reaches(b!, av4!));
  assert.ok(!await reaches(c!, dv4!), "icc=false");
  assert.ok(await reaches(c!, UPLINK.outside));
  assert.match(await host.ok("exec", "a", "ip", "link", "show", "eth0"), /mtu 1400/);
  await host.namespace.ok(["ip", "link", "show", "br-open"]);
  await outside.ip(`route add ${bv4} via ${UPLINK.host}`);
  using _server = echoServer(outside.path, 7000);
  assert.equal(await ask(b!, UPLINK.outside, 7000), bv4, "leaves under its own address");
  await host.ok("container", "rm", "a");
  await host.ok("network", "rm", "open1");
  const small = ["-o", "mtu=576", "small"];
  for (const driver of ["bridge", "overlay"]) {
    const create = ["network", "create", "-d", driver, "--ipv6", ...small];
    await host.fails(1, /576.*IPv6 needs at least 1280/, ...create);
  }
  assert.doesNotMatch(host.log(), /Cannot take back/);
  await host.ok("network", "create", ...small);
  for (const name of ["e", "f"]) await host.ok("container", "create", "--net", "small", name);
  await host.ok(..."exec e -- ping -c1 -W2 -Mdo -s548 f".split(" "));
  assert.notEqual((await host.namespace.run(["ip", "link", "show", "br-open"])).code, 0);
});

Deno.test("published ports: from outside, loopback, other containers and itself; TCP, UDP, IPv6", async () => {
  await using host = await TestHost.create();
  await using outside = await withOutside(host);
  await host.ok("network", "create", "--ipv6", "foo");
  await host.ok("network", "create", "other");
  await host.ok(
    ...["container", "create", "--net", "foo", "-p", "8080:80", "-p", "5300:5353/udp"],
    ...["-p", `${UPLINK.host}:8081:80`, "-p", "127.0.0.1:8082:80", "web"],
  );
  await host.ok("container", "create", "--net", "foo", "near");
  await host.ok("container", "create", "--net", "other", "far");
  const [web, near, far] = await Promise.all(["web", "near", "far"].map((n) => host.sandbox(n)));
  const home = host.namespace.path;
  using _server = echoServer(web!, 80);
  assert.equal(
    await ask(outside.path, UPLINK.host, 8080),
    UPLINK.outside,
    "the client's address is kept",
  );
  // The very first neighbour discovery between fresh links may take longer than a connect may.
  await until(
    "IPv6 from outside, under the client's address",
    async () => await ask(outside.path, UPLINK6.host, 8080) === UPLINK6.outside,
  );
  assert.doesNotMatch(await ask(home, "127.0.0.1", 8080), /failed/);
  assert.doesNotMatch(await ask(home, "::1", 8080), /failed/);
  assert.doesNotMatch(await ask(home, UPLINK.host, 8080), /failed/);
  for (const from of [near!, far!, web!]) {
    assert.doesNotMatch(await ask(from, UPLINK.host, 8080), /failed/);
  }
  assert.equal(await ask(outside.path, UPLINK.host, 8081), UPLINK.outside);
  assert.match(await ask(home, "127.0.0.1", 8081), /failed/, "bound to one address");
  assert.doesNotMatch(await ask(home, "127.0.0.1", 8082), /failed/);
  assert.match(await ask(outside.path, UPLINK.host, 8082), /failed/);
  // A container can't use the bridge to reach what listens on the host's loopback (CVE-2020-8558).
  using _private = echoServer(home, 9999, "127.0.0.1");
  const gateway = (await addressesOf(host, "near.foo"))[0]!.replace(/\.\d+$/, ".1");
  await run([
    "ip",
    "route",
    "replace",
    "127.0.0.0/8",
    "via",
    gateway,
    "dev",
    "eth0",
    "table",
    "local",
  ], { namespace: near! });
  assert.match(await ask(near!, "127.0.0.1", 9999), /failed/);

  const udp = inNamespace(
    web!,
    () => Deno.listenDatagram({ transport: "udp", hostname: "0.0.0.0", port: 5353 }),
  );
  const client = inNamespace(
    outside.path,
    () => Deno.listenDatagram({ transport: "udp", hostname: "0.0.0.0", port: 0 }),
  );
  try {
    const got = udp.receive();
    await client.send(new Uint8Array([1, 2]), {
      transport: "udp",
      hostname: UPLINK.host,
      port: 5300,
    });
    const [, from] = await got;
    assert.equal((from as Deno.NetAddr).hostname, UPLINK.outside);
    const back = client.receive();
    await udp.send(new Uint8Array([3]), from);
    assert.deepEqual([...(await back)[0]], [3]);
  } finally {
    udp.close();
    client.close();
  }
  const taken = inNamespace(home, () => Deno.listen({ hostname: "0.0.0.0", port: 8090 }));
  try {
    await host.fails(
      125,
      /Cannot publish port 8090\/tcp: a program of this host uses it/,
      ...["run", "--rm", "-p", "8090:80", "--", "true"],
    );
  } finally {
    taken.close();
  }
  await host.ok("container", "rm", "web");
  assert.match(await ask(outside.path, UPLINK.host, 8080), /failed/);
});

Deno.test("where another owner drops forwarding, netsvc's traffic passes", async () => {
  await using host = await TestHost.create({ stopped: true });
  await using outside = await withOutside(host);
  await host.namespace.ok(["iptables", "-P", "FORWARD", "DROP"]);
  await host.namespace.ok(["iptables", "-N", "DOCKER-USER"]);
  await host.namespace.ok(["iptables", "-A", "FORWARD", "-j", "DOCKER-USER"]);
  await host.start();
  await host.ok("container", "create", "--net", "bridge", "-p", "8080:80", "a");
  const a = await host.sandbox("a");
  assert.ok(await reaches(a, UPLINK.outside));
  using _server = echoServer(a, 80);
  assert.equal(await ask(outside.path, UPLINK.host, 8080), UPLINK.outside);
  const rules = await host.namespace.ok(["iptables", "-S"]);
  assert.match(rules, /-P FORWARD DROP/);
  assert.match(rules, /-A DOCKER-USER -i nsb\+/);
});

Deno.test("subnets are picked around what the host has", async () => {
  await using host = await TestHost.create({ stopped: true });
  await host.namespace.ip(
    "link add vpn type bridge",
    "addr add 172.16.5.1/24 dev vpn",
    "link set vpn up",
    "route add 172.20.0.0/14 dev vpn table 77",
    "route add 0.0.0.0/1 dev vpn",
  );
  await host.start();
  const names = Array.from({ length: 5 }, (_, i) => `n${i}`);
  for (const name of names) await host.ok("network", "create", name);
  const subnets = (await host.ok("network", "ls", "--format", "{{.Subnets}}")).split("\n").filter(
    Boolean,
  );
  assert.equal(subnets.length, 6);
  assert.ok(!subnets.includes("172.16.0.0/20"));
  for (const subnet of subnets) assert.doesNotMatch(subnet, /^172\.2[0-3]\./);
  await host.fails(
    1,
    /overlaps 172\.16\.5\.0\/24, an address or a route/,
    "network",
    "create",
    "--subnet",
    "172.16.4.0/22",
    "x",
  );
});
