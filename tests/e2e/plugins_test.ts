import assert from "node:assert/strict";
import { makeCertificates } from "../harness/certificates.ts";
import { TestCluster } from "../harness/cluster.ts";
import { until } from "../harness/command.ts";
import type { TestHost } from "../harness/host.ts";
import type { TestPlugin } from "../harness/plugin.ts";
import { equip, pluginDir, pluginHost, startPlugin } from "../harness/plugin_host.ts";

const sleeper = ["--", "sleep", "1000"];

/** Links of the plugin's and of netsvc's in the host's namespace. */
async function links(host: TestHost): Promise<string[]> {
  const all = JSON.parse(await host.namespace.ok(["ip", "-j", "link", "show"]));
  return all.map(({ ifname }: { ifname: string }) => ifname)
    .filter((name: string) => /^(p[bio][0-9a-f]|ns[bv])/.test(name)).sort();
}

/** Methods called since a moment, without types and greetings. */
async function methodsSince(plugin: TestPlugin, start: number): Promise<string[]> {
  return (await plugin.methods()).slice(start).map((method) => method.split(".")[1]!)
    .filter((method) => !["Activate", "GetCapabilities"].includes(method));
}

async function pings(host: TestHost, container: string, to: string): Promise<boolean> {
  return (await host.inside(container, ["ping", "-c1", "-W2", to])).code === 0;
}

async function byName(host: TestHost, container: string, name: string): Promise<void> {
  await until(`${container} reaches ${name}`, async () => {
    return (await host.run(["exec", container, "ping", "-c1", "-W2", name])).code === 0;
  });
}

/** What a host's services of a network are like. */
async function services(host: TestHost, network: string) {
  const [shown] = JSON.parse(await host.ok("network", "info", "--format", "json", network));
  return shown.services as { name: string; addresses: string[]; backend?: unknown }[];
}

