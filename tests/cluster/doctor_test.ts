/** Each thing that can be wrong is made so in turn, and put right again as the doctor says. */
import assert from "node:assert/strict";
import type { Finding } from "../../lib/api/types.ts";
import { TestCluster } from "../harness/cluster.ts";
import { run, spawn, until } from "../harness/command.ts";
import { etcdctl } from "../harness/etcd.ts";
import { NETSVC, TestHost } from "../harness/host.ts";
import { startUpstream } from "../harness/upstream.ts";

const RESOLVER = "10.99.0.100";
const LONG = { timeout: 90_000 };

interface Diagnosis {
  code: number;
  findings: Finding[];
}

async function diagnose(host: TestHost): Promise<Diagnosis> {
  const { code, stdout, stderr } = await host.run(["doctor", "--format", "json"], LONG);
  assert.equal(stderr, "");
  return { code, findings: JSON.parse(stdout) };
}

function told({ findings }: Diagnosis): string {
  return findings.filter(({ status }) => status !== "ok")
    .map(({ check, status, message, remedy }) => `${check} ${status}: ${message} → ${remedy}`)
    .join("\n");
}

/** Nothing is wrong; a machine under load may be slow. */
function assertSound(diagnosis: Diagnosis): void {
  const wrong = diagnosis.findings.filter(({ check, status }) =>
    status !== "ok" && !(check === "store" && status === "warning")
  );
  assert.deepEqual(wrong, []);
  assert.equal(diagnosis.code, 0);
}

/** A finding is there, with what to do. */
function assertFound(
  diagnosis: Diagnosis,
  check: string,
  status: Finding["status"],
  message: RegExp,
  remedy: RegExp,
): Finding {
  const found = diagnosis.findings.find((finding) =>
    finding.check === check && finding.status === status && message.test(finding.message)
  );
  assert.ok(found, `${check} ${status} ${message} is not in\n${told(diagnosis)}`);
  assert.match(found.remedy!, remedy);
  assert.equal(diagnosis.code, diagnosis.findings.some((f) => f.status === "problem") ? 1 : 0);
  return found;
}

/**
 * Something is mended, and it is said: by the doctor, or by the daemon itself, which looks every second and may have been
 * quicker.
 */
function assertMended(
  { host, since }: { host: TestHost; since: number },
  { findings }: Diagnosis,
  message: RegExp,
): void {
  const found = findings.some((finding) =>
    finding.check === "state" && finding.status === "warning" && message.test(finding.message) &&
    /Nothing is left|look for a program/.test(finding.remedy!)
  );
  const log = host.log().slice(since);
  assert.ok(found || message.test(log), `${message} is said neither by the doctor nor in\n${log}`);
}

/** A chain in a table of somebody else's, until it is disposed of. */
async function foreignChain(
  { namespace }: TestHost,
  hook: string,
  rules: string,
): Promise<AsyncDisposable> {
  const chain = `chain c { type filter hook ${hook} priority 5; ${rules} };`;
  await namespace.ok(["nft", "-f", "-"], { stdin: `table inet other { ${chain} }` });
  return {
    async [Symbol.asyncDispose]() {
      await namespace.ok(["nft", "delete", "table", "inet", "other"]);
    },
  };
}

