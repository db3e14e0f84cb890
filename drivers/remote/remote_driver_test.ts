import assert from "node:assert/strict";
import { TestNamespace } from "../../tests/harness/host.ts";
import { TestPlugin } from "../../tests/harness/plugin.ts";
import { until } from "../../tests/harness/command.ts";
import type { Join, NetworkSpec } from "../driver.ts";
import { Runner } from "../../lib/linux/tools/runner.ts";
import { Plugins } from "./plugin/plugins.ts";
import { LinkNotes } from "./link_notes.ts";
import { RemoteDriver } from "./remote_driver.ts";

const id = (n: number) => n.toString(16).padStart(2, "0").repeat(32);

const NETWORK: NetworkSpec = {
  scope: "local",
  id: id(1),
  name: "net",
  internal: false,
  ipv6: true,
  pools: [
    { family: 4, subnet: "10.77.0.0/24", gateway: "10.77.0.1", aux: { printer: "10.77.0.9" } },
    { family: 6, subnet: "fd77::/64", gateway: "fd77::1" },
  ],
  options: { color: "red", ttl: "3" },
};

/** A host with a plugin, a driver for it, and sandboxes. */
class Bench implements AsyncDisposable {
  readonly #stack: AsyncDisposableStack;
  readonly host: TestNamespace;
  readonly plugin: TestPlugin;
  readonly driver: RemoteDriver;
  readonly #places: { sockets: string[]; specs: string[] };
  /** Where notes of links are. */
  readonly #root: string;

  private constructor(
    stack: AsyncDisposableStack,
    host: TestNamespace,
    plugin: TestPlugin,
    root: string,
  ) {
    this.#stack = stack;
    this.host = host;
    this.plugin = plugin;
    this.#places = { sockets: [root], specs: [] };
    this.#root = root;
    this.driver = this.newDriver();
  }