Deno.test("a plugin drives a network, over a socket, TCP and TLS", async (t) => {
  await using host = await pluginHost();
  const dir = pluginDir(host);
  await using certificates = await makeCertificates();
  const { ca, cert, key } = certificates;
  await using socket = await startPlugin(host, "weave");
  await using tcp = await startPlugin(host, "overtcp", { listen: "tcp:127.0.0.1:0" });
  await using tls = await startPlugin(host, "overtls", {
    listen: `tls:127.0.0.1:0,${cert},${key},${ca}`,
    curl: ["--cacert", ca, "--cert", cert, "--key", key],
  });
  await Deno.writeTextFile(`${dir}/overtcp.spec`, `tcp://${tcp.where}\n`);
  await Deno.mkdir(`${dir}/overtls`);
  await Deno.writeTextFile(
    `${dir}/overtls/overtls.json`,
    JSON.stringify({
      Addr: `https://${tls.where}`,
      TLSConfig: { CAFile: ca, CertFile: cert, KeyFile: key },
    }),
  );
  const before = await links(host);

  await t.step("the user's session", async () => {
    assert.deepEqual(await socket.methods(), [], "it is activated when it is needed");
    await host.ok("network", "create", "-d", "weave", "-o", "a.b=c", "--subnet=10.7.0.0/24", "foo");
    assert.match(await host.ok("network", "ls"), /foo\s+weave/);
    await host.ok("service", "publish", "db.foo");
    assert.deepEqual(await methodsSince(socket, 0), ["CreateNetwork"]);
    const [created] = (await socket.calls()).filter(({ method }) => /CreateNet/.test(method));
    assert.deepEqual(created!.body.Options["com.docker.network.generic"], { "a.b": "c" });
    await host.ok("container", "create", "one");
    await host.ok("service", "attach", "one", "db.foo");
    await host.ok("run", "-d", "--name", "two", "--net", "foo", ...sleeper);
    await byName(host, "two", "db");
    assert.ok(await pings(host, "one", "two") || await pings(host, "one", "10.7.0.3"));
    assert.match(
      (await host.inside("two", ["ip", "route"])).stdout,
      /default via 10\.7\.0\.1 dev eth0/,
    );
    const info = await host.ok("network", "info", "foo");
    assert.match(info, /Type: weave\n/);
    assert.match(info, /Name: db\n.*\n.*\n {4}link: po[0-9a-f]+\n/);
    await host.fails(1, /it has 2 services: db, two/, "network", "rm", "foo");
    const start = (await socket.methods()).length;
    await host.ok("service", "detach", "one", "db.foo");
    assert.deepEqual(await methodsSince(socket, start), [
      "RevokeExternalConnectivity",
      "Leave",
      "DeleteEndpoint",
    ]);
    assert.ok((await socket.calls()).at(-1)!.wasBack, "the link was back where the plugin looks");
    await host.ok("service", "attach", "one", "db.foo");
    await byName(host, "two", "db");
    await host.ok("container", "rm", "-f", "two", "one");
    await host.ok("network", "rm", "-f", "foo");
    assert.equal((await socket.methods()).at(-1), "NetworkDriver.DeleteNetwork");
    assert.deepEqual(await links(host), before);
  });

  for (const driver of ["overtcp", "overtls"]) {
    await t.step(driver, async () => {
      await host.ok("network", "create", "-d", driver, "net");
      await host.ok("container", "create", "--net", "net", "c");
      await host.ok("container", "create", "--net", "net", "d");
      const [, d] = await services(host, "net");
      assert.ok(await pings(host, "c", d!.addresses[0]!.split("/")[0]!));
      await host.ok("container", "rm", "c", "d");
      await host.ok("network", "rm", "net");
      assert.deepEqual(await links(host), before);
    });
  }

  await t.step("the way out is the next network's when the plugin's goes, and back", async () => {
    await host.ok("network", "create", "-d", "weave", "--subnet=10.7.1.0/24", "away");
    await host.ok("container", "create", "both");
    await host.ok("service", "publish", "x.bridge");
    await host.ok("service", "attach", "both", "x.bridge");
    await host.ok("service", "publish", "x.away");
    await host.ok("service", "attach", "both", "x.away");
    const route = async () =>
      (await host.inside("both", ["ip", "route", "show", "default"])).stdout;
    assert.match(await route(), /dev eth0/);
    await host.ok("service", "detach", "both", "x.bridge");
    assert.match(await route(), /via 10\.7\.1\.1 dev eth1/);
    await host.ok("service", "attach", "both", "x.bridge");
    await host.ok("service", "detach", "both", "x.away");
    assert.match(await route(), /dev eth0/);
    await host.ok("container", "rm", "both");
    await host.ok("network", "rm", "-f", "away");
    await host.ok("service", "unpublish", "x.bridge");
  });

  await t.step("a network that names no gateway gets a leg, unless it wants none", async () => {
    for (const [answer, led] of [[{}, true], [{ DisableGatewayService: true }, false]] as const) {
      await host.ok("network", "create", "-d", "weave", "--subnet=10.7.2.0/24", "closed");
      await host.ok("container", "create", "c");
      await host.ok("service", "publish", "s.closed");
      const [{ id }] = JSON.parse(await host.ok("service", "info", "--format", "json", "s.closed"));
      await socket.behave({
        method: "NetworkDriver.Join",
        json: { InterfaceName: { SrcName: `pi${id.slice(0, 12)}` }, ...answer },
      });
      await host.ok("service", "attach", "c", "s.closed");
      const { stdout } = await host.inside("c", ["ip", "route", "show", "default"]);
      if (led) assert.match(stdout, /via 169\.254\.192\.1 dev eth1/);
      else assert.equal(stdout, "");
      await socket.behave();
      await host.ok("service", "detach", "c", "s.closed");
      assert.doesNotMatch((await host.inside("c", ["ip", "link"])).stdout, /eth/);
      await host.ok("container", "rm", "c");
      await host.ok("network", "rm", "-f", "closed");
    }
  });

  await t.step("with --ipam-driver null the plugin gives the address", async () => {
    await host.ok("network", "create", "-d", "weave", "--ipam-driver", "null", "dhcp");
    await host.ok("container", "create", "c");
    await host.ok("service", "publish", "s.dhcp");
    assert.deepEqual((await services(host, "dhcp"))[0]!.addresses, []);
    const [{ id }] = JSON.parse(await host.ok("service", "info", "--format", "json", "s.dhcp"));
    await host.namespace.ip(`link add pi${id.slice(0, 12)} type veth peer name other`);
    await socket.behave({
      method: "NetworkDriver.CreateEndpoint",
      json: { Interface: { Address: "10.7.3.9/24" } },
    }, {
      method: "NetworkDriver.Join",
      json: { InterfaceName: { SrcName: `pi${id.slice(0, 12)}` }, Gateway: "10.7.3.1" },
    });
    await host.ok("service", "attach", "c", "s.dhcp");
    assert.deepEqual((await services(host, "dhcp"))[0]!.addresses, ["10.7.3.9/24"]);
    assert.match((await host.inside("c", ["ip", "addr"])).stdout, /10\.7\.3\.9\/24/);
    await socket.behave();
    await host.ok("service", "detach", "c", "s.dhcp");
    assert.deepEqual((await services(host, "dhcp"))[0]!.addresses, []);
    await host.ok("container", "rm", "c");
    await host.ok("network", "rm", "-f", "dhcp");
    await host.namespace.ip("link del other");
  });
});

