/**
 * The enemy is the store, and whoever writes into it: a container that reaches it, a host of the cluster
 * that isn't what it was.
 */
import assert from "node:assert/strict";
import { keys } from "../../server/model/keys.ts";
import type { NetworkRecord, ServiceRecord } from "../../server/model/records.ts";
import { TestCluster } from "../harness/cluster.ts";
import { inNamespace } from "../../lib/linux/namespaces/namespace.ts";
import { ok, spawn, until } from "../harness/command.ts";
import type { TestHost } from "../harness/host.ts";
import { dig, pings } from "../harness/inside.ts";
import { ethernet, seen, udp } from "./frames.ts";

const CREATED = "2026-01-01T00:00:00.000Z";
const BACKEND = { interface: "eth9", attached: CREATED, aliases: [] };
const EVIL = "ab".repeat(32), HOST = "ff".repeat(32), BOX = "cd".repeat(32);

/** A service as the attacker writes it, with a backend on a host of his. */
function evil(network: string, change: Record<string, unknown> = {}, id = EVIL) {
  const backend = {
    ...{ container: BOX, runtime: "netsvc", host: "evil", hostId: HOST, address: "10.99.0.9" },
    ...{ interface: "eth0", attached: CREATED, aliases: [] },
  };
  const record = {
    ...{ id, name: "evil", network, created: CREATED, addresses: ["172.16.0.77/20"], aliases: [] },
    ...{ ports: [], mac: "02:00:00:00:00:77", backend, ...change },
  };
  const { addresses, mac, backend: ofHis, ...service } = record;
  return [
    { key: keys.service(network, id), value: JSON.stringify({ v: 2, mode: "single", ...service }) },
    endpoint(network, id, { addresses, mac, backend: ofHis }),
  ];
}

/** An endpoint as the attacker writes it. */
function endpoint(network: string, id: string, change: Record<string, unknown>) {
  const place = { addresses: ["172.16.0.77/20"], mac: "02:00:00:00:00:77" };
  const value = { v: 1, id, service: id, network, ...place, ...change };
  return { key: keys.endpoint(network, id), value: JSON.stringify(value) };
}

