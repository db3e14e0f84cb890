import assert from "node:assert/strict";
import { TestHost } from "../harness/host.ts";

/** What is there, so that a failed command can be shown to have changed nothing. */
async function everything(host: TestHost): Promise<string> {
  return JSON.stringify([
    await host.ok("network", "ls", "--format", "json"),
    await host.ok("service", "ls", "--format", "json"),
    await host.ok("container", "ls", "--format", "json"),
    await host.links(),
    await host.namespace.ok(["nft", "list", "ruleset"]),
  ]);
}

type Case = [name: string, code: number, message: RegExp, ...words: string[]];

const CASES: Case[] = [
  ["unknown network", 1, /No such network: "nope"/, "network", "rm", "nope"],
  ["duplicate network", 1, /network "foo" already exists/, "network", "create", "foo"],
  ["duplicate network, other case", 1, /network "FOO" already/, "network", "create", "FOO"],
  ["a network that exists, as it is written", 1, /network "FOO" already exists as "foo"; choose/]
    .concat(["network", "create", "FOO"]) as Case,
  [
    "reserved network name",
    1,
    /"netsvc-gateway" is reserved/,
    "network",
    "create",
    "netsvc-gateway",
  ],
  [
    "reserved, other case",
    1,
    /"Netsvc-Gateway" is reserved/,
    "network",
    "create",
    "Netsvc-Gateway",
  ],
  ["another reserved one", 1, /"CONTAINER" is reserved/, "network", "create", "CONTAINER"],
  ["the word for the default", 1, /"Default" is reserved/, "network", "create", "Default"],
  [
    "predefined, other case",
    1,
    /network "None" already exists as "none"/,
    "network",
    "create",
    "None",
  ],
  ["a driver that is mistyped", 1, /^netsvc: Unknown driver "brdige"; did you mean "bridge"\?$/]
    .concat(["network", "create", "-d", "brdige", "x"]) as Case,
  ["bad network name", 1, /Invalid network name "a b"/, "network", "create", "a b"],
  ["name like an option", 2, /Unknown option "-x"/i, "network", "create", "-x"],
  ["name of dots", 1, /Invalid network name "\.\."/, "network", "create", ".."],
  ["empty name", 1, /network name is empty/, "network", "create", ""],
  ["long name", 1, /64 characters, at most 63/, "network", "create", "a".repeat(64)],
  ["unknown driver", 1, /Unknown driver "nope"; known: bridge, host, null/]
    .concat(["network", "create", "-d", "nope", "x"]) as Case,
  ["second host network", 1, /driver "host": there is one already/]
    .concat(["network", "create", "-d", "host", "x"]) as Case,
  [
    "bad CIDR",
    1,
    /Invalid CIDR "300\.1\.1\.0\/24"/,
    "network",
    "create",
    "--subnet",
    "300.1.1.0/24",
    "x",
  ],
  ["host bits", 1, /host bits set; did you mean 10\.1\.1\.0\/24/]
    .concat(["network", "create", "--subnet", "10.1.1.5/24", "x"]) as Case,
  ["octal CIDR", 1, /Invalid CIDR "010\.1\.1\.0\/24"/]
    .concat(["network", "create", "--subnet", "010.1.1.0/24", "x"]) as Case,
  ["loopback subnet", 1, /loopback/, "network", "create", "--subnet", "127.1.0.0/16", "x"],
  ["tiny subnet", 1, /too small/, "network", "create", "--subnet", "10.1.1.0/31", "x"],
  ["overlapping subnet", 1, /overlaps 10\.7\.0\.0\/24 of network "foo"/]
    .concat(["network", "create", "--subnet", "10.7.0.128/25", "x"]) as Case,
  ["gateway outside", 1, /gateway 10\.9\.0\.1 is outside the subnet 10\.8\.0\.0\/24/]
    .concat(["network", "create", "--subnet", "10.8.0.0/24", "--gateway", "10.9.0.1", "x"]) as Case,
  ["gateway without subnet", 1, /gateway 10\.9\.0\.1 needs an IPv4 subnet/]
    .concat(["network", "create", "--gateway", "10.9.0.1", "x"]) as Case,
  ["range outside", 1, /range 10\.9\.0\.0\/25 is outside/]
    .concat([
      "network",
      "create",
      "--subnet",
      "10.8.0.0/24",
      "--ip-range",
      "10.9.0.0/25",
      "x",
    ]) as Case,
  ["bad auxiliary address", 2, /Invalid --aux-address "10\.8\.0\.9"/]
    .concat([
      "network",
      "create",
      "--subnet",
      "10.8.0.0/24",
      "--aux-address",
      "10.8.0.9",
      "x",
    ]) as Case,
  ["unknown option key", 1, /Unknown option "colour" of the driver "bridge"; known: .*mtu/]
    .concat(["network", "create", "-o", "colour=red", "x"]) as Case,
  ["bad MTU", 1, /Invalid option mtu="lots"/, "network", "create", "-o", "mtu=lots", "x"],
  ["bridge name with a slash", 1, /Invalid option name="a\/b"/]
    .concat(["network", "create", "-o", "name=a/b", "x"]) as Case,
  ["bridge name of another", 1, /the host has a link "lo" already/]
    .concat(["network", "create", "-o", "name=lo", "x"]) as Case,
  [
    "network with services",
    1,
    /"foo": it has 2 services: db, web; unpublish them first or use -f$/,
    "network",
    "rm",
    "foo",
  ],
  ["predefined none", 1, /Cannot remove network "none": it is predefined/, "network", "rm", "none"],
  ["predefined host, forced", 1, /predefined/, "network", "rm", "-f", "host"],
  ["predefined bridge", 1, /predefined/, "network", "rm", "bridge"],
  ["duplicate service", 1, /service "db\.foo" already exists/, "service", "publish", "db.foo"],
  ["duplicate service, other case", 1, /already exists/, "service", "publish", "DB.foo"],
  ["service on unknown network", 1, /No such network: "nope"/, "service", "publish", "x.nope"],
  [
    "service on the host network",
    1,
    /driver "host" have no services/,
    "service",
    "publish",
    "x.host",
  ],
  ["bad service name", 1, /Invalid service name "a\.b"/, "service", "publish", "a.b.foo"],
  ["bad alias", 1, /Invalid alias name "a b"/, "service", "publish", "--alias", "a b", "x.foo"],
  ["empty label", 1, /"a\.\.b".*dots/, "service", "publish", "--alias", "a..b", "x.foo"],
  ["address outside", 1, /10\.8\.0\.1 is outside the subnet 10\.7\.0\.0\/24/]
    .concat(["service", "publish", "--ip", "10.8.0.1", "x.foo"]) as Case,
  [
    "address of the gateway",
    1,
    /10\.7\.0\.1 is the gateway/,
    "service",
    "publish",
    "--ip",
    "10.7.0.1",
    "x.foo",
  ],
  [
    "address in use",
    1,
    /10\.7\.0\.50 is already in use/,
    "service",
    "publish",
    "--ip",
    "10.7.0.50",
    "x.foo",
  ],
  ["IPv6 address on an IPv4 network", 1, /has no IPv6 addresses/]
    .concat(["service", "publish", "--ip", "fd00::5", "x.foo"]) as Case,
  ["bad MAC", 1, /Invalid MAC address "zz"/, "service", "publish", "--mac", "zz", "x.foo"],
  [
    "multicast MAC",
    1,
    /is not a unicast address/,
    "service",
    "publish",
    "--mac",
    "03:00:00:00:00:01",
    "x.foo",
  ],
  ["MAC in use", 1, /02:00:00:00:00:07 is already used/]
    .concat(["service", "publish", "--mac", "02:00:00:00:00:07", "x.foo"]) as Case,
  ["unpublish with a backend", 1, /"web\.foo": the container "one" backs it/]
    .concat(["service", "unpublish", "web.foo"]) as Case,
  ["second backend", 1, /"web\.foo" already has a backend, the container "one"/]
    .concat(["service", "attach", "two", "web.foo"]) as Case,
  ["attach twice", 1, /"one" is attached to service "web\.foo" already/]
    .concat(["service", "attach", "one", "web.foo"]) as Case,
  [
    "attach unknown container",
    1,
    /No such container: "nope"/,
    "service",
    "attach",
    "nope",
    "db.foo",
  ],
  ["attach a process that isn't there", 1, /No such process: 4194305; give the id .* on this host/]
    .concat(["service", "attach", "pid:4194305", "db.foo"]) as Case,
  ["attach a namespace that isn't there", 1, /No such network namespace: "\/run\/netns\/none"/]
    .concat(["service", "attach", "netns:/run/netns/none", "db.foo"]) as Case,
  ["attach a file that is no namespace", 1, /"\/etc\/hostname" is not a network namespace/]
    .concat(["service", "attach", "netns:/etc/hostname", "db.foo"]) as Case,
  ["attach process 1", 1, /process 1 has no network of its own|namespace of process 1: Permission/]
    .concat(["service", "attach", "pid:1", "db.foo"]) as Case,
  ["detach another's", 1, /"two" doesn't back service "web\.foo"; "one" does/]
    .concat(["service", "detach", "two", "web.foo"]) as Case,
  ["detach nobody", 1, /"db\.foo" has no backend/, "service", "detach", "one", "db.foo"],
  ["attach a container on the host network", 1, /uses the host's network/]
    .concat(["service", "attach", "hostly", "db.foo"]) as Case,
  ["duplicate container", 1, /container "one" already exists/, "container", "create", "one"],
  ["duplicate container, other case", 1, /container "ONE" already/, "container", "create", "ONE"],
  ["bad container name", 1, /Invalid container name "a\/b"/, "container", "create", "a/b"],
  ["unknown --net", 125, /No such network: "nope"/, "run", "--rm", "--net", "nope", "--", "true"],
  ["service with a backend", 125, /"web\.foo" already has a backend/]
    .concat(["run", "--rm", "--publish-service", "web.foo", "--", "true"]) as Case,
  [
    "relative workdir",
    125,
    /"etc" is not an absolute path/,
    "run",
    "--rm",
    "-w",
    "etc",
    "--",
    "true",
  ],
  ["missing rootfs", 125, /"\/no\/such" is not a directory/]
    .concat(["run", "--rm", "--rootfs", "/no/such", "--", "true"]) as Case,
  ["bad port", 2, /Invalid -p "x:80"/, "run", "--rm", "-p", "x:80", "--", "true"],
  ["port out of bounds", 2, /Invalid port "70000"/, "run", "--rm", "-p", "70000:80", "--", "true"],
  ["port of another container", 125, /8099\/tcp is already published by container "hold"/]
    .concat(["run", "--rm", "-p", "8099:80", "--", "true"]) as Case,
  [
    "port that another container has got since",
    1,
    /8096\/tcp is already published by container "next"/,
  ]
    .concat(["start", "late"]) as Case,
  ["a port twice", 125, /The port 8097\/tcp is published twice/]
    .concat(["run", "--rm", "-p", "8097:80", "-p", "8097:81", "--", "true"]) as Case,
  ["ports without a network", 125, /Cannot publish ports/]
    .concat(["run", "--rm", "--net", "none", "-p", "8098:80", "--", "true"]) as Case,
  ["bad environment", 125, /Invalid environment variable "A B"/]
    .concat(["run", "--rm", "-e", "A B=1", "--", "true"]) as Case,
  ["missing workdir", 126, /Cannot work in "\/no\/such": there is no such directory/]
    .concat(["run", "--rm", "-w", "/no/such", "--", "true"]) as Case,
  ["missing workdir, detached", 126, /Cannot work in "\/no\/such": there is no such directory/]
    .concat(["run", "-d", "-w", "/no/such", "--", "true"]) as Case,
  ["an image", 127, /Cannot run "nginx:1.27": that is the name of an image.* --runtime docker or/]
    .concat(["run", "--rm", "nginx:1.27"]) as Case,
  [
    "an image of a registry",
    127,
    /Cannot run "r.example:5000\/a\/b:v1": that is the name of an image/,
  ]
    .concat(["run", "-d", "--", "r.example:5000/a/b:v1", "sh"]) as Case,
  ["missing command", 127, /^netsvc: failed to execute nosuchprogram: No such file or directory$/]
    .concat(["run", "--rm", "--", "nosuchprogram"]) as Case,
  ["missing command, exec", 127, /^netsvc: failed to execute nosuchprogram: No such file/]
    .concat(["exec", "one", "--", "nosuchprogram"]) as Case,
  ["command that is none", 126, /^netsvc: failed to execute \/etc: Permission denied$/]
    .concat(["run", "--rm", "--", "/etc"]) as Case,
  ["missing command, detached", 127, /Cannot start the command: .*nosuchprogram/]
    .concat(["run", "-d", "--", "nosuchprogram"]) as Case,
  ["empty reference", 1, /Invalid reference ""/, "network", "info", ""],
  ["reference that is a path", 1, /Invalid reference "\.\."/, "network", "rm", ".."],
  ["another one", 1, /Invalid reference "\."/, "service", "unpublish", "."],
  ["empty network", 1, /No such network: ""/, "service", "publish", "x."],
  ["empty --net", 125, /No such network: ""/, "run", "--rm", "--net", "", "--", "true"],
  ["listing an empty network", 1, /No such network: ""/, "service", "ls", "--net", ""],
  ["mistyped name", 1, /No such network: "fooo"; did you mean "foo"\?$/, "network", "info", "fooo"],
  ["mistyped service", 1, /No such service: "wbe" on network "foo"; did you mean "web"\?$/]
    .concat(["service", "info", "wbe.foo"]) as Case,
  ["empty container", 1, /No such container: ""/, "service", "attach", "", "db.foo"],
  ["empty driver", 1, /Unknown driver ""/, "network", "create", "-d", "", "x"],
  ["empty subnet", 1, /Invalid CIDR ""/, "network", "create", "--subnet", "", "x"],
  ["empty address", 1, /Invalid address ""/, "service", "publish", "--ip", "", "x.foo"],
  ["empty MAC", 1, /Invalid MAC address ""/, "service", "publish", "--mac", "", "x.foo"],
  ["hint of the command", 2, /Invalid --label "=a".*network create --help/]
    .concat(["network", "create", "--label", "=a", "x"]) as Case,
  ["port on no address", 2, /Invalid address "999\.1\.1\.1" in -p/]
    .concat(["run", "--rm", "-p", "999.1.1.1:80:80", "--", "true"]) as Case,
  ["unknown signal", 1, /SIGFOO/, "container", "kill", "-s", "SIGFOO", "one"],
  ["empty workdir", 125, /absolute path/, "run", "--rm", "-w", "", "--", "true"],
  ["wait for what has no command", 1, /"one" was made without a command/]
    .concat(["container", "wait", "one"]) as Case,
  ["unknown command", 2, /"frob" is not a netsvc command/, "frob"],
  [
    "a verb of containers alone",
    2,
    /"wait" is not a netsvc command; did you mean "container wait"\?/,
  ]
    .concat(["wait", "one"]) as Case,
  ["field that is none", 2, /Unknown field "\.Foo" in the format; known: .*\.Labels$/]
    .concat(["network", "ls", "--format", "{{.Foo}}"]) as Case,
  ["template that is cut off", 2, /Cannot understand "\{\{\.Name" in the format; write it like/]
    .concat(["network", "ls", "--format", "{{.Name"]) as Case,
  ["unknown verb", 2, /"lss" is not a netsvc network command.*"ls"/, "network", "lss"],
  ["unknown flag", 2, /Unknown option "--nope"/i, "network", "ls", "--nope"],
  ["missing argument", 2, /Missing required argument/i, "network", "create"],
  [
    "wrong log level",
    2,
    /Invalid --log-level "loud": give one of debug/,
    "-l",
    "loud",
    "network",
    "ls",
  ],
  ["no daemon", 1, /Cannot reach the daemon at unix:\/\/\/nowhere: is it running\?/]
    .concat(["-H", "unix:///nowhere", "network", "ls"]) as Case,
  ["bad host", 2, /Invalid host "ftp:\/\/x"/, "-H", "ftp://x", "network", "ls"],
];

Deno.test("mistakes get one line and change nothing", async (t) => {
  await using host = await TestHost.create();
  await host.ok("network", "create", "--subnet", "10.7.0.0/24", "foo");
  await host.ok("service", "publish", "--ip", "10.7.0.50", "db.foo");
  await host.ok("service", "publish", "--mac", "02:00:00:00:00:07", "web.foo");
  await host.ok("container", "create", "one");
  await host.ok("container", "create", "two");
  await host.ok("container", "create", "--net", "host", "hostly");
  await host.ok("container", "create", "--net", "bridge", "-p", "8099:80", "hold");
  await host.ok("service", "attach", "one", "web.foo");
  await host.ok("run", "-d", "--name", "late", "-p", "8096:80", "--", "sleep", "1000");
  await host.ok("stop", "-t", "0", "late");
  await host.ok("container", "create", "--net", "bridge", "-p", "8096:80", "next");
  const before = await everything(host);
  for (const [name, code, message, ...words] of CASES) {
    await t.step(name, async () => {
      // A client's own -H beats the harness's only when it stands alone.
      if (words[0] === "-H") {
        const { NETSVC } = await import("../harness/host.ts");
        const { run } = await import("../harness/command.ts");
        const result = await run([...NETSVC, ...words]);
        assert.equal(result.code, code, result.stderr);
        assert.match(result.stderr, message);
      } else await host.fails(code, message, ...words);
    });
  }
  assert.equal(await everything(host), before);
});

Deno.test("-f cuts, and says what it cut", async () => {
  await using host = await TestHost.create();
  await host.ok("network", "create", "foo");
  await host.ok("service", "publish", "db.foo");
  await host.ok("container", "create", "one");
  await host.ok("service", "attach", "one", "db.foo");
  const unpublished = await host.run(["service", "unpublish", "-f", "db.foo"]);
  assert.equal(unpublished.code, 0);
  assert.match(unpublished.stderr, /^netsvc: Cut one from service db\.foo\n$/);
  await host.ok("service", "publish", "db.foo");
  await host.ok("service", "attach", "one", "db.foo");
  const removed = await host.run(["network", "rm", "-f", "foo"]);
  assert.equal(removed.code, 0);
  assert.match(removed.stderr, /Cut service db\.foo/);
  assert.equal(removed.stdout, "foo\n");
  assert.deepEqual(JSON.parse(await host.ok("service", "ls", "--format", "json")), []);
});

Deno.test("a pool that is used up is a clear error, and freed addresses come back", async () => {
  await using host = await TestHost.create({
    flags: ["--default-address-pool", "base=10.99.0.0/28,size=29"],
  });
  // The default network took the first of the two subnets.
  await host.ok("network", "create", "foo");
  await host.fails(
    1,
    /No free IPv4 subnet is left in the address pools \(10\.99\.0\.0\/28 in \/29\)/,
    "network",
    "create",
    "bar",
  );
  for (let i = 0; i < 5; i++) await host.ok("service", "publish", `s${i}.foo`);
  await host.fails(
    1,
    /No free address is left in the subnet 10\.99\.0\.8\/29/,
    "service",
    "publish",
    "s5.foo",
  );
  const info = await host.ok("service", "info", "--format", "{{.addresses}}", "s2.foo");
  await host.ok("service", "unpublish", "s2.foo");
  await host.ok("service", "publish", "s5.foo");
  assert.equal(await host.ok("service", "info", "--format", "{{.addresses}}", "s5.foo"), info);
  await host.ok("service", "unpublish", "s5.foo");
  await host.ok("service", "publish", "s2.foo");
  assert.equal(await host.ok("service", "info", "--format", "{{.addresses}}", "s2.foo"), info);
});

Deno.test("wrong settings are errors at start, before anything is touched", async (t) => {
  const cases: [name: string, message: RegExp, ...flags: string[]][] = [
    ["form", /write it DRIVER:NETWORK/, "--default-network=bridge"],
    ["driver", /unknown driver "nope"; known: bridge, host, null/, "--default-network=nope:x"],
    ["network of another driver", /use "null:none"/, "--default-network=bridge:none"],
    ["network of another driver, other case", /use "host:Host"/, "--default-network=bridge:Host"],
    ["reserved name", /"Netsvc-Gateway" is reserved/, "--default-network=bridge:Netsvc-Gateway"],
    ["driver without networks", /use "host:host"/, "--default-network=host:mine"],
    ["name", /Invalid network name "a b"/, "--default-network=bridge:a b"],
    ["pool", /Invalid address pool "10\.0\.0\.0"/, "--default-address-pool=10.0.0.0"],
    ["host name", /Invalid --host-name "a b"/, "--host-name", "a b"],
    ["long socket path", /at most 107 bytes/, "-H", `unix:///tmp/${"x".repeat(110)}`],
    ["time to live", /Invalid --dns-ttl "": give seconds from 0 to 3600/, "--dns-ttl", ""],
    ["a name that looks like loopback", /--insecure/, "-H", "tcp://127.example.com:2380"],
    ["configuration", /Cannot read --config "\/no\/such\.yaml": No such file or directory$/m]
      .concat(["--config", "/no/such.yaml"]) as [string, RegExp, ...string[]],
    ["level", /Invalid --log-level "loud": give one of debug/, "-l", "loud"],
    ["listen address", /Invalid host "tcp:\/\/x"/, "-H", "tcp://x"],
    ["open TCP", /--insecure/, "-H", "tcp://0.0.0.0:2380"],
    ["TCP on loopback", /user of this host root: give --token-file, or/, "-H", "tcp://[::1]:2380"],
    [
      "address of nobody",
      /Cannot listen on "192\.0\.2\.1:2380"/,
      "-H",
      "tcp://192.0.2.1:2380",
      "--insecure",
    ],
    ["socket that is a file", /it is not a socket; remove it/, "-H", "unix:///etc/hostname"],
    [
      ...["certificate", /Cannot use --tls-cert with --tls-key: .*; give a PEM/] as const,
      ...[
        "-H",
        "tcp://127.0.0.1:2380",
        "--tls-cert",
        "/etc/hostname",
        "--tls-key",
        "/etc/hostname",
      ],
    ],
    ["store", /Unknown store "cassandra"/, "--kv-store=cassandra:x"],
    ["state directory", /absolute path/, "--state-dir", "here"],
  ];
  await using host = await TestHost.create({ stopped: true });
  const { run } = await import("../harness/command.ts");
  for (const [name, message, ...flags] of cases) {
    await t.step(name, async () => {
      const result = await run([...host.daemonWords, ...flags], { namespace: host.namespace.path });
      assert.notEqual(result.code, 0);
      assert.match(result.stderr, message);
      assert.equal(result.stderr.trim().split("\n").length, 1, result.stderr);
      assert.deepEqual([...Deno.readDirSync(host.directory)], []);
      assert.equal(await host.namespace.ok(["nft", "list", "ruleset"]), "");
    });
  }
  await t.step("without root", async () => {
    // A user of a namespace that maps nobody is not root, and yet may read the program.
    const result = await run(["unshare", "--user", ...host.daemonWords]);
    assert.equal(result.code, 1);
    assert.equal(result.stderr, "netsvc: The daemon needs root; start it with sudo\n");
    assert.deepEqual([...Deno.readDirSync(host.directory)], []);
  });
});