/** The address of a service, without prefix. */
async function addressOf(host: TestHost, service: string): Promise<string> {
  const [shown] = JSON.parse(await host.ok("service", "info", "--format", "json", service));
  return shown.addresses[0].split("/")[0];
}

Deno.test("a plugin hands out the addresses of a bridge network", async (t) => {
  await using host = await pluginHost();
  await using plugin = await startPlugin(host, "ipam");
  const create = ["network", "create", "--ipam-driver", "ipam"];
  const released = async () =>
    (await plugin.calls()).filter(({ method }) => method.includes("Release"))
      .map(({ body }) => body.Address ?? body.PoolID);

  await t.step("pool, gateway, services; all of it is given back", async () => {
    await host.ok(...create, "--ipam-opt", "tier=gold", "--aux-address", "nas=10.9.0.7", ...[
      "--subnet=10.9.0.0/24",
      "foo",
    ]);
    const [pool] = (await plugin.calls()).filter(({ method }) => method.endsWith("RequestPool"));
    assert.deepEqual(pool!.body, {
      AddressSpace: "here",
      Pool: "10.9.0.0/24",
      SubPool: "",
      Options: { tier: "gold" },
      V6: false,
    });
    const info = await host.ok("network", "info", "foo");
    assert.match(info, /Type: bridge\n/);
    assert.match(info, /IPAM driver: ipam\nIPAM option: tier=gold/);
    assert.match(info, /Gateway: 10\.9\.0\.1\n/);
    await host.ok("container", "create", "--net", "foo", "a");
    await host.ok("run", "-d", "--name", "b", "--net", "foo", ...sleeper);
    await byName(host, "b", "a");
    const [asked] = (await plugin.calls()).filter(({ body }) =>
      body?.Options?.["com.docker.network.endpoint.macaddress"]
    );
    assert.match(asked!.body.Options["com.docker.network.endpoint.macaddress"], /^02:/);
    await host.ok("service", "publish", "--ip", "10.9.0.50", "c.foo");
    assert.equal(await addressOf(host, "c.foo"), "10.9.0.50");
    await host.fails(1, /10\.9\.0\.50 is in use/, ...["service", "publish"], ...[
      "--ip",
      "10.9.0.50",
      "d.foo",
    ]);
    await host.ok("service", "unpublish", "c.foo");
    assert.deepEqual(await released(), ["10.9.0.50"]);
    await host.ok("service", "publish", "c.foo");
    assert.equal(await addressOf(host, "c.foo"), "10.9.0.50", "it gets its address back");
    await host.ok("container", "rm", "-f", "a", "b");
    await host.ok("network", "rm", "-f", "foo");
    assert.deepEqual((await released()).slice(-4).sort(), [
      "10.9.0.1",
      "10.9.0.50",
      "10.9.0.7",
      "here/10.9.0.0/24",
    ]);
  });

  await t.step("a plugin that forgot and gives what somebody has is asked again", async () => {
    await host.ok(...create, "--subnet=10.9.1.0/24", "foo");
    await host.ok("service", "publish", "a.foo");
    await plugin.behave({
      method: "IpamDriver.RequestAddress",
      json: { Address: "10.9.1.2/24" },
      times: 2,
    });
    await host.ok("service", "publish", "b.foo");
    assert.equal(await addressOf(host, "a.foo"), "10.9.1.2");
    assert.equal(await addressOf(host, "b.foo"), "10.9.1.3");
    assert.ok(!(await released()).includes("10.9.1.2"), "what is another's isn't given back");
    await host.ok("network", "rm", "-f", "foo");
  });

  const give = (address: string, times?: number) => ({
    method: "IpamDriver.RequestAddress",
    json: { Address: address },
    ...times !== undefined && { times },
  });

  await t.step("one that gives what the network has itself is asked again", async () => {
    const start = (await released()).length;
    const aux = ["--aux-address", "nas=10.9.6.7", "--aux-address", "ap=10.9.6.8"];
    // An auxiliary address for the gateway: the network's it is, but not as that.
    await plugin.behave(give("10.9.6.7/24", 1));
    await host.ok(...create, ...aux, "--subnet=10.9.6.0/24", "foo");
    assert.match(await host.ok("network", "info", "foo"), /Gateway: 10\.9\.6\.1\n/);
    await plugin.behave(give("10.9.6.1/24", 2), give("10.9.6.8/24", 1));
    await host.ok("service", "publish", "a.foo");
    assert.equal(await addressOf(host, "a.foo"), "10.9.6.2");
    await plugin.behave(give("10.9.6.1/24"));
    await host.fails(
      1,
      /"ipam" misbehaves in IpamDriver\.RequestAddress: it gives 10\.9\.6\.1\/24 .* the gateway/,
      ...["service", "publish", "b.foo"],
    );
    assert.deepEqual((await released()).slice(start), [], "it is the network's");
    const asked = (await plugin.methods()).length;
    for (
      const [ip, said] of [["1", /is the gateway/], ["8", /"ap"/], ["255", /no host's/]] as const
    ) {
      await host.fails(1, said, "service", "publish", "--ip", `10.9.6.${ip}`, "b.foo");
    }
    assert.equal(
      (await plugin.methods()).length,
      asked,
      "the user's mistake is none of the plugin's",
    );
    await plugin.behave();
    await host.ok("network", "rm", "-f", "foo");
    const all = ["10.9.6.1", "10.9.6.2", "10.9.6.7", "10.9.6.8", "here/10.9.6.0/24"];
    // The plugin never held the one that it gave for the gateway.
    assert.deepEqual((await released()).slice(start).sort(), all);
  });

  await t.step("one that gives what no host can have is refused, and gets it back", async () => {
    const wrong = [
      ["10.9.7.0/24", "which is the network address of 10.9.7.0/24"],
      ["10.9.7.255/24", "which is the broadcast address of 10.9.7.0/24"],
      ["10.9.8.5/24", "which is outside 10.9.7.0/24"],
    ] as const;
    const network = [...create, "--subnet=10.9.7.0/24", "foo"];
    const refused = async (words: string[], what: string[]) => {
      for (const [address, why] of wrong) {
        const start = (await released()).length;
        await plugin.behave(give(address));
        const { code, stderr } = await host.run(words);
        assert.equal(code, 1);
        assert.match(stderr, /^netsvc: [^\n]+\n$/);
        const said = 'The plugin "ipam" misbehaves in IpamDriver.RequestAddress: ' +
          `it gives ${address}, ${why}`;
        assert.ok(stderr.includes(said), stderr);
        await plugin.behave();
        assert.deepEqual((await released()).slice(start), [address.split("/")[0], ...what]);
      }
    };
    await refused(network, ["here/10.9.7.0/24"]);
    await plugin.behave({
      method: "IpamDriver.RequestPool",
      json: {
        PoolID: "p",
        Pool: "10.9.7.0/24",
        Data: { "com.docker.network.gateway": "10.9.7.7/24" },
      },
    });
    await host.fails(
      1,
      /"ipam" misbehaves in IpamDriver\.RequestPool: it gives 10\.9\.7\.7 as gateway, .* "nas"/,
      ...network,
      "--aux-address=nas=10.9.7.7",
    );
    await plugin.behave();
    assert.equal((await released()).at(-1), "p");
    await host.ok(...network);
    await refused(["service", "publish", "a.foo"], []);
    await host.ok("network", "rm", "foo");
  });

  await t.step("what fails leaves nothing", async () => {
    const start = (await plugin.methods()).length;
    const [bridge] = JSON.parse(await host.ok("network", "info", "--format", "json", "bridge"));
    await host.fails(1, /overlaps.* of network "bridge"/, ...create, ...[
      `--subnet=${bridge.pools[0].subnet}`,
      "clash",
    ]);
    await plugin.behave({ method: "IpamDriver.RequestAddress", json: { Address: "10.1.2.3/24" } });
    await host.fails(1, /plugin "ipam" misbehaves.*outside 10\.9\.2\.0\/24/, ...create, ...[
      "--subnet=10.9.2.0/24",
      "liar",
    ]);
    await plugin.behave({ method: "IpamDriver.RequestPool", json: { Error: "none left" } });
    await host.fails(1, /refuses IpamDriver.RequestPool: none left/, ...create, "full");
    await plugin.behave();
    const methods = (await plugin.methods()).slice(start).map((m) => m.split(".")[1]);
    const count = (name: string) => methods.filter((method) => method === name).length;
    assert.equal(count("ReleasePool"), 2);
    assert.doesNotMatch(await host.ok("network", "ls"), /clash|liar|full/);
    await host.fails(1, /is no "?IpamDriver|Unknown|No such plugin: "nope"/, ...[
      ...["network", "create", "--ipam-driver", "nope", "x"],
    ]);
    await host.fails(1, /null/, "network", "create", "--ipam-driver", "null", "x");
    await host.fails(1, /--ipam-driver/, "network", "create", "--ipam-opt", "a=b", "x");
  });

  await t.step("a plugin that forgets is asked again for all it gave", async () => {
    // It is asked once a session.
    await plugin.kill();
    await plugin.restart();
    await plugin.behave({
      method: "IpamDriver.GetCapabilities",
      json: { RequiresRequestReplay: true },
    });
    const pool = [...create, "--subnet=10.9.4.0/24", "--aux-address", "x=10.9.4.9", "foo"];
    await until("it is there again", async () => (await host.run(pool)).code === 0, 60_000);
    await host.ok("service", "publish", "a.foo");
    await plugin.kill();
    await plugin.restart();
    await until("it works again", async () => {
      return (await host.run(["service", "publish", "b.foo"])).code === 0;
    }, 60_000);
    assert.notEqual(await addressOf(host, "b.foo"), await addressOf(host, "a.foo"));
    const asked = (await plugin.calls()).filter(({ method }) => /Request/.test(method))
      .map(({ body }) => body.Address ?? body.Pool);
    assert.deepEqual(asked, ["10.9.4.0/24", "10.9.4.1", "10.9.4.9", "10.9.4.2", ""]);
    await host.ok("network", "rm", "-f", "foo");
  });

  await t.step("what a crash left half asked is given back", async () => {
    await plugin.behave({ method: "IpamDriver.RequestAddress", hang: true });
    const start = (await plugin.methods()).length;
    const pending = host.run([...create, "--subnet=10.9.5.0/24", "foo"]);
    const called = async (method: string) =>
      (await plugin.methods()).slice(start).includes(`IpamDriver.${method}`);
    await until("it hangs", () => called("RequestAddress"));
    await host.stop("SIGKILL");
    await pending;
    await plugin.behave();
    await host.start();
    await until("the pool is given back", () => called("ReleasePool"), 60_000);
    assert.doesNotMatch(await host.ok("network", "ls"), /foo/);
  });

  await t.step("a dead plugin holds up no unpublish, and is told when it is back", async () => {
    await host.ok(...create, "--subnet=10.9.3.0/24", "foo");
    await host.ok("service", "publish", "a.foo");
    const address = await addressOf(host, "a.foo");
    await plugin.behave({ method: "*", drop: true });
    await host.ok("service", "unpublish", "a.foo");
    await host.fails(1, /The plugin "ipam" is unavailable/, "service", "publish", "b.foo");
    await host.ok("network", "rm", "foo");
    await host.stop("SIGKILL");
    await plugin.behave();
    const start = (await plugin.methods()).length;
    await host.start();
    await until("the plugin is told", async () => {
      const told = (await plugin.calls()).slice(start).filter((c) => /Release/.test(c.method));
      const what = told.map(({ body }) => body.Address ?? body.PoolID);
      return [address, "10.9.3.1", "here/10.9.3.0/24"].every((one) => what.includes(one));
    }, 60_000);
  });
});

Deno.test("a plugin that hangs holds up nobody but who asked it", async (t) => {
  await using host = await pluginHost();
  await using plugin = await startPlugin(host, "slow");
  await host.ok("network", "create", "-d", "slow", "theirs");
  await host.ok("network", "create", "--ipam-driver", "slow", "half");
  await host.ok("network", "create", "ours");
  for (const name of ["one", "two"]) await host.ok("service", "publish", `${name}.theirs`);
  for (const name of ["c", "d"]) await host.ok("container", "create", name);
  await host.ok("run", "-d", "--name", "neighbour", "--net", "ours", ...sleeper);
  await host.ok("service", "attach", "d", "two.theirs");
  await plugin.behave({ method: "*", hang: true });
  const asked = [
    ["service", "attach", "c", "one.theirs"],
    ["service", "detach", "d", "two.theirs"],
    ["service", "publish", "x.half"],
    ["network", "create", "-d", "slow", "more"],
  ];
  const ended: string[] = [];
  const pending = asked.map((words) =>
    host.run(words, { timeout: 90_000 }).then((result) => {
      ended.push(words.join(" "));
      return result;
    })
  );
  await until("all of it hangs", async () => {
    const hanging = (await methodsSince(plugin, 0)).slice(-4).join();
    return ["CreateEndpoint", "RevokeExternal", "RequestAddress", "CreateNetwork"]
      .every((method) => hanging.includes(method));
  });
  // From here on the plugin has 30 seconds, and nothing takes as long.
  const start = performance.now();

  await t.step("other networks are made, attached, reconciled and removed", async () => {
    await host.ok("network", "create", "other");
    await host.ok("run", "-d", "--name", "e", "--net", "other", ...sleeper);
    await host.ok("service", "publish", "f.ours");
    await host.ok("container", "create", "f");
    await host.ok("service", "attach", "f", "f.ours");
    await byName(host, "neighbour", "f");
    // It waits for a round of the reconciler, which is alone with all drivers of netsvc's own.
    await host.run(["doctor"]);
    await host.ok("service", "detach", "f", "f.ours");
    await host.ok("container", "rm", "-f", "e", "f");
    await host.ok("network", "rm", "-f", "other");
    assert.match(await host.ok("network", "info", "theirs"), /Type: slow/);
    assert.ok(performance.now() - start < 25_000, "all within the time of one call");
    assert.deepEqual(ended, [], "nothing has ended meanwhile");
  });

  await t.step("the daemon stops and starts", async () => {
    const stopping = performance.now();
    await host.stop();
    const stopped = performance.now() - stopping;
    assert.ok(stopped < 8_000, `${stopped} ms`);
    for (const result of await Promise.all(pending)) {
      const words = result.stderr.trimEnd();
      // A detach is done when the container is unplugged.
      assert.ok(result.code === 0 || /^netsvc: [^\n]+$/.test(words), words);
    }
    const starting = performance.now();
    await host.start();
    const started = performance.now() - starting;
    assert.ok(started < 10_000, `${started} ms`);
    assert.doesNotMatch(await host.ok("network", "ls"), /more/);
    await byName(host, "neighbour", "neighbour");
    assert.doesNotMatch((await host.inside("d", ["ip", "link"])).stdout, /eth0/);
  });

  await t.step("it works when the plugin does", async () => {
    await plugin.kill();
    await plugin.restart();
    await until("attached", async () => {
      return (await host.run(["service", "attach", "c", "one.theirs"])).code === 0;
    }, 60_000);
    await host.ok("service", "attach", "d", "two.theirs");
    assert.ok(await pings(host, "c", await addressOf(host, "two.theirs")));
    await host.ok("container", "rm", "-f", "c", "d", "neighbour");
    await host.ok("network", "rm", "-f", "theirs");
    await host.ok("network", "rm", "-f", "half");
    await host.ok("network", "rm", "-f", "ours");
    assert.deepEqual((await links(host)).filter((name) => name.startsWith("p")), []);
  });
});

Deno.test("plugins that are dead, lie or are half done", async (t) => {
  await using host = await pluginHost();
  await using plugin = await startPlugin(host, "bad");
  await host.ok("container", "create", "c");
  await host.ok("network", "create", "-d", "bad", "--subnet=10.8.0.0/24", "net");
  await host.ok("service", "publish", "s.net");
  const attach = ["service", "attach", "c", "s.net"];
  await host.namespace.ip(
    "link add up0 type veth peer name up1",
    "link set up1 up",
    "link set up0 up",
    "addr add 192.0.2.5/24 dev up0",
    "route add 198.51.100.0/24 via 192.0.2.1 dev up0",
  );
  const before = await links(host);

  const cases: [string, RegExp, Parameters<TestPlugin["behave"]>[0]][] = [
    ["an address that netsvc didn't give", /"bad" misbehaves in NetworkDriver\.CreateEndpoint/, {
      method: "NetworkDriver.CreateEndpoint",
      json: { Interface: { Address: "10.8.0.77/24" } },
    }],
    ["a link that there is none of", /answers to NetworkDriver\.Join: there is no link "none0"$/, {
      method: "NetworkDriver.Join",
      json: { InterfaceName: { SrcName: "none0" } },
    }],
    ["the host's uplink", /"bad" misbehaves in NetworkDriver\.Join: .*"up0".* 192\.0\.2\.5\/24/, {
      method: "NetworkDriver.Join",
      json: { InterfaceName: { SrcName: "up0" } },
    }],
    ["the bridge of another network", /gives the link "nsb[0-9a-f]+", which is netsvc's own/, {
      method: "NetworkDriver.Join",
      json: { InterfaceName: { SrcName: before.find((name) => name.startsWith("nsb")) } },
    }],
    ["a name that is none", /"bad" misbehaves in NetworkDriver\.Join: .*SrcName/, {
      method: "NetworkDriver.Join",
      json: { InterfaceName: { SrcName: "a b; reboot" } },
    }],
    ["no JSON", /"bad" misbehaves in NetworkDriver\.Join: it answers "<html>"/, {
      method: "NetworkDriver.Join",
      raw: "<html>",
    }],
    ["no Join", /"bad" doesn't implement NetworkDriver\.Join/, {
      method: "NetworkDriver.Join",
      status: 404,
    }],
    ["a refusal", /"bad" refuses NetworkDriver\.Join: no room/, {
      method: "NetworkDriver.Join",
      json: { Err: "no room" },
    }],
    ["no answer", /The plugin "bad" is unavailable/, { method: "NetworkDriver.Join", drop: true }],
  ];
  for (const [name, said, how] of cases) {
    await t.step(name, async () => {
      await plugin.behave(how);
      await host.fails(1, said, ...attach);
      await plugin.behave();
      assert.doesNotMatch((await host.inside("c", ["ip", "link"])).stdout, /eth/);
      await until("nothing is left", async () => {
        return (await links(host)).join() === before.join();
      });
      assert.equal((await services(host, "net"))[0]!.backend, undefined);
    });
  }

  await t.step("the host's uplink works on", async () => {
    assert.match(
      await host.namespace.ok(["ip", "route", "show", "dev", "up0"]),
      /192\.0\.2\.0\/24 [^]*198\.51\.100\.0\/24 via 192\.0\.2\.1/,
    );
    await host.namespace.ip("link del up0");
  });

  await t.step("not a network driver", async () => {
    await using ipam = await startPlugin(host, "ipamonly");
    await ipam.implements("IpamDriver");
    await host.fails(1, /"ipamonly" is no NetworkDriver; it implements "IpamDriver"/, ...[
      ...["network", "create", "-d", "ipamonly", "x"],
    ]);
  });

  await t.step("no plugin at all", async () => {
    const dir = pluginDir(host);
    await host.fails(1, /Unknown driver "nope"; known: .*looked for .*nope\.sock, /, ...[
      ...["network", "create", "-d", "nope", "x"],
    ]);
    await Deno.writeTextFile(`${dir}/broken.spec`, "gopher://x\n");
    await host.fails(1, /Invalid plugin file ".*broken\.spec"/, ...[
      ...["network", "create", "-d", "broken", "x"],
    ]);
    assert.doesNotMatch(await host.ok("network", "ls"), /\bx\b/);
  });

  await t.step("one that refuses to delete keeps its network", async () => {
    await plugin.behave({ method: "NetworkDriver.DeleteNetwork", json: { Err: "still in use" } });
    await host.ok("network", "create", "-d", "bad", "kept");
    await host.fails(1, /refuses NetworkDriver.DeleteNetwork: still in use/, ...[
      ...["network", "rm", "kept"],
    ]);
    assert.match(await host.ok("network", "ls"), /kept/);
    await plugin.behave();
    await host.ok("network", "rm", "kept");
  });

  await t.step("a dead plugin: containers leave, and come back when it does", async () => {
    await host.ok(...attach);
    await plugin.kill();
    // It may be on its way back; who waits is only who asked.
    await host.ok("service", "detach", "c", "s.net");
    assert.doesNotMatch((await host.inside("c", ["ip", "link"])).stdout, /eth/);
    await host.fails(1, /The plugin "bad" is unavailable/, ...attach);
    await host.ok("network", "create", "meanwhile");
    await host.ok("network", "rm", "meanwhile");
    await host.stop("SIGKILL");
    await host.start();
    await plugin.restart();
    await until("it is attached", async () => (await host.run(attach)).code === 0, 60_000);
    assert.ok(await pings(host, "c", "10.8.0.1"));
    await host.ok("service", "detach", "c", "s.net");
    await host.ok("network", "rm", "-f", "net");
    assert.deepEqual((await links(host)).filter((name) => /^p[bo]/.test(name)), []);
  });
});

