import assert from "node:assert/strict";
import { makeCertificates } from "../harness/certificates.ts";
import { until } from "../harness/command.ts";
import type { TestHost } from "../harness/host.ts";
import type { TestPlugin } from "../harness/plugin.ts";
import { pluginDir, pluginHost, startPlugin } from "../harness/plugin_host.ts";

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