Deno.test("what somebody writes into the store runs nothing, breaks nothing, and is named", async () => {
  await using cluster = await TestCluster.create({ hosts: 2, store: "etcd" });
  const [one, two] = cluster.hosts as [TestHost, TestHost];
  await cluster.explain(async () => {
    await one.ok("network", "create", "-d", "overlay", "--subnet", "172.16.0.0/20", "prod");
    await one.ok("network", "create", "--subnet", "172.16.16.0/20", "own");
    await one.ok("container", "create", "--net", "prod", "near");
    await one.ok("container", "create", "--net", "own", "local");
    await two.ok("container", "create", "--net", "prod", "far");
    await until("far answers", () => pings(one, "near", "far"), 20_000);
    const networks = JSON.parse((await one.api("/netsvc/v1/networks")).body) as NetworkRecord[];
    const [prod, own] = ["prod", "own"].map((name) => networks.find((n) => n.name === name)!);
    const marker = `${one.directory}/marker`;
    const shell = `vrf exec default touch ${marker}`;
    const member = {
      key: keys.member(prod!.id, HOST),
      value: JSON.stringify({ host: HOST, name: "evil", address: "10.99.0.9" }),
    };
    // C1: a line of one's own in each field that becomes a word of a command.
    const mac = `02:00:00:00:00:77 dev vxlan0 nud permanent\n${shell}\nneigh replace 172.16.0.78`;
    const address = `172.16.0.77\n${shell}\n`;
    const self = JSON.parse((await one.api("/netsvc/v1/hosts")).body)
      .find((host: { self: boolean }) => host.self) as { id: string };
    const near = JSON.parse((await one.api("/netsvc/v1/containers/near")).body) as { id: string };
    const mine = { container: near.id, runtime: "netsvc", host: "host-1", hostId: self.id };
    const services = JSON.parse((await one.api("/netsvc/v1/services")).body) as ServiceRecord[];
    const local = services.find(({ name }) => name === "local")!;
    const forged = { ...prod!, serviceCount: undefined };
    const poison = [
      member,
      ...evil(prod!.id, { mac }, "a1".repeat(32)),
      ...evil(prod!.id, { addresses: [address] }, "a2".repeat(32)),
      ...evil(prod!.id, {
        backend: {
          ...{ ...mine, interface: `eth9\n${shell}`, attached: CREATED, aliases: [] },
        },
      }, "a3".repeat(32)),
      ...evil(prod!.id, {
        backend: { ...mine, interface: "../../x", attached: CREATED, aliases: [] },
      }, "a4".repeat(32)),
      {
        key: keys.member(prod!.id, "ee".repeat(32)),
        value: `{"host":"${"ee".repeat(32)}","name":"e","address":"1.2.3.4\\n${shell}"}`,
      },
      // Poison pills.
      ...["null", "not json", "[]", "0", "[".repeat(20_000), '{"id":"\\ud800"}'].flatMap((
        value,
        i,
      ) => [
        { key: `networks/yyy${i}`, value },
        { key: keys.network(`${i}`.repeat(64)), value },
        { key: keys.service(prod!.id, `${i}`.repeat(64)), value },
        { key: keys.endpoint(prod!.id, `${i}`.repeat(64)), value },
        { key: keys.member(prod!.id, `${i}`.repeat(64)), value },
        { key: keys.host(`${i}`.repeat(64)), value },
        { key: keys.retired(prod!.id, `n${i}`), value },
        { key: keys.probe(self.id, `${i}`.repeat(16), "request"), value },
        { key: keys.hostLease(`${i}`.repeat(64)), value },
        { key: keys.hostName(`pill${i}`), value },
      ]),
      { key: keys.network("77".repeat(32)), value: `{"id":"${"x".repeat(90_000)}"}` },
      // A host's own network, of another driver's options, and a service in it.
      {
        key: keys.network(own!.id),
        value: JSON.stringify({ ...forged, id: own!.id, name: "taken", vni: 4100 }),
      },
      ...evil(own!.id, { addresses: ["172.16.16.77/20"] }, "a5".repeat(32)),
      {
        key: keys.network("88".repeat(32)),
        value: JSON.stringify({
          ...{ ...forged, id: "88".repeat(32), name: "bridge2", driver: "bridge", scope: "local" },
          pools: [{ family: 4, subnet: `10.9.0.0/16 }; flush ruleset; #`, gateway: "10.9.0.1" }],
        }),
      },
      // An endpoint in the place of a host's own one, or of its own service; one whose id isn't its key's; one
      // with an address that its network doesn't have.
      endpoint(prod!.id, local.id, { backend: { ...mine, ...BACKEND } }),
      endpoint(own!.id, local.id, { addresses: ["172.16.16.99/20"] }),
      endpoint(prod!.id, "b1".repeat(32), { service: local.id, backend: { ...mine, ...BACKEND } }),
      { ...endpoint(prod!.id, "b2".repeat(32), {}), key: keys.endpoint(prod!.id, "b3".repeat(32)) },
      ...evil(prod!.id, { name: "evil-b4", addresses: ["10.1.1.1/20"] }, "b4".repeat(32)),
      // What is well-formed is believed (docs/cluster.md): here a second service of one name.
      ...evil(
        prod!.id,
        { name: "far", addresses: ["172.16.0.88/20"], backend: undefined },
        "a6".repeat(32),
      ),
    ];
    const rules = await one.namespace.ok(["nft", "list", "ruleset"]);
    await cluster.storeWrite(poison);
    await cluster.storeWrite(evil(prod!.id, { name: "good", backend: undefined }));
    for (const host of [one, two]) {
      await until(
        "what comes after the bad ones is seen",
        async () => /good +prod/.test(await host.ok("service", "ls")),
      );
    }
    const judge = async () => {
      assert.ok(await pings(one, "near", "near"));
      assert.ok(await dig(one, "near", "far") !== "");
      assert.ok(await pings(one, "local", "local"), "its endpoint is its own");
      assert.match(await one.ok("network", "ls"), /own +bridge/);
      assert.doesNotMatch(await one.ok("network", "ls"), /taken|bridge2|yyy/);
      assert.doesNotMatch(await one.ok("service", "ls"), /evil/);
      assert.doesNotMatch(await one.ok("host", "ls"), /evil/);
      assert.equal((await one.inside("near", ["ip", "-br", "link"])).stdout.match(/eth9/), null);
      for (const path of [marker, "/tmp/x"]) {
        await assert.rejects(Deno.stat(path), Deno.errors.NotFound, "a command of his has run");
      }
    };
    await judge();
    // His member is well-formed, so its tunnel is let in; nothing else of his comes into the rules.
    const believed = rules.replace(
      "elements = { 10.99.0.2 }",
      "elements = { 10.99.0.2, 10.99.0.9 }",
    );
    assert.notEqual(believed, rules);
    const now = () => one.namespace.ok(["nft", "list", "ruleset"]);
    await until("the member's tunnel is let in", async () => /10\.99\.0\.9/.test(await now()));
    assert.equal(await now(), believed);
    const said = one.log().match(/The record ".*" of the store is left out: .*/g) ?? [];
    assert.ok(
      said.some((line) => line.includes("a1a1a1") && line.includes("mac")),
      said.join("\n"),
    );
    assert.ok(said.some((line) => line.includes("b4b4b4") && line.includes("subnet")));
    assert.equal(new Set(said).size, said.length, "each is named once");
    assert.doesNotMatch(one.log(), /A subscriber of the mirror failed|RTNETLINK|TypeError/);
    const { stdout } = await one.run(["doctor"]);
    assert.match(stdout, /records +The store has \d+ records that are left out: "/);
    // A daemon that starts: from the store, and, where that is away, from its file.
    for (const away of [false, true]) {
      await one.stop("SIGKILL");
      if (away) await cluster.setLink("host-1", "down");
      await one.start();
      await judge();
    }
    await cluster.setLink("host-1", "up");
    await until(
      "it is back",
      () => one.ok("service", "publish", "back.prod").then(() => true, () => false),
      30_000,
    );
    // A key that somebody has squatted is written over, and the network can be removed.
    await cluster.storeWrite([{ key: keys.serviceName(prod!.id, "squat"), value: "null" }]);
    await one.ok("service", "publish", "squat.prod");
    await cluster.storeWrite([{ key: keys.networkName("squat"), value: "[]" }]);
    await one.ok("network", "create", "-d", "overlay", "squat");
    const { value } = (await cluster.storeEntries()).find(({ key }) =>
      key.startsWith(keys.servicesOf(prod!.id)) && !poison.some((bad) => bad.key === key)
    )!;
    const written = JSON.parse(value) as ServiceRecord & { v: number };
    assert.equal(typeof written.name, "string");
    assert.equal(written.v, 2);
  });
});

Deno.test("a probe is sent to no address but its host's", async () => {
  await using cluster = await TestCluster.create({ hosts: 2, store: "etcd" });
  const [one] = cluster.hosts as [TestHost];
  await cluster.explain(async () => {
    const self = JSON.parse((await one.api("/netsvc/v1/hosts")).body)
      .find((host: { self: boolean }) => host.self) as { id: string };
    const other = JSON.parse((await one.api("/netsvc/v1/hosts")).body)
      .find((host: { self: boolean }) => !host.self) as { id: string };
    // The second host is asked, in its own name, to be sent to the store's machine, and to another port.
    await cluster.storeNamespace.ok(["nft", "-f", "-"], {
      stdin:
        "table ip t {\n chain c {\n type filter hook input priority 0;\n udp dport { 4789, 5353 } counter\n }\n}\n",
    });
    const ends = [["10.99.0.100", 4789], ["10.99.0.100", 5353], ["10.99.0.2", 5353]] as const;
    const tokens = ends.map((_, i) => `${i}`.repeat(16));
    await cluster.storeWrite(ends.map(([address, port], i) => ({
      key: keys.probe(self.id, tokens[i]!, "request"),
      value: JSON.stringify({ from: other.id, end: { address, port, sizes: [1400] } }),
    })));
    await until("all are answered", async () => {
      const answered = (await cluster.storeEntries()).map(({ key }) => key);
      return tokens.every((token) => answered.includes(keys.probe(other.id, token, "report")));
    });
    const counted = await cluster.storeNamespace.ok(["nft", "list", "table", "ip", "t"]);
    assert.match(counted, /counter packets 0 /);
  });
});

for (const family of [4, 6] as const) {
  Deno.test(`no host is where this one, its containers or nobody is - IPv${family}`, async () => {
    await using cluster = await TestCluster.create({ hosts: 1, store: "etcd", family });
    const [host] = cluster.hosts as [TestHost];
    await cluster.explain(async () => {
      const vni = 4242;
      await host.ok(
        "network",
        "create",
        "-d",
        "overlay",
        "-o",
        `vni=${vni}`,
        "--subnet",
        "10.8.0.0/24",
        "prod",
      );
      const pools = ["--subnet", "10.7.0.0/24", "--subnet", "fd07::/64"];
      await host.ok("network", "create", "--ipv6", ...pools, "own");
      await host.ok("container", "create", "--net", "prod", "victim");
      await host.ok("container", "create", "--net", "prod", "mate");
      const box = family === 4 ? "10.7.0.66" : "fd07::66";
      await host.ok("service", "publish", "--ip", box, "box.own");
      await host.ok("container", "create", "box");
      await host.ok("service", "attach", "box", "box.own");
      const [network] = JSON.parse((await host.api("/netsvc/v1/networks")).body)
        .filter(({ name }: { name: string }) => name === "prod") as [{ id: string }];
      // 10.99.0.255 and fe80::9 are good in themselves, but not here.
      const own = cluster.address(0);
      const addresses = family === 4
        ? ["127.0.0.1", "0.0.0.0", "224.0.0.1", "255.255.255.255", "10.99.0.255", own, box]
        : ["::1", "::", "ff02::1", "fe80::9", own, "fd07::1", box];
      const good = family === 4 ? "10.99.0.9" : "fd99::9";
      const records = [...addresses, good].flatMap((address, i) => {
        const id = (i + 16).toString(16).repeat(32);
        const named = { name: `evil-${i}`, address };
        const backend = {
          ...{ container: BOX, runtime: "netsvc", host: named.name, hostId: id, address },
          ...{ interface: "eth0", attached: CREATED, aliases: [] },
        };
        return [
          {
            key: keys.host(id),
            value: JSON.stringify({
              ...{ ...named, id, overlayPort: 4789, version: "0", started: CREATED },
            }),
          },
          { key: keys.member(network.id, id), value: JSON.stringify({ ...named, host: id }) },
          ...evil(network.id, {
            ...{ name: `s${i}`, addresses: [`10.8.0.${90 + i}/24`], backend },
            mac: `02:00:00:00:01:${(i + 16).toString(16)}`,
          }, id),
        ];
      });
      await cluster.storeWrite(records);
      const set = async () =>
        await host.namespace.ok(["nft", "list", "set", "inet", "netsvc", `vteps${family}`]);
      await until("the good one is let in", async () => (await set()).includes(good));
      const elements = (await set()).match(/elements = \{ ([^}]*) \}/)![1]!;
      assert.equal(elements, good, "nobody else is");
      const inside = ["--target", String(host.pid), "--mount", "nsenter"];
      const overlay = `--net=${host.runDir}/netns/overlay-${network.id.slice(0, 12)}`;
      const forwards = () =>
        ok(["nsenter", ...inside, overlay, "bridge", "fdb", "show", "dev", "vxlan0"]);
      await until(
        "the good one's endpoint is known",
        async () => (await forwards()).includes(`dst ${good}`),
      );
      const ends = [...(await forwards()).matchAll(/ dst (\S+)/g)].map(([, end]) => end);
      assert.deepEqual([...new Set(ends)], [good]);
      assert.match(host.log(), new RegExp(`The address "?${box}"? of host .* is left out`));
      assert.match((await host.run(["doctor"])).stdout, /The store says that host .* left out/);
      // The container whose address it was speaks as if it were that host.
      const [victim, mate] = [await host.sandbox("victim"), await host.sandbox("mate")];
      const link = await ok(["ip", "-j", "addr", "show", "eth0"], { namespace: victim });
      const [{ address: mac, addr_info: [{ local }] }] = JSON.parse(link);
      const frames = await seen(victim, "eth0", async () => {
        const { packet } = udp(["10.8.0.200", local], [5, 9], "injected");
        const frame = ethernet(mac, "02:00:00:00:00:99", 0x0800, packet);
        const wrapped = Uint8Array.from([8, 0, 0, 0, 0, vni >> 8, vni & 255, 0, ...frame]);
        const gateway = family === 4 ? "10.7.0.1" : "fd07::1";
        for (const to of [gateway, own]) {
          const hostname = family === 4 ? "0.0.0.0" : "::";
          const socket = inNamespace(
            `${await host.sandbox("box")}`,
            () => Deno.listenDatagram({ transport: "udp", hostname, port: 0 }),
          );
          await socket.send(wrapped, { transport: "udp", hostname: to, port: 4789 });
          socket.close();
        }
        const last = inNamespace(
          mate,
          () => Deno.listenDatagram({ transport: "udp", hostname: "0.0.0.0", port: 0 }),
        );
        const text = new TextEncoder().encode("the last one");
        await last.send(text, { transport: "udp", hostname: local, port: 9 });
        last.close();
      });
      const word = new TextEncoder().encode("injected").toHex();
      assert.ok(!frames.some((hex) => hex.includes(word)));
    });
  });

  Deno.test(`containers don't reach the store unless they may, and a plain one is warned of - IPv${family}`, async () => {
    await using cluster = await TestCluster.create({
      ...{ hosts: 2, store: "etcd", family },
      flagsOf: (n) => n === 1 ? ["--containers-may-reach-store"] : [],
    });
    const [one, two] = cluster.hosts as [TestHost, TestHost];
    await cluster.explain(async () => {
      const port = cluster.store.endpoint.match(/\d+$/)![0];
      const store = family === 4 ? "10.99.0.100" : "fd99::100";
      for (const host of cluster.hosts) {
        await host.ok("network", "create", "--ipv6", "own");
        await host.ok("network", "create", "-d", "overlay", `over-${host === one ? 1 : 2}`);
        await host.ok("container", "create", "--net", "own", "box");
        await host.ok("container", "create", "--net", `over-${host === one ? 1 : 2}`, "far");
      }
      const script = 'exec 3<>"/dev/tcp/$1/$2"';
      const reaches = async (host: TestHost, container: string, address: string, to = port) =>
        (await host.inside(container, ["timeout", "2", "bash", "-c", script, "bash", address, to]))
          .code === 0;
      for (const container of ["box", "far"]) {
        assert.equal(await reaches(two, container, store), true, `${container} may`);
        assert.equal(await reaches(one, container, store), false, container);
      }
      // What is at the same port of this host may be a store of its own, at any of its addresses.
      const listening = (p: number) =>
        spawn(
          [
            "python3",
            "-c",
            "import socket,sys,time\ns=socket.create_server(('::',int(sys.argv[1])),family=socket.AF_INET6,dualstack_ipv6=True)\ntime.sleep(60)",
            String(p),
          ],
          { namespace: one.namespace.path },
        );
      const servers = [listening(Number(port)), listening(40_001)];
      try {
        const gateway =
          (await one.inside("box", ["ip", "-j", `-${family}`, "route", "show", "default"])).stdout;
        const [{ gateway: address }] = JSON.parse(gateway) as [{ gateway: string }];
        await until("it listens", () => reaches(one, "box", address, "40001"));
        assert.equal(await reaches(one, "box", address), false, "the host's own address");
        assert.equal(await reaches(one, "box", cluster.address(0)), false);
      } finally {
        for (const server of servers) server.kill("SIGKILL");
        await Promise.all(servers.map((server) => server.status));
      }
      const said =
        /The store "etcd:.*" is used without TLS and without a login: anyone who reaches its port can/;
      assert.match(one.log(), said);
      const listed = await one.run(["host", "ls"]);
      assert.match(listed.stderr, said);
      assert.match(listed.stdout, /host-1/);
      assert.match((await one.run(["doctor"])).stdout, said);
    });
  });
}