Deno.test("the default network can be a plugin's", async (t) => {
  await using host = await pluginHost({
    flags: ["--default-network=weave:foo"],
    stopped: true,
  });
  await t.step("a plugin that there is none of is an error at start", async () => {
    await assert.rejects(host.start(), {
      message: /Invalid default network "weave:foo": unknown driver "weave"; known: .*weave\.sock/,
    });
  });
  await using plugin = await startPlugin(host, "weave");
  await t.step("one that is dead holds up no start; the network comes when it does", async () => {
    await plugin.kill();
    await host.start();
    assert.match(await host.ok("network", "ls"), /bridge/);
    await host.fails(125, /No such network: "foo"/, "run", ...sleeper);
    await plugin.restart();
    await until("it is there", async () => / foo /.test(await host.ok("network", "ls")), 60_000);
    await host.ok("run", "-d", "--name", "a", ...sleeper);
    await host.ok("run", "-d", "--name", "b", ...sleeper);
    await byName(host, "a", "b");
    await host.fails(1, /it is the default network/, "network", "rm", "foo");
  });
  await t.step("once it is there the daemon starts without the plugin", async () => {
    await host.stop();
    await plugin.kill();
    await Deno.remove(`${pluginDir(host)}/weave.sock`);
    await host.start();
    await byName(host, "a", "b");
    await host.ok("container", "rm", "-f", "a", "b");
  });
});

