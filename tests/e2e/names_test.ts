import assert from "node:assert/strict";
import { inNamespace } from "../../lib/linux/namespaces/namespace.ts";
import { run } from "../harness/command.ts";
import { TestHost } from "../harness/host.ts";
import { startUpstream, type Upstream } from "../harness/upstream.ts";

/** A host whose /etc/resolv.conf names an upstream of the test's. */
async function hostWithUpstream(): Promise<{ host: TestHost; upstream: Upstream }> {
  const host = await TestHost.create({ stopped: true });
  await host.setResolvConf("search corp.example\nnameserver 127.0.0.53\n");
  const upstream = startUpstream(host.namespace.path, "127.0.0.53");
  await host.start();
  return { host, upstream };
}

async function dig(namespace: string, ...words: string[]): Promise<string> {
  const { stdout } = await run(
    ["dig", "@127.0.0.11", "+time=7", "+tries=1", "+nosearch", ...words],
    { namespace },
  );
  return stdout;
}

function status(answer: string): string {
  return answer.match(/status: (\w+)/)?.[1] ?? "none";
}

Deno.test("names inside sandboxes, asked by dig", async (t) => {
  const { host, upstream } = await hostWithUpstream();
  try {
    await host.ok("network", "create", "--ipv6", "--subnet", "10.5.0.0/16", "foo");
    await host.ok("network", "create", "bar");
    await host.ok(
      "service",
      "publish",
      "--alias",
      "db",
      "--port",
      "sql:5432",
      "--port",
      "53/udp",
      "one.foo",
    );
    await host.ok("service", "publish", "--alias", "db", "two.foo");
    await host.ok("service", "publish", "idle.foo");
    await host.ok("service", "publish", "far.bar");
    for (const [container, service] of [["c1", "one.foo"], ["c2", "two.foo"], ["c3", "far.bar"]]) {
      await host.ok("container", "create", container!);
      await host.ok("service", "attach", container!, service!);
    }
    await host.ok("container", "create", "asker");
    await host.ok("service", "publish", "asker.foo");
    await host.ok("service", "attach", "--alias", "one:primary", "asker", "asker.foo");
    const ns = await host.sandbox("asker");
    const [one] = JSON.parse(await host.ok("service", "info", "--format", "json", "one.foo"));
    const [v4, v6] = one.addresses.map((a: string) => a.split("/")[0]);
    const short = async (...words: string[]) => (await dig(ns, "+short", ...words)).trim();

    await t.step("A, AAAA, by service and network, in any case", async () => {
      assert.equal(await short("one"), v4);
      assert.equal(await short("one", "AAAA"), v6);
      assert.equal(await short("one.foo"), v4);
      assert.equal(await short("ONE.Foo"), v4);
      assert.equal(await short("c1"), v4, "the container's name");
      assert.match(await dig(ns, "one"), /^one\.\s+5\s+IN\s+A/m);
      assert.match(await dig(ns, "one"), /flags: qr aa rd ra;/);
    });
    await t.step("aliases: shared ones rotate, own ones are the container's alone", async () => {
      assert.equal((await short("db")).split("\n").length, 2);
      const firsts = new Set<string>();
      for (let i = 0; i < 8; i++) firsts.add((await short("db")).split("\n")[0]!);
      assert.equal(firsts.size, 2);
      assert.equal(await short("primary"), v4);
      assert.equal(status(await dig(await host.sandbox("c2"), "primary")), "NXDOMAIN");
    });
    await t.step("an alias may have dots, and takes nobody's full name", async () => {
      for (const alias of ["www.example.test", "one.foo", "two.foo"]) {
        const name = alias.replaceAll(".", "-");
        await host.ok("service", "publish", "--alias", alias, `${name}.foo`);
        await host.ok("container", "create", name);
        await host.ok("service", "attach", name, `${name}.foo`);
      }
      const address = await short("www-example-test");
      assert.equal(await short("www.example.test"), address);
      assert.equal(await short("WWW.Example.test"), address);
      assert.notEqual(await short("example.test"), address);
      assert.equal(await short("one.foo"), v4);
      assert.notEqual(await short("two.foo"), await short("two-foo"));
      await host.ok("container", "rm", "-f", "www-example-test", "one-foo", "two-foo");
      for (const name of ["www-example-test", "one-foo", "two-foo"]) {
        await host.ok("service", "unpublish", `${name}.foo`);
      }
    });
    await t.step("a host name is its container's, after all other names", async () => {
      await host.ok("network", "create", "--subnet", "10.6.0.0/16", "rank");
      const run = (name: string, hostname: string, net = "rank") =>
        host.ok(
          ...["run", "-d", "--name", name, "--net", net, "--hostname", hostname],
          ...["--", "sleep", "600"],
        );
      await run("h1", "db1");
      await run("h2", "DB2.corp.test");
      await run("h3", "db3");
      await run("h4", "one", "foo");
      const rank = await host.sandbox("h1");
      const there = async (...words: string[]) => (await dig(rank, "+short", ...words)).trim();
      const [h1, h2, h3] = await Promise.all(["h1", "h2", "h3"].map((name) => there(name)));
      assert.match(h1!, /^10\.6\./);
      assert.equal(await there("db1"), h1);
      assert.equal(await there("Db1.rank"), h1);
      assert.equal(await there("db2"), h2);
      assert.equal(await there("db2.corp.test"), h2);
      assert.equal(await there("-x", h1!), "h1.rank.");
      assert.equal(await short("one"), v4, "a service's name beats it");
      await host.ok("service", "publish", "--alias", "db3", "other.rank");
      assert.equal(await there("db3"), h3, "nobody answers to the alias");
      await host.ok("container", "create", "h5");
      await host.ok("service", "attach", "h5", "other.rank");
      assert.equal(await there("db3"), await there("other"), "an alias beats it");
      await host.ok("service", "publish", "db1.rank");
      assert.equal(status(await dig(rank, "db1")), "NXDOMAIN", "a published name is held");
      await host.ok("service", "unpublish", "db1.rank");
      assert.equal(await there("db1"), h1);
      await host.ok("container", "rm", "-f", "h1", "h2", "h3", "h4", "h5");
      await host.ok("service", "unpublish", "other.rank");
      await host.ok("network", "rm", "rank");
    });
    await t.step("PTR", async () => {
      assert.equal(await short("-x", v4), "one.foo.");
      assert.equal(await short("-x", v6), "one.foo.");
      assert.equal(status(await dig(ns, "-x", "10.5.200.200")), "NXDOMAIN");
    });
    await t.step("SRV, with addresses beside", async () => {
      assert.equal(await short("_sql._tcp.one", "SRV"), "0 0 5432 one.foo.");
      assert.equal(await short("_53._udp.one.foo", "SRV"), "0 0 53 one.foo.");
      assert.equal((await short("one", "SRV")).split("\n").length, 2);
      assert.match(await dig(ns, "one", "SRV"), /ADDITIONAL: 3/);
      assert.equal(status(await dig(ns, "_nope._tcp.one", "SRV")), "NXDOMAIN");
    });
    await t.step("NODATA, not NXDOMAIN, for a type that a name lacks", async () => {
      for (const type of ["MX", "TXT", "CAA"]) {
        const answer = await dig(ns, "one", type);
        assert.equal(status(answer), "NOERROR");
        assert.match(answer, /ANSWER: 0, AUTHORITY: 1/);
      }
    });
    await t.step("nobody attached, another network, gone", async () => {
      assert.equal(status(await dig(ns, "idle")), "NXDOMAIN");
      assert.equal(status(await dig(ns, "idle.foo")), "NXDOMAIN");
      assert.equal(await short("far"), "");
      assert.equal(await short("far.bar"), "");
      await host.ok("service", "detach", "c2", "two.foo");
      assert.equal(status(await dig(ns, "two")), "NXDOMAIN");
      assert.equal(await short("db"), v4);
      await host.ok("service", "attach", "c2", "two.foo");
      assert.equal((await short("db")).split("\n").length, 2);
    });
    await t.step("everything else is forwarded, over UDP and TCP", async () => {
      assert.equal(await short("www.example.com"), "192.0.2.80");
      assert.equal(await short("+tcp", "www.example.com"), "192.0.2.80");
      assert.equal(status(await dig(ns, "missing.example.com")), "NXDOMAIN");
      assert.equal(
        (await short("+bufsize=512", "+ignore", "big.example.com")).split("\n").length < 100,
        true,
      );
      assert.equal((await short("big.example.com")).split("\n").length, 100, "by TCP after TC");
    });
    await t.step("TCP, large answers, EDNS", async () => {
      for (let i = 0; i < 60; i++) {
        await host.ok("service", "publish", "--alias", "many", `m${i}.foo`);
      }
      using client = new (await import("../../cli/client/client.ts")).Client({
        host: `unix://${host.socket}`,
      });
      await client.containers.create({ name: "all" });
      await Promise.all(
        Array.from(
          { length: 60 },
          (_, i) => client.services.attach(`m${i}.foo`, { container: "all" }),
        ),
      );
      assert.match(await dig(ns, "+ignore", "+noedns", "many"), /flags: qr aa tc rd ra;/);
      assert.equal(
        (await short("+ignore", "many")).split("\n").length,
        60,
        "fits, compressed",
      );
      assert.equal((await short("+tcp", "many")).split("\n").length, 60);
      assert.match(await dig(ns, "one"), /EDNS: version: 0.*udp: 4096/);
      assert.match(await dig(ns, "+edns=1", "+noednsneg", "one"), /BADVERS/);
    });
    await t.step("resolv.conf: the resolver, the host's search list", async () => {
      const text = await host.ok("exec", "asker", "cat", "/etc/resolv.conf");
      assert.match(text, /^nameserver 127\.0\.0\.11\nsearch corp\.example\noptions ndots:0$/m);
      const ping = await host.run(["exec", "asker", "--", "getent", "hosts", "intra"]);
      assert.match(ping.stdout, /192\.0\.2\.81/, "found as intra.corp.example");
    });
    await t.step(
      "single words are found in the host's search list, whatever the C library does",
      async () => {
        // As musl asks, which sees `ndots:0` and no more.
        assert.equal(await short("intra"), "intra.corp.example.\n192.0.2.81");
        assert.equal(await short("+tcp", "INTRA"), "INTRA.corp.example.\n192.0.2.81");
        assert.equal(status(await dig(ns, "intra", "AAAA")), "NOERROR");
        assert.equal(status(await dig(ns, "nobody")), "NXDOMAIN");
      },
    );
    await t.step(
      "a network may bear the name of a domain: what it hasn't is asked outside",
      async () => {
        await host.ok("network", "create", "com");
        await host.ok("container", "create", "--net", "com", "dotcom");
        const inside = await host.sandbox("dotcom");
        assert.match(await dig(inside, "+short", "dotcom.com"), /^\d/);
        assert.equal((await dig(inside, "+short", "www.example.com")).trim(), "192.0.2.80");
        await host.ok("container", "rm", "-f", "dotcom");
        await host.ok("network", "rm", "com");
      },
    );
    await t.step("types that aren't ours come over TCP too", async () => {
      for (const type of ["MX", "CAA", "TXT", "TYPE65"]) {
        assert.equal(status(await dig(ns, "+tcp", "www.example.com", type)), "NOERROR");
        assert.equal(status(await dig(ns, "+tcp", "one", type)), "NOERROR");
      }
    });
    await t.step("garbage is answered or dropped, and never ends the resolver", async () => {
      const header = (
        flags: number,
        questions: number,
      ) => [0x12, 0x34, flags >> 8, flags & 255, 0, questions, 0, 0, 0, 0, 0, 0];
      const question = [3, 111, 110, 101, 0, 0, 1, 0, 1];
      const packets: number[][] = [
        [],
        [1],
        header(0x0100, 0),
        header(0x0100, 2).concat(question),
        [...header(0x0100, 1).slice(0, 4), 255, 255, 0, 0, 0, 0, 0, 0],
        header(0x0100, 1),
        header(0x0100, 1).concat([0xc0, 12, 0, 1, 0, 1]),
        header(0x0100, 1).concat([63, 1, 2]),
        header(0x8100, 1).concat(question),
        header(0x2900, 1).concat(question),
        ...Array.from({ length: 200 }, (_, i) => [...crypto.getRandomValues(new Uint8Array(i))]),
      ];
      const socket = inNamespace(
        ns,
        () => Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port: 0 }),
      );
      for (const packet of packets) {
        await socket.send(new Uint8Array(packet), {
          transport: "udp",
          hostname: "127.0.0.11",
          port: 53,
        });
      }
      const rcodes: number[] = [];
      await socket.send(new Uint8Array(header(0x0100, 2).concat(question)), {
        transport: "udp",
        hostname: "127.0.0.11",
        port: 53,
      });
      const [reply] = await socket.receive();
      rcodes.push(reply[3]! & 15);
      socket.close();
      assert.ok(rcodes.every((code) => code === 1 || code === 4 || code === 0));
      assert.equal(await short("one"), v4);
    });
    await t.step(
      "a dead upstream costs outside names only, and no more than its deadline",
      async () => {
        upstream.mute = true;
        assert.equal(status(await dig(ns, "other.example.com")), "SERVFAIL");
        assert.equal(await short("one"), v4);
        upstream.mute = false;
      },
    );
    await t.step("a lying upstream isn't believed", async () => {
      upstream.lie = true;
      assert.equal(status(await dig(ns, "lied.example.com")), "SERVFAIL");
      upstream.lie = false;
    });
    await t.step("internal networks: names inside, none outside", async () => {
      await host.ok("network", "create", "--internal", "inner");
      await host.ok("container", "create", "--net", "inner", "i1");
      await host.ok("container", "create", "--net", "inner", "i2");
      const inner = await host.sandbox("i1");
      assert.match(await dig(inner, "+short", "i2"), /^\d/);
      assert.equal(status(await dig(inner, "www.example.com")), "REFUSED");
      assert.equal(status(await dig(inner, "nobody")), "NXDOMAIN");
      assert.equal(status(await dig(inner, "intra")), "NXDOMAIN");
    });
    await t.step("--dns-domain-needed keeps single words in", async () => {
      await host.stop();
      host.flags.push("--dns-domain-needed");
      await host.start();
      upstream.asked.length = 0;
      assert.equal(await short("intra"), "intra.corp.example.\n192.0.2.81");
      assert.equal(await short("one"), v4);
      for (const type of ["A", "AAAA", "MX", "ANY"]) {
        assert.equal(status(await dig(ns, "nobody", type)), "NXDOMAIN");
      }
      assert.ok(upstream.asked.length > 0);
      assert.deepEqual(upstream.asked.filter((name) => !name.includes(".")), []);
    });
  } finally {
    upstream.close();
    await host[Symbol.asyncDispose]();
  }
});