Deno.test("doctor across hosts, with each thing broken in turn", async (t) => {
  await using cluster = await TestCluster.create({
    hosts: 2,
    store: "etcd",
    flags: ["--lease-ttl=6"],
    stopped: true,
  });
  const [one, two] = cluster.hosts as [TestHost, TestHost];
  const upstream = startUpstream(cluster.storeNamespace.path, RESOLVER);
  const step = async (name: string, action: () => Promise<void>) => {
    await t.step(name, async () => {
      try {
        await action();
      } catch (error) {
        throw new Error(`${error instanceof Error ? error.stack : error}\n${cluster.logs()}`);
      }
    });
  };
  try {
    for (const host of cluster.hosts) {
      await host.setResolvConf(`nameserver ${RESOLVER}\n`);
      await host.start();
    }
    await one.ok("network", "create", "-d", "overlay", "prod");
    await one.ok(..."run -d --name a --publish-service a.prod -- sleep 1000".split(" "));
    await two.ok(..."run -d --name b --publish-service b.prod -- sleep 1000".split(" "));

    await step("all is well, and nothing is left behind", async () => {
      const before = await Promise.all(
        cluster.hosts.map((host) => host.namespace.ok(["ip", "-br", "link"])),
      );
      const both = await Promise.all(cluster.hosts.map(diagnose));
      both.forEach(assertSound);
      const [first] = both as [Diagnosis];
      assert.deepEqual([...new Set(first.findings.map(({ check }) => check))], [
        ...["tools", "kernel", "store", "records", "lease", "underlay", "clock", "state"],
        ...["forwarding", "dns", "routes"],
      ]);
      assert.match(
        first.findings.find(({ check }) => check === "underlay")!.message,
        /^Host "host-2" \(10\.99\.0\.2\): UDP port 4789 is open both ways, packets of 1500 bytes/,
      );
      const after = await Promise.all(
        cluster.hosts.map((host) => host.namespace.ok(["ip", "-br", "link"])),
      );
      assert.deepEqual(after, before);
      await until("no key is left", async () => {
        const keys = await etcdctl(
          cluster.store,
          ["get", "--prefix", "--keys-only", ""],
          cluster.storeNamespace.path,
        );
        assert.match(keys, /host-leases/);
        return !/probes|doctor/.test(keys);
      });
    });

    await step(
      "people see marks, what to do, and on a terminal colours and what goes on",
      async () => {
        await using _chain = await foreignChain(one, "forward", "oifname nsb* drop;");
        const { stdout, code } = await one.run(["doctor"], LONG);
        assert.equal(code, 1);
        assert.match(stdout, /^✓ tools {7}There are ip \d/m);
        assert.match(
          stdout,
          /^✗ forwarding {2}Another firewall of this host drops .*\n {14}→ Allow it: nft/m,
        );
        // The store of these tests is one that anybody writes into, which is warned of.
        assert.match(stdout, /^1 problem, [12] warnings?$/m);
        assert.ok(!stdout.includes("\x1b"));
        const words = [...NETSVC, "-H", `unix://${one.socket}`, "doctor"].join(" ");
        // Whoever runs the tests may want no colours, or have no terminal to speak of.
        const colours = [
          "env",
          "-u",
          "NO_COLOR",
          "TERM=xterm",
          "script",
          "-qec",
          words,
          "/dev/null",
        ];
        const terminal = await run(colours, LONG);
        assert.ok(terminal.stdout.includes("\x1b[32m✓\x1b[0m tools"), terminal.stdout);
        assert.ok(terminal.stdout.includes("Checking the store …"), terminal.stdout);
        const format = await one.run(["doctor", "--format", "{{.Check}}={{.Status}}"], LONG);
        assert.match(format.stdout, /^forwarding=problem$/m);
      },
    );

    await step("the peer's firewall drops the UDP port", async () => {
      await using _chain = await foreignChain(two, "input", "udp dport 4789 drop;");
      assertFound(
        await diagnose(one),
        "underlay",
        "problem",
        /^What this host sends to UDP port 4789 of host "host-2" doesn't arrive/,
        /^Allow on host "host-2" UDP port 4789 from 10\.99\.0\.1/,
      );
      const there = await diagnose(two);
      assertFound(
        there,
        "underlay",
        "problem",
        /^What host "host-1" sends to UDP port 4789 of this host doesn't arrive/,
        /^Allow on this host UDP port 4789 from 10\.99\.0\.1/,
      );
      assert.equal(there.findings.filter(({ status }) => status === "problem").length, 1);
    });

    await step("a host's own firewall drops what it sends", async () => {
      await using _chain = await foreignChain(one, "output", "udp dport 4789 drop;");
      assertFound(
        await diagnose(one),
        "underlay",
        "problem",
        /^The firewall of this host itself drops what it sends to UDP port 4789 of host "host-2"/,
        /Allow outgoing UDP to port 4789 on this host/,
      );
      assertFound(
        await diagnose(two),
        "underlay",
        "problem",
        /^The firewall of host "host-1" itself drops/,
        /on host "host-1"/,
      );
    });

    await step("the way takes smaller packets than the interface", async () => {
      await cluster.hub.ip("link set dev host-2 mtu 1400");
      assertFound(
        await diagnose(one),
        "underlay",
        "problem",
        /^Packets of 1500 bytes from this host don't reach host "host-2", those of 1400 do/,
        /ip link set dev … mtu 1400.*-o mtu=1350/,
      );
      await one.ok(..."container rm -f a".split(" "));
      await two.ok(..."container rm -f b".split(" "));
      await one.ok("network", "create", "-d", "overlay", "-o", "mtu=1350", "small");
      await one.ok(..."run -d --name a --publish-service a.small -- sleep 1000".split(" "));
      await two.ok(..."run -d --name b --publish-service b.small -- sleep 1000".split(" "));
      assertSound(await diagnose(one));
      await cluster.hub.ip("link set dev host-2 mtu 1500");
    });

    await step("the peer can't be reached, though it is alive", async () => {
      await using _there = await foreignChain(two, "input", "ip saddr 10.99.0.1 drop;");
      await using _here = await foreignChain(one, "input", "ip saddr 10.99.0.2 drop;");
      assertFound(
        await diagnose(one),
        "underlay",
        "problem",
        /^Host "host-2" can't be reached at 10\.99\.0\.2: neither a ping nor UDP port 4789 is answered/,
        /ip route get 10\.99\.0\.2/,
      );
    });

    await step("answers would leave by another link, with a strict filter", async () => {
      await one.namespace.ip(
        "link add name x1 type veth peer name x2",
        "link set dev x1 up",
        "link set dev x2 up",
        "route add 10.99.0.2/32 dev x1",
      );
      const strict = "net.ipv4.conf.u0.rp_filter=1";
      await one.namespace.ok(["sysctl", "-qw", strict]);
      assertFound(
        await diagnose(one),
        "underlay",
        "problem",
        /^Answers to host "host-2" \(10\.99\.0\.2\) leave by "x1", .* strict reverse path filter/,
        /rp_filter=2/,
      );
      await one.namespace.ip("link del dev x1");
      await one.namespace.ok(["sysctl", "-qw", strict.replace("=1", "=0")]);
    });

    await step(
      "somebody else drops what is forwarded; the remedy helps as it is written",
      async () => {
        const dropped = "iifname nsb* drop; oifname nsb* drop;";
        await using _chain = await foreignChain(one, "forward", dropped);
        const { remedy } = assertFound(
          await diagnose(one),
          "forwarding",
          "problem",
          /drops what containers send out, answers .* on networks "bridge" and "netsvc-gateway" \(IPv4 and IPv6/,
          /^Allow it: nft insert rule inet other c iifname '"nsb\*"' accept; /,
        );
        const commands = remedy!.match(/^Allow it: (.*); and in the file/)![1]!;
        await one.namespace.ok(["sh", "-ec", commands]);
        assertSound(await diagnose(one));
      },
    );

    await step("a chain drops all: netsvc asks for its exception, and takes it back", async () => {
      {
        await using _chain = await foreignChain(one, "forward", "policy drop;");
        // It, or a round of the daemon's own a moment before, mends.
        const { findings } = await diagnose(one);
        assert.ok(!findings.some(({ check, status }) => check === "forwarding" && status !== "ok"));
        const listed = await one.namespace.ok(["nft", "list", "chain", "inet", "other", "c"]);
        assert.match(listed, /iifname "nsb\*" oifname "u0" accept comment "netsvc"/);
        assertSound(await diagnose(one));
      }
      assertSound(await diagnose(one));
    });

    await step("iptables drops: netsvc asks for its exception, and says so", async () => {
      const since = one.log().length;
      await one.namespace.ok(["iptables", "-P", "FORWARD", "DROP"]);
      const diagnosis = await diagnose(one);
      assertMended(
        { host: one, since },
        diagnosis,
        /Let -i nsb\+ pass FORWARD of iptables to u0, where/,
      );
      assert.ok(
        !diagnosis.findings.some(({ check, status }) => check === "forwarding" && status !== "ok"),
      );
      await one.namespace.ok(["iptables", "-I", "FORWARD", "-o", "nsb+", "-j", "REJECT"]);
      const { remedy } = assertFound(
        await diagnose(one),
        "forwarding",
        "problem",
        /drops answers to containers .*chain FORWARD of iptables/,
        /^Allow it: iptables -I FORWARD -i nsb\+ -j ACCEPT/,
      );
      await one.namespace.ok(["sh", "-ec", remedy!.replace("Allow it: ", "")]);
      assertSound(await diagnose(one));
      await one.namespace.ok(["sh", "-ec", "iptables -F FORWARD; iptables -P FORWARD ACCEPT"]);
    });

    await step("forwarding is switched off, and a link belongs to nobody", async () => {
      const since = one.log().length;
      for (const value of [1, 0]) {
        await one.namespace.ok(["sysctl", "-qw", `net.ipv4.ip_forward=${value}`]);
      }
      await one.namespace.ip("link add name nsv0123456789ab type veth peer name x0");
      const diagnosis = await diagnose(one);
      for (
        const message of [
          /Set net\.ipv4\.conf\..*\bu0\b.*forwarding/,
          /Removed the link nsv0123456789ab/,
        ]
      ) {
        assertMended({ host: one, since }, diagnosis, message);
      }
      assertSound(await diagnose(one));
    });

    await step("a route came later and takes a network's addresses", async () => {
      const [{ pools: [pool] }] = JSON.parse(
        await one.ok("network", "info", "--format", "json", "bridge"),
      );
      const inside = `${pool.subnet.split("/")[0].replace(/\.0$/, ".128")}/25`;
      await one.namespace.ip(`route add ${inside} via 10.99.0.77`);
      const { message } = assertFound(
        await diagnose(one),
        "routes",
        "problem",
        new RegExp(
          `"${inside} via 10.99.0.77 dev u0" of this host takes addresses of network "bridge"`,
        ),
        /ip route del .*another --subnet/,
      );
      await one.namespace.ip(`route del ${message.match(/"([^"]+)"/)![1]}`);
      assertSound(await diagnose(one));
    });

    await step("resolvers: none, one that doesn't answer, one of two, a loop", async () => {
      const settled = () => new Promise((resolve) => setTimeout(resolve, 1100)); // HostResolvConf's
      await one.setResolvConf("# nothing\n");
      await settled();
      assertFound(await diagnose(one), "dns", "warning", /names no resolver/, /nameserver IP/);
      await one.setResolvConf("nameserver 10.99.0.99\n");
      await settled();
      assertFound(
        await diagnose(one),
        "dns",
        "problem",
        /resolver 10\.99\.0\.99 doesn't answer within 2 s; containers can't resolve/,
        /UDP port 53/,
      );
      await one.setResolvConf(`nameserver ${RESOLVER}\nnameserver 10.99.0.99\n`);
      await settled();
      assertFound(
        await diagnose(one),
        "dns",
        "warning",
        /10\.99\.0\.99 doesn't answer/,
        /take it out/,
      );
      await one.setResolvConf("nameserver 127.0.0.11\n");
      await settled();
      assertFound(
        await diagnose(one),
        "dns",
        "problem",
        /DNS loop: .*names 127\.0\.0\.11/,
        /of the outside/,
      );

      // A resolver in a container, which asks that container's own: netsvc's.
      await one.ok(..."run -d --name loop -- sleep 1000".split(" "));
      const { stdout } = await one.inside("loop", [
        "ip",
        "-j",
        "-4",
        "addr",
        "show",
        "dev",
        "eth0",
      ]);
      const address = JSON.parse(stdout)[0].addr_info[0].local as string;
      using _relay = relay(await one.sandbox("loop"), address);
      await one.setResolvConf(`nameserver ${address}\n`);
      await settled();
      assertFound(
        await diagnose(one),
        "dns",
        "problem",
        new RegExp(`DNS loop: the host's resolver ${address} asks netsvc's own resolvers`),
        /Let .* ask a resolver of the outside/,
      );
      await one.ok("container", "rm", "-f", "loop");
      await one.setResolvConf(`nameserver ${RESOLVER}\n`);
      await settled();
    });

    await step("a peer's daemon hangs", async () => {
      Deno.kill(two.pid, "SIGSTOP");
      try {
        assertFound(
          await diagnose(one),
          "underlay",
          "problem",
          /^Host "host-2" holds its lease, but its daemon doesn't answer .*; 10\.99\.0\.2 answers a ping$/,
          /netsvc doctor there/,
        );
      } finally {
        Deno.kill(two.pid, "SIGCONT");
      }
      await until("it holds its lease again", async () => {
        const { findings } = await diagnose(two);
        return findings.every(({ status }) => status !== "problem");
      }, 60_000);
    });

    await step("another program has the UDP port", async () => {
      await one.ok("container", "rm", "-f", "a");
      const socket = await one.namespace.run(["sh", "-c", "ss -uln | grep -c :4789"]);
      assert.equal(socket.stdout.trim(), "0");
      const taken = spawnHolder(one);
      try {
        await until(
          "the port is taken",
          async () => (await one.namespace.run(["sh", "-c", "ss -uln | grep -q :4789"])).code === 0,
        );
        assertFound(
          await diagnose(one),
          "underlay",
          "problem",
          /Another program of this host has UDP port 4789/,
          /another --overlay-port/,
        );
        assertFound(
          await diagnose(two),
          "underlay",
          "problem",
          /UDP port of host "host-1" can't be examined: Another program .* has UDP port 4789/,
          /Fix that on host "host-1"/,
        );
      } finally {
        taken.kill("SIGKILL");
        await taken.status;
      }
    });

    await step("a program is missing, and the overlay port differs", async () => {
      const bin = `${two.directory}/bin`;
      await Deno.mkdir(bin);
      for (
        const tool of [
          "ip",
          "sh",
          "bridge",
          "nft",
          "iptables",
          "nsenter",
          "setsid",
          "unshare",
          "script",
        ]
      ) {
        const path = (await run(["sh", "-c", `command -v ${tool}`])).stdout.trim();
        await Deno.symlink(path, `${bin}/${tool}`);
      }
      await two.stop();
      two.env.PATH = bin;
      two.flags.push("--overlay-port=4790");
      await two.start();
      const diagnosis = await diagnose(two);
      assertFound(
        diagnosis,
        "tools",
        "warning",
        /"conntrack" is missing: UDP clients/,
        /^Install it: apt-get install conntrack$/,
      );
      assertFound(
        diagnosis,
        "underlay",
        "problem",
        /^Host "host-1" has UDP port 4789 for overlay networks, this one 4790/,
        /the same --overlay-port/,
      );
      await two.stop();
      await Deno.remove(`${bin}/nft`);
      await two.start();
      assertFound(
        await diagnose(two),
        "tools",
        "problem",
        /^The program "nft" is missing$/,
        /apt-get install nftables/,
      );
    });

    await step("a peer is down", async () => {
      await cluster.setLink("host-2", "down");
      await until(
        "its lease has ended",
        async () => /host-2 .* down /.test(await one.ok("host", "ls")),
        60_000,
      );
      assertFound(
        await diagnose(one),
        "underlay",
        "warning",
        /^Host "host-2" is down: its lease has ended/,
        /netsvc host rm host-2/,
      );
    });

    await step("the store is away, and comes back", async () => {
      await cluster.store.stop("SIGKILL");
      const diagnosis = await diagnose(one);
      assertFound(
        diagnosis,
        "store",
        "problem",
        /^The store "etcd:10\.99\.0\.100:\d+\/netsvc" has not answered for \d+ s: .*names and traffic go on/,
        /Check that the store runs/,
      );
      assert.ok(
        diagnosis.findings.some(({ check, status }) => check === "lease" && status !== "ok"),
      );
      assert.ok(
        diagnosis.findings.some(({ check, status }) => check === "routes" && status === "ok"),
      );
      await cluster.store.start();
      await until("the lease is back", async () => {
        const { findings } = await diagnose(one);
        return findings.filter(({ check }) => ["store", "lease"].includes(check))
          .every(({ status }) => status !== "problem");
      }, 60_000);
    });

    await step("there is no daemon", async () => {
      await one.stop();
      const diagnosis = await diagnose(one);
      assertFound(
        diagnosis,
        "daemon",
        "problem",
        /^Cannot reach the daemon at unix:.*; it makes all other checks/,
        /Start it with "netsvc -d"/,
      );
      assert.equal(diagnosis.code, 1);
    });
  } finally {
    upstream.close();
  }
});

function spawnQuietly(namespace: string, argv: string[]): Deno.ChildProcess {
  return spawn(argv, { namespace, stdin: "null", stdout: "null", stderr: "null" });
}

/** Forwards questions to an address of a sandbox to its resolver, as a resolver in it might. */
function relay(namespace: string, hostname: string): Disposable {
  const child = spawnQuietly(namespace, [
    "python3",
    "-c",
    `import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(("${hostname}", 53))
while True:
    q, a = s.recvfrom(4096)
    socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(q, ("127.0.0.11", 53))`,
  ]);
  return { [Symbol.dispose]: () => child.kill("SIGKILL") };
}

function spawnHolder(host: TestHost): Deno.ChildProcess {
  return spawnQuietly(host.namespace.path, [
    "python3",
    "-c",
    `import socket, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(("0.0.0.0", 4789)); time.sleep(300)`,
  ]);
}

Deno.test("doctor on a host by itself", async () => {
  await using host = await TestHost.create({ stopped: true });
  await host.setResolvConf("nameserver 127.0.0.53\n");
  const upstream = startUpstream(host.namespace.path, "127.0.0.53");
  try {
    await host.start();
    await host.ok("run", "-d", "--name", "web", "-p", "8080:80", "--", "sleep", "1000");
    const diagnosis = await diagnose(host);
    assert.equal(diagnosis.code, 0, told(diagnosis));
    assert.deepEqual(
      diagnosis.findings.filter(({ status }) => !["ok", "warning"].includes(status)),
      [{
        check: "underlay",
        status: "skipped",
        message: "This host does not share its store (--kv-store local)",
      }],
    );
    const lines = (await host.api("/netsvc/v1/doctor")).body.trim().split("\n").map((line) =>
      JSON.parse(line)
    );
    assert.deepEqual(lines[0], { checking: "the programs that the daemon calls" });
    assert.equal(lines[1].check, "tools");
  } finally {
    upstream.close();
  }
});