Deno.test("a global plugin's networks are the store's", async () => {
  await using cluster = await TestCluster.create({ hosts: 2, store: "etcd", stopped: true });
  const [one, two] = cluster.hosts as [TestHost, TestHost];
  for (const host of [one, two]) await equip(host);
  await using first = await startPlugin(one, "everywhere");
  await using second = await startPlugin(two, "everywhere");
  for (const plugin of [first, second]) await plugin.scope({ Scope: "global" });
  for (const host of [one, two]) await host.start();
  await one.ok("network", "create", "-d", "everywhere", "--subnet=10.6.0.0/24", "prod");
  await until("the other host knows it", async () => {
    const { code, stdout } = await two.run(["network", "info", "prod"]);
    return code === 0 && /Scope: global/.test(stdout);
  });
  assert.deepEqual(await second.methods(), [], "only who decides creates it");
  await one.ok("container", "create", "--net", "prod", "a");
  await two.ok("container", "create", "--net", "prod", "b");
  const [a, b] = (await services(one, "prod")).map(({ addresses }) => addresses[0]);
  assert.deepEqual([a, b], ["10.6.0.2/24", "10.6.0.3/24"]);
  assert.ok(await pings(two, "b", "10.6.0.1"), "the plugin learns of the network when it needs to");
  for (const plugin of [first, second]) {
    await until("it knows the hosts", async () => {
      const told = (await plugin.calls()).filter(({ method }) => method.endsWith("DiscoverNew"));
      const addresses = new Set(told.map(({ body }) => body.DiscoveryData.Address));
      return addresses.has(cluster.address(0)) && addresses.has(cluster.address(1));
    }, 60_000);
  }
  await one.ok("container", "rm", "a");
  await two.ok("container", "rm", "b");
  await until("it is removed", async () => (await two.run(["network", "rm", "prod"])).code === 0);
  assert.ok((await second.methods()).includes("NetworkDriver.DeleteNetwork"));
});