  /** A driver that knows nothing, as after a restart of the daemon. */
  newDriver(): RemoteDriver {
    const plugins = new Plugins({ places: this.#places, limits: { dial: 0, call: 2000 } });
    return new RemoteDriver(plugins.get("p"), new Runner({ home: this.host.path }), {
      notes: new LinkNotes(`${this.#root}/links`),
    });
  }

  static async create(): Promise<Bench> {
    await using stack = new AsyncDisposableStack();
    const root = await Deno.makeTempDir({ prefix: "netsvc-test-" });
    stack.defer(() => Deno.remove(root, { recursive: true }));
    const host = stack.use(await TestNamespace.create("p"));
    const plugin = stack.use(
      await TestPlugin.start({ listen: `unix:${root}/p.sock`, namespace: host.path }),
    );
    return new Bench(stack.move(), host, plugin, root);
  }

  async sandbox(): Promise<TestNamespace> {
    return this.#stack.use(await TestNamespace.create("c"));
  }

  /** Calls since the last look, without the greeting. */
  async calls(): Promise<string[]> {
    const methods = (await this.plugin.methods()).slice(this.#seen);
    this.#seen += methods.length;
    return methods.map((method) => method.replace("NetworkDriver.", ""))
      .filter((method) => method !== "Plugin.Activate" && method !== "GetCapabilities");
  }
  #seen = 0;

  async links(): Promise<string[]> {
    const links = JSON.parse(await this.host.ok(["ip", "-j", "link", "show"]));
    return links.map(({ ifname }: { ifname: string }) => ifname)
      .filter((name: string) => name !== "lo" && name !== "tunl0").sort();
  }

  async [Symbol.asyncDispose]() {
    await this.#stack[Symbol.asyncDispose]();
  }
}

function joinOf(n: number, sandbox: TestNamespace, rest: Partial<Join> = {}): Join {
  return {
    endpoint: {
      id: id(n),
      addresses: [`10.77.0.${n}/24`, `fd77::${n.toString(16)}/64`],
      mac: `02:00:00:00:00:${n.toString(16).padStart(2, "0")}`,
    },
    sandbox: { id: id(n + 100), path: sandbox.path },
    interface: "eth0",
    gateway: true,
    ports: [],
    ...rest,
  };
}

async function pings(from: TestNamespace, address: string): Promise<boolean> {
  return (await from.run(["ping", "-c1", "-W2", address])).code === 0;
}

async function linksOf(sandbox: TestNamespace): Promise<string[]> {
  const links = JSON.parse(await sandbox.ok(["ip", "-j", "link", "show"]));
  return links.map(({ ifname }: { ifname: string }) => ifname)
    .filter((name: string) => /^(eth|dev|p)/.test(name));
}

Deno.test("RemoteDriver calls in the documented order, and sandboxes reach each other", async () => {
  await using bench = await Bench.create();
  const { driver, plugin } = bench;
  const a = await bench.sandbox(), b = await bench.sandbox();
  const ports = [{ hostPort: 8080, containerPort: 80, protocol: "tcp" as const }];
  const first = joinOf(10, a, { ports }), second = joinOf(11, b, { gateway: false });
  await driver.createNetwork(NETWORK);
  for (const join of [first, second]) {
    await driver.join(NETWORK, join);
  }
  assert.deepEqual(await bench.calls(), [
    "CreateNetwork",
    "CreateEndpoint",
    "Join",
    "ProgramExternalConnectivity",
    "CreateEndpoint",
    "Join",
  ]);
  assert.ok(await pings(a, "10.77.0.11") && await pings(b, "fd77::a"));
  assert.ok(await pings(a, "10.77.0.1"), "the gateway is the plugin's bridge");
  assert.match(await a.ok(["ip", "route"]), /default via 10\.77\.0\.1 dev eth0/);
  assert.match(await a.ok(["ip", "-6", "route"]), /default via fd77::1 dev eth0/);
  assert.doesNotMatch(await b.ok(["ip", "route"]), /default/);
  assert.match(await a.ok(["ip", "link", "show", "eth0"]), /02:00:00:00:00:0a/);
  assert.deepEqual(await driver.endpointInfo(NETWORK.id, id(10)), {
    link: `po${id(10).slice(0, 12)}`,
  });

  const [, , network, endpoint, join, program] = await plugin.calls();
  assert.deepEqual(network!.body, {
    NetworkID: NETWORK.id,
    Options: {
      "com.docker.network.generic": { color: "red" },
      "com.docker.network.enable_ipv4": true,
      "com.docker.network.enable_ipv6": true,
    },
    IPv4Data: [{
      AddressSpace: "LocalDefault",
      Pool: "10.77.0.0/24",
      Gateway: "10.77.0.1/24",
      AuxAddresses: { printer: "10.77.0.9/24" },
    }],
    IPv6Data: [
      { AddressSpace: "LocalDefault", Pool: "fd77::/64", Gateway: "fd77::1/64", AuxAddresses: {} },
    ],
  });
  const portOptions = {
    "com.docker.network.endpoint.exposedports": [{ Proto: 6, Port: 80 }],
    "com.docker.network.portmap": [
      { Proto: 6, IP: "", Port: 80, HostIP: "", HostPort: 8080, HostPortEnd: 8080 },
    ],
  };
  assert.deepEqual(endpoint!.body, {
    NetworkID: NETWORK.id,
    EndpointID: id(10),
    Interface: {
      Address: "10.77.0.10/24",
      AddressIPv6: "fd77::a/64",
      MacAddress: "02:00:00:00:00:0a",
    },
    Options: { ...portOptions, "com.docker.network.endpoint.macaddress": "AgAAAAAK" },
  });
  assert.deepEqual(join!.body, {
    NetworkID: NETWORK.id,
    EndpointID: id(10),
    SandboxKey: a.path,
    Options: {},
  });
  assert.deepEqual(program!.body.Options, portOptions);

  await bench.calls();
  await driver.leave(NETWORK, first);
  // What came before it was back depends on how long the link took to come back.
  const told = (await bench.calls()).slice(-3);
  assert.deepEqual(told, ["RevokeExternalConnectivity", "Leave", "DeleteEndpoint"]);
  assert.ok(
    (await plugin.calls()).at(-1)!.wasBack,
    "the link was moved back before DeleteEndpoint",
  );
  assert.deepEqual(await linksOf(a), []);
  await driver.leave(NETWORK, second);
  await driver.deleteNetwork(NETWORK);
  assert.deepEqual(await bench.calls(), ["Leave", "DeleteEndpoint", "DeleteNetwork"]);
  assert.deepEqual(await bench.links(), []);
});

Deno.test("RemoteDriver all may be done twice", async () => {
  await using bench = await Bench.create();
  const join = joinOf(10, await bench.sandbox());
  for (let i = 0; i < 2; i++) await bench.driver.createNetwork(NETWORK);
  for (let i = 0; i < 2; i++) await bench.driver.join(NETWORK, join);
  assert.deepEqual((await bench.calls()).filter((method) => method === "Join"), ["Join"]);
  for (let i = 0; i < 2; i++) await bench.driver.leave(NETWORK, join);
  for (let i = 0; i < 2; i++) await bench.driver.deleteNetwork(NETWORK);
  assert.deepEqual(await bench.links(), []);
});

Deno.test("RemoteDriver.leave() is harmless when the sandbox is gone", async () => {
  await using bench = await Bench.create();
  const sandbox = await bench.sandbox();
  const join = joinOf(10, sandbox);
  await bench.driver.createNetwork(NETWORK);
  await bench.driver.join(NETWORK, join);
  await sandbox[Symbol.asyncDispose]();
  await bench.driver.leave(NETWORK, join);
  assert.deepEqual((await bench.calls()).slice(-2), ["Leave", "DeleteEndpoint"]);
});

Deno.test("RemoteDriver.join() goes past what a crash left, of the daemon or the plugin", async () => {
  await using bench = await Bench.create();
  const sandbox = await bench.sandbox();
  const join = joinOf(10, sandbox);
  await bench.driver.createNetwork(NETWORK);
  await bench.driver.join(NETWORK, join);
  // The daemon died after Join: the link is where the plugin made it.
  const src = `pi${id(10).slice(0, 12)}`;
  await sandbox.ip(`link set eth0 netns ${bench.host.path} name ${src}`);
  await bench.newDriver().join(NETWORK, join);
  assert.ok(await pings(sandbox, "10.77.0.1"));
  // It died between moving the link and configuring it.
  await sandbox.ip("link set eth0 down", "addr flush dev eth0");
  await bench.newDriver().join(NETWORK, join);
  assert.ok(await pings(sandbox, "10.77.0.1"));
  // The plugin was restarted and knows neither network nor endpoint; its link is there.
  await bench.plugin.kill();
  await bench.plugin.restart();
  await bench.driver.join(NETWORK, join);
  assert.deepEqual(await bench.plugin.methods(), [], "what is right isn't touched");
  const other = await bench.sandbox();
  await bench.driver.join(NETWORK, joinOf(11, other));
  const calls = (await bench.plugin.methods()).map((method) =>
    method.replace("NetworkDriver.", "")
  );
  assert.deepEqual(calls.slice(2), [
    "CreateEndpoint",
    "CreateNetwork",
    "CreateEndpoint",
    "Join",
    "ProgramExternalConnectivity",
  ]);
  assert.ok(await pings(other, "10.77.0.1"));
});

Deno.test("RemoteDriver.join() takes routes and addresses of the plugin's", async () => {
  await using bench = await Bench.create();
  const sandbox = await bench.sandbox();
  await bench.driver.createNetwork(NETWORK);
  const join = joinOf(10, sandbox);
  join.endpoint.addresses = [];
  // The link is made by hand, since the plugin is made to lie about both calls.
  await bench.host.ip(`link add pi${id(10).slice(0, 12)} type veth peer name other`);
  await bench.plugin.behave(
    {
      method: "NetworkDriver.CreateEndpoint",
      json: { Interface: { Address: "10.77.0.200/24", AddressIPv6: "" } },
    },
    {
      method: "NetworkDriver.Join",
      json: {
        InterfaceName: { SrcName: `pi${id(10).slice(0, 12)}` },
        Gateway: "169.254.1.1",
        StaticRoutes: [
          { Destination: "10.99.0.0/16", RouteType: 0, NextHop: "169.254.1.1" },
          { Destination: "169.254.1.1/32", RouteType: 1 },
        ],
      },
    },
  );
  const decided = await bench.driver.join(NETWORK, join);
  const routes = await sandbox.ok(["ip", "route"]);
  assert.match(routes, /default via 169\.254\.1\.1 dev eth0/);
  assert.match(routes, /10\.99\.0\.0\/16 via 169\.254\.1\.1 dev eth0/);
  assert.match(await sandbox.ok(["ip", "addr", "show", "eth0"]), /10\.77\.0\.200\/24/);
  assert.deepEqual(decided, {
    addresses: ["10.77.0.200/24"],
    mac: "02:00:00:00:00:0a",
    wayOut: "own",
  });
});

Deno.test("RemoteDriver.join() makes a link that is there the way out when it becomes that", async () => {
  await using bench = await Bench.create();
  const sandbox = await bench.sandbox();
  await bench.driver.createNetwork(NETWORK);
  await bench.driver.join(NETWORK, joinOf(10, sandbox, { gateway: false }));
  assert.equal(await sandbox.ok(["ip", "route", "show", "default"]), "");
  await bench.calls();
  // The daemon may have been restarted meanwhile.
  await bench.newDriver().join(NETWORK, joinOf(10, sandbox));
  assert.match(await sandbox.ok(["ip", "route", "show", "default"]), /via 10\.77\.0\.1 dev eth0/);
  assert.deepEqual(await bench.calls(), ["ProgramExternalConnectivity"]);
});

Deno.test("RemoteDriver.join() says whether the plugin leads out", async (t) => {
  await using bench = await Bench.create();
  await bench.driver.createNetwork(NETWORK);
  const src = `pi${id(10).slice(0, 12)}`;
  const cases = [
    ["leg", {}],
    ["none", { DisableGatewayService: true }],
    ["own", { StaticRoutes: [{ Destination: "0.0.0.0/0", RouteType: 1 }] }],
  ] as const;
  for (const [wayOut, answer] of cases) {
    await t.step(wayOut, async () => {
      await using sandbox = await TestNamespace.create("c");
      await bench.plugin.behave({
        method: "NetworkDriver.Join",
        json: { InterfaceName: { SrcName: src }, ...answer },
      });
      assert.deepEqual(await bench.driver.join(NETWORK, joinOf(10, sandbox)), {
        addresses: joinOf(10, sandbox).endpoint.addresses,
        mac: "02:00:00:00:00:0a",
        wayOut,
      });
      await bench.driver.leave(NETWORK, joinOf(10, sandbox));
    });
  }
});

Deno.test("RemoteDriver.join() that fails leaves nothing", async (t) => {
  await using bench = await Bench.create();
  await bench.driver.createNetwork(NETWORK);
  const before = await bench.links();
  const src = `pi${id(10).slice(0, 12)}`;
  const answer = (json: Record<string, unknown>) => ({
    method: "NetworkDriver.Join",
    json: { InterfaceName: { SrcName: src }, ...json },
  });
  const cases: [name: string, how: { method: string; [key: string]: unknown }, said: RegExp][] = [
    ["Join refused", { method: "NetworkDriver.Join", json: { Err: "nope" } }, /"p" refuses .*nope/],
    ["Join without link", answer({ InterfaceName: null }), /misbehaves in NetworkDriver.Join/],
    [
      "a link that isn't there",
      answer({ InterfaceName: { SrcName: "none0" } }),
      /^NetsvcError: Cannot apply .*"p" answers to NetworkDriver.Join: there is no link "none0"$/,
    ],
    ["a link with options", answer({ InterfaceName: { SrcName: "a mtu 9" } }), /no name of a link/],
    ["a link's path", answer({ InterfaceName: { SrcName: "../x" } }), /no name of a link/],
    ["a gateway that is none", answer({ Gateway: "10.77.0.1 dev lo" }), /wrong at Gateway/],
    [
      "a gateway out of reach",
      answer({ Gateway: "192.0.2.1" }),
      /answers to NetworkDriver.Join: .*gateway[^;\n]*$/i,
    ],
    ["a route to nowhere", answer({ StaticRoutes: [{ Destination: "x" }] }), /StaticRoutes.0.Dest/],
    [
      "a route without next hop",
      answer({ StaticRoutes: [{ Destination: "10.0.0.0/8", RouteType: 0 }] }),
      /without next hop/,
    ],
    [
      "other addresses",
      { method: "NetworkDriver.CreateEndpoint", json: { Interface: { Address: "10.9.9.9/24" } } },
      /gives the Address 10\.9\.9\.9\/24 where 10\.77\.0\.10\/24 was told/,
    ],
    [
      "CreateEndpoint refused",
      { method: "NetworkDriver.CreateEndpoint", json: { Err: "full" } },
      /refuses NetworkDriver.CreateEndpoint: full/,
    ],
    ["no Join", { method: "NetworkDriver.Join", status: 404 }, /implement NetworkDriver.Join/],
    [
      "no way out",
      { method: "NetworkDriver.ProgramExternalConnectivity", json: { Err: "port taken" } },
      /refuses NetworkDriver.ProgramExternalConnectivity: port taken/,
    ],
  ];
  for (const [name, how, said] of cases) {
    await t.step(name, async () => {
      await using sandbox = await TestNamespace.create("c");
      const join = joinOf(10, sandbox);
      await bench.plugin.behave(how);
      await assert.rejects(bench.driver.join(NETWORK, join), said);
      assert.deepEqual(await bench.links(), before);
      assert.deepEqual(await linksOf(sandbox), []);
      await bench.plugin.behave();
      await bench.driver.join(NETWORK, join);
      assert.ok(await pings(sandbox, "10.77.0.1"), "then it works");
      await bench.driver.leave(NETWORK, join);
    });
  }
});

Deno.test("RemoteDriver.join() leaves links alone that the host needs", async (t) => {
  await using bench = await Bench.create();
  await bench.driver.createNetwork(NETWORK);
  const pair = (
    name: string,
  ) => [`link add ${name} type veth peer name ${name}x`, `link set ${name} up`];
  // Else addresses and routes come by themselves later on.
  await bench.host.ok(["sysctl", "-qw", "net.ipv6.conf.default.accept_dad=0"]);
  await bench.host.ip(
    ...pair("up0"),
    "addr add 192.0.2.5/24 dev up0",
    "link set up0x up",
    "route add default via 192.0.2.1 dev up0",
    "link property add dev up0 altname uplink",
    ...pair("six0"),
    "addr add 2001:db8::5/64 dev six0 nodad",
    ...pair("routed0"),
    "link set routed0x up",
    "route add 198.51.100.0/24 dev routed0",
    ...pair("six1"),
    "link set six1x up",
    "route add 2001:db8:1::/64 dev six1",
    "link add br0 type bridge",
    ...pair("port0"),
    "link set port0 master br0",
    ...pair("under0"),
    "link add vx0 type vxlan id 7 dev under0 dstport 4789",
    ...pair("nsv0123456789"),
    ...pair("named0"),
    "link set named0 alias netsvc:0123",
  );
  const state = async () => {
    const shown = [["-br", "addr"], ["route", "show", "table", "all"], ["-o", "link"]]
      .map((words) => bench.host.ok(["ip", ...words]));
    // The plugin's bridge comes up and goes down with its ports.
    return (await Promise.all(shown)).join("").split("\n").filter((line) => !/\bpb/.test(line));
  };
  const cases: [link: string, why: RegExp][] = [
    ["up0", /^has the address 192\.0\.2\.5\/24 on the host$/],
    ["six0", /^has the address 2001:db8::5\/64 on the host$/],
    ["routed0", /^carries the host's route to 198\.51\.100\.0\/24$/],
    ["six1", /^carries the host's route to 2001:db8:1::\/64$/],
    ["port0", /^is a port of "br0" on the host$/],
    ["br0", /^has the port "port0" on the host$/],
    ["under0", /^carries the link "vx0" on the host$/],
    ["nsv0123456789", /^is netsvc's own$/],
    ["named0", /^is netsvc's own$/],
    ["lo", /^is the host's loopback$/],
  ];
  await using sandbox = await TestNamespace.create("c");
  const join = joinOf(10, sandbox);
  const before = await state();
  const joinWith = async (SrcName: string): Promise<Error> => {
    await bench.plugin.behave({
      method: "NetworkDriver.Join",
      json: { InterfaceName: { SrcName } },
    });
    return await bench.driver.join(NETWORK, join).then(
      () => assert.fail("taken"),
      (error) => error,
    );
  };
  for (const [link, why] of cases) {
    await t.step(link, async () => {
      const { message } = await joinWith(link);
      const start =
        `The plugin "p" misbehaves in NetworkDriver.Join: it gives the link "${link}", which `;
      assert.equal(message.slice(0, start.length), start);
      assert.match(message.slice(start.length), why);
      assert.deepEqual(await linksOf(sandbox), []);
      assert.deepEqual(await state(), before);
    });
  }
  await t.step("another name of such a link", async () => {
    assert.match((await joinWith("uplink")).message, /there is no link "uplink"/);
    assert.deepEqual(await state(), before);
  });
  await t.step("its other end may be taken, which has only link-local addresses", async () => {
    await bench.plugin.behave({
      method: "NetworkDriver.Join",
      json: { InterfaceName: { SrcName: "routed0x" } },
    });
    await bench.driver.join(NETWORK, join);
    assert.deepEqual(await linksOf(sandbox), ["eth0"]);
    await bench.driver.leave(NETWORK, join);
  });
});

Deno.test("RemoteDriver tolerates a plugin that is half implemented", async () => {
  await using bench = await Bench.create();
  await bench.plugin.behave(
    ...[
      "ProgramExternalConnectivity",
      "RevokeExternalConnectivity",
      "DiscoverNew",
      "DiscoverDelete",
    ]
      .map((method) => ({ method: `NetworkDriver.${method}`, status: 404 })),
  );
  await bench.driver.setHosts([{ address: "192.0.2.1", self: true }]);
  const join = joinOf(10, await bench.sandbox());
  await bench.driver.createNetwork(NETWORK);
  await bench.driver.join(NETWORK, join);
  await bench.driver.leave(NETWORK, join);
  await bench.plugin.behave({ method: "NetworkDriver.DeleteNetwork", status: 404 });
  await assert.rejects(bench.driver.deleteNetwork(NETWORK), {
    code: "unsupported",
    message: 'The plugin "p" doesn\'t implement NetworkDriver.DeleteNetwork',
  });
});

Deno.test("RemoteDriver.leave() unplugs without the plugin, which hears of it when it is back", async () => {
  await using bench = await Bench.create();
  const { driver, plugin } = bench;
  const sandbox = await bench.sandbox();
  const join = joinOf(10, sandbox);
  await driver.createNetwork(NETWORK);
  await driver.join(NETWORK, join);
  await plugin.behave({ method: "*", drop: true });
  await assert.rejects(driver.leave(NETWORK, join), { code: "unavailable", message: /"p"/ });
  assert.deepEqual(await linksOf(sandbox), []);
  const failing = await driver.reconcile([{ network: NETWORK, joins: [], peers: [] }]);
  assert.equal(failing.failed.length, 1);
  await plugin.behave();
  await bench.calls();
  await until("the plugin is told", async () => {
    const { removed } = await driver.reconcile([{ network: NETWORK, joins: [], peers: [] }]);
    return removed.length > 0;
  });
  // What came before it was back depends on how long the link took to come back.
  const told = (await bench.calls()).slice(-3);
  assert.deepEqual(told, ["RevokeExternalConnectivity", "Leave", "DeleteEndpoint"]);
  assert.deepEqual(await driver.reconcile([]), { mended: [], removed: [], failed: [] });
  await driver.join(NETWORK, join);
  assert.ok(await pings(sandbox, "10.77.0.1"));
});

Deno.test("RemoteDriver.reconcile() mends what is broken and touches nothing else", async () => {
  await using bench = await Bench.create();
  const a = await bench.sandbox(), b = await bench.sandbox();
  const joins = [joinOf(10, a), joinOf(11, b)];
  await bench.driver.createNetwork(NETWORK);
  for (const join of joins) await bench.driver.join(NETWORK, join);
  await bench.calls();
  const desired = [{ network: NETWORK, joins, peers: [] }];
  const driver = bench.newDriver();
  assert.deepEqual(await driver.reconcile(desired), { mended: [], removed: [], failed: [] });
  assert.deepEqual(await bench.calls(), [], "no plugin is needed where all is well");
  await a.ip("link del eth0");
  assert.deepEqual((await driver.reconcile(desired)).mended, ['Mended eth0 on network "net"']);
  assert.ok(await pings(a, "10.77.0.11"));
  // A plugin that is dead holds nobody up.
  await a.ip("link del eth0");
  await b.ip("link del eth0");
  await bench.plugin.kill();
  const start = performance.now();
  const report = await driver.reconcile(desired);
  assert.ok(performance.now() - start < 2000);
  assert.match(report.failed.map(String).join(), /"p" is unavailable/);
  await bench.plugin.restart();
  await until("all is mended", async () => (await driver.reconcile(desired)).failed.length === 0);
  assert.ok(await pings(a, "10.77.0.11"));
});

Deno.test("RemoteDriver.setHosts() tells of changes, and of all after a restart", async () => {
  await using bench = await Bench.create();
  const { driver, plugin } = bench;
  const self = { address: "192.0.2.1", self: true }, peer = { address: "192.0.2.2", self: false };
  await driver.setHosts([self]);
  assert.deepEqual(await bench.calls(), [], "a plugin isn't activated for it");
  await plugin.scope({ Scope: "global" });
  assert.equal((await driver.activate()).scope, "global");
  await driver.setHosts([self, peer]);
  await driver.setHosts([self]);
  const told = (await plugin.calls()).filter(({ method }) => method.includes("Discover"));
  assert.deepEqual(told.map(({ method, body }) => [method.slice(14), body.DiscoveryData.Address]), [
    ["DiscoverNew", "192.0.2.1"],
    ["DiscoverNew", "192.0.2.2"],
    ["DiscoverDelete", "192.0.2.2"],
  ]);
  assert.deepEqual(told[0]!.body, {
    DiscoveryType: 1,
    DiscoveryData: { Address: "192.0.2.1", BindAddress: "192.0.2.1", Self: true },
  });
  await plugin.kill();
  await assert.rejects(driver.createNetwork(NETWORK));
  await plugin.restart();
  await until("it is back", () => driver.createNetwork(NETWORK).then(() => true, () => false));
  assert.ok((await plugin.methods()).includes("NetworkDriver.DiscoverNew"));
});

Deno.test("RemoteDriver.needsGateway() asks only who says that it can be asked", async () => {
  await using bench = await Bench.create();
  assert.deepEqual(await bench.driver.needsGateway({}), { 4: true, 6: true });
  await bench.plugin.scope({ Scope: "local", GwAllocChecker: true });
  assert.deepEqual(await bench.newDriver().needsGateway({ a: "b" }), { 4: false, 6: true });
});

Deno.test("RemoteDriver.leave() takes no link out of a sandbox but the plugin's own", async () => {
  await using bench = await Bench.create();
  await bench.driver.createNetwork(NETWORK);
  const before = await bench.links();
  const veth = "link add eth0 type veth peer name tap";
  const cases: [name: string, links: (join: Join, ifindex: number) => string[]][] = [
    ["a veth of its own under the name", () => [veth]],
    // What told them apart before.
    ["with an alias that names a link of the host's", (join) => [
      veth,
      `link set eth0 alias netsvc-plugin:${join.endpoint.id}:eth7`,
    ]],
    ["with its index, and its address", (join, ifindex) => [
      `link add eth0 index ${ifindex} type veth peer name tap`,
      `link set eth0 address ${join.endpoint.mac}`,
    ]],
    ["another kind", () => ["link add eth0 type vxlan id 7 dstport 4790"]],
    ["a bridge", () => ["link add eth0 type bridge"]],
  ];
  for (const [i, [name, links]] of cases.entries()) {
    const sandbox = await bench.sandbox();
    const join = joinOf(30 + i, sandbox);
    await bench.driver.join(NETWORK, join);
    const [{ ifindex }] = JSON.parse(await sandbox.ok(["ip", "-j", "link", "show", "eth0"]));
    await sandbox.ip("link del eth0");
    await sandbox.ip(...links(join, ifindex));
    // A daemon that was restarted knows as much.
    const driver = i % 2 === 0 ? bench.driver : bench.newDriver();
    await driver.leave(NETWORK, join);
    assert.deepEqual(await bench.links(), before, name);
    assert.deepEqual(await linksOf(sandbox), [], name);
  }
  // One that moved the plugin's away is no better off.
  const sandbox = await bench.sandbox(), away = await bench.sandbox();
  const join = joinOf(40, sandbox);
  await bench.driver.join(NETWORK, join);
  await sandbox.ip(`link set eth0 netns ${away.name}`, veth);
  await bench.driver.leave(NETWORK, join);
  assert.ok(!(await bench.links()).includes(`pi${join.endpoint.id.slice(0, 12)}`));
});
