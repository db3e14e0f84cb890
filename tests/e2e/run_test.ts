import assert from "node:assert/strict";
import { Client } from "../../cli/client/client.ts";
import { ok, spawn, until } from "../harness/command.ts";
import { NETSVC, TestHost } from "../harness/host.ts";

Deno.test("run passes status, output, input and environment through", async () => {
  await using host = await TestHost.create();
  const status = await host.run([
    "run",
    "--rm",
    "--",
    "sh",
    "-c",
    "echo out; echo err >&2; exit 7",
  ]);
  assert.deepEqual([status.code, status.stdout, status.stderr], [7, "out\n", "err\n"]);
  const input = await host.run(["run", "--rm", "-i", "--", "cat"], { stdin: "hello\n" });
  assert.equal(input.stdout, "hello\n");
  const none = await host.run(["run", "--rm", "--", "cat"], { stdin: "not passed on\n" });
  assert.equal(none.stdout, "");
  const awkward = `a'b"c $(id) \`id\` ; -x é`;
  const words = await host.run([
    ...["run", "--rm", "-e", `V=${awkward}`, "-w", "/tmp", "--hostname", "box", "--"],
    ...["sh", "-c", 'printf "%s|" "$V" "$1" "$PWD" "$(hostname)"', "sh", awkward],
  ]);
  assert.equal(words.stdout, `${awkward}|${awkward}|/tmp|box|`);
  // Without a value it is the client's own, and nothing at all where that has none.
  const inherited = await host.run(
    [
      ...["run", "--rm", "-e", "OURS", "-e", "NOBODYS", "--", "sh", "-c"],
      'echo "$OURS ${NOBODYS-unset} ${NOT_ASKED-unset}"',
    ],
    { env: { OURS: "a b", NOT_ASKED: "1" } },
  );
  assert.equal(inherited.stdout, "a b unset unset\n");
  assert.equal((await host.run(["run", "--rm", "--", "nosuchprogram"])).code, 127);
  assert.equal((await host.run(["run", "--rm", "--", "/etc"])).code, 126);
  assert.equal((await host.run(["run", "--rm", "--", "sh", "-c", "kill -9 $$"])).code, 137);
  // What an operator sees of it is a line, not a program.
  await host.ok("run", "-d", "--name", "seen", "--", "sleep", "1000");
  const seen = (await ok(["ps", "-eo", "args"])).split("\n").filter((line) =>
    line.includes(`${host.directory}/run`) && line.includes("netsvc-init")
  );
  assert.ok(seen.length > 0);
  for (const line of seen) assert.doesNotMatch(line, /mount -t|set -e/);
  await host.ok("container", "rm", "-f", "seen");
  assert.equal(await host.ok("container", "ls", "-q"), "");
  assert.deepEqual(await host.links().then((links) => links.length), 1);
});

Deno.test("run has its own processes, host name, resolv.conf and hosts", async () => {
  await using host = await TestHost.create();
  const { stdout } = await host.run([
    ...["run", "--rm", "--name", "web", "--", "sh", "-c"],
    "ls /proc | grep -c '^[0-9]'; hostname; cat /etc/resolv.conf; grep web /etc/hosts; ls /sys/class/net",
  ]);
  const lines = stdout.trim().split("\n");
  assert.ok(Number(lines[0]) < 10, "sees only its own processes");
  assert.equal(lines[1], "web");
  assert.match(stdout, /^nameserver 127\.0\.0\.11$/m);
  assert.match(stdout, /^172\.\d+\.\d+\.\d+\tweb$/m);
  assert.match(stdout, /^eth0$/m);
  assert.doesNotMatch(Deno.readTextFileSync("/etc/resolv.conf"), /Made by netsvc/);
});

Deno.test("run -t gives a terminal, also where the client has none", async () => {
  await using host = await TestHost.create();
  const { code, stdout } = await host.run(["run", "--rm", "-t", "--", "sh", "-c", "tty; exit 5"]);
  assert.equal(code, 5);
  assert.match(stdout, /^\/dev\/pts\/\d+\r?\n$/);
  const awkward = `a'b"c $(id) \\ \`id\``;
  const words = await host.run(["run", "--rm", "-t", "--", "printf", "%s", awkward]);
  assert.equal(words.stdout, awkward);
});

Deno.test("run passes signals to the command", async () => {
  await using host = await TestHost.create();
  const child = spawn([
    ...NETSVC,
    ...["-H", `unix://${host.socket}`, "run", "--rm", "--name", "sig", "--"],
    ...["sh", "-c", "trap 'echo got it; exit 9' TERM; echo ready; while :; do sleep 0.1; done"],
  ], { stdin: "null", stdout: "piped", stderr: "piped" });
  const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  assert.equal((await reader.read()).value, "ready\n");
  child.kill("SIGTERM");
  assert.equal((await reader.read()).value, "got it\n");
  reader.releaseLock();
  await child.stdout.cancel().catch(() => {});
  await child.stderr.cancel();
  assert.equal((await child.status).code, 9);
  // So early that nothing runs yet: the signal waits for the command.
  const plain = spawn([
    ...NETSVC,
    ...["-H", `unix://${host.socket}`, "run", "--rm", "--name", "plain", "--", "sleep", "1000"],
  ], { stdin: "null", stdout: "null", stderr: "null" });
  await until(
    "it runs",
    async () => (await host.ok("container", "ls", "-f", "state=running", "-q")),
  );
  plain.kill("SIGINT");
  assert.equal((await plain.status).code, 130);
  assert.equal(await host.ok("container", "ls", "-q"), "");
});

Deno.test("run -d goes on, keeps its output, and ends cleanly", async () => {
  await using host = await TestHost.create();
  const id = await host.ok(
    ...["run", "-d", "--name", "job", "--", "sh", "-c", "echo working; sleep 1000"],
  );
  assert.match(id, /^[0-9a-f]{64}$/);
  assert.equal(await host.ok("container", "logs", "job"), "working");
  assert.equal(await host.ok("exec", "job", "--", "hostname"), "job");
  await host.fails(1, /"job": it is running; use -f/, "container", "rm", "job");
  await host.ok("container", "kill", "-s", "TERM", "job");
  assert.equal(await host.ok("container", "wait", "job"), "143");
  await until("its service is gone", async () => (await host.ok("service", "ls", "-q")) === "");
  assert.match(await host.ok("container", "ls"), /exited \(143\)/);
  await host.ok("service", "publish", "x");
  await host.fails(1, /it has exited/, "service", "attach", "job", "x");
  assert.equal(await host.ok("container", "rm", "job"), "job");
  await host.ok("run", "-d", "--rm", "--name", "brief", "--", "sleep", "0.3");
  await until("it is gone", async () => (await host.ok("container", "ls", "-q")) === "");
  assert.equal((await host.links()).length, 1);
});

Deno.test("exec works beside a process and in a bare sandbox", async () => {
  await using host = await TestHost.create();
  await host.ok("run", "-d", "--name", "a", "-e", "X=1", "--", "sleep", "1000");
  const inside = await host.run(
    ["exec", "-i", "-e", "Y=2", "-w", "/tmp", "a", "--"].concat(
      ["sh", "-c", "cat; echo $Y $PWD; pgrep -xc sleep; exit 3"],
    ),
    { stdin: "in " },
  );
  assert.deepEqual([inside.code, inside.stdout], [3, "in 2 /tmp\n1\n"]);
  await host.ok("container", "create", "--net", "bridge", "b");
  assert.match(await host.ok("exec", "b", "--", "cat", "/etc/resolv.conf"), /127\.0\.0\.11/);
  assert.match(await host.ok("exec", "b", "ip", "-br", "addr"), /eth0/);
  assert.match((await host.run(["exec", "-t", "b", "--", "tty"])).stdout, /pts/);
  await host.fails(125, /No such container/, "exec", "nope", "--", "true");
});

Deno.test("--rootfs: another root, with netsvc's files and no way out through links", async () => {
  await using host = await TestHost.create();
  const root = `${host.directory}/rootfs`;
  await Deno.mkdir(`${root}/bin`, { recursive: true });
  await Deno.mkdir(`${root}/etc`);
  await Deno.copyFile("/bin/busybox", `${root}/bin/busybox`);
  for (const tool of ["sh", "cat", "ls", "hostname", "ping"]) {
    await Deno.symlink("busybox", `${root}/bin/${tool}`);
  }
  const outside = `${host.directory}/outside`;
  await Deno.writeTextFile(outside, "untouched");
  await Deno.symlink(outside, `${root}/etc/hosts`);
  const { code, stdout, stderr } = await host.run([
    ...["run", "--rm", "--name", "r", "--rootfs", root, "--", "/bin/sh", "-c"],
    "ls /; cat /etc/resolv.conf; ls /proc/self/comm /sys/class /dev/null; " +
    "ping -c1 r >/dev/null && echo pinged",
  ]);
  assert.equal(code, 0, stderr);
  assert.match(stdout, /^bin$/m);
  assert.doesNotMatch(stdout, /^usr$/m);
  assert.match(stdout, /nameserver 127\.0\.0\.11/);
  assert.match(stdout, /^\/proc\/self\/comm$/m);
  assert.match(stdout, /^\/dev\/null$/m);
  assert.match(stdout, /pinged/);
  assert.equal(await Deno.readTextFile(outside), "untouched");
});

Deno.test("--net host, none and container:NAME", async () => {
  await using host = await TestHost.create();
  await host.namespace.ip("link add marker type bridge");
  const words = ["run", "--rm", "--net", "host", "--", "ip", "-br", "link"];
  assert.match(await host.ok(...words), /marker/);
  // From where /sys is that of the host's own network already, as it is on most hosts.
  const client = [...NETSVC, "-H", `unix://${host.socket}`, ...words];
  assert.match(await ok(["ip", "netns", "exec", host.namespace.name, ...client]), /marker/);
  const none = await host.ok("run", "--rm", "--net", "none", "--", "ip", "-br", "link");
  assert.match(none, /^lo /);
  assert.equal(none.split("\n").length, 1);
  await host.ok("run", "-d", "--name", "main", "--", "sleep", "1000");
  const address = await host.ok("exec", "main", "ip", "-4", "-o", "addr", "show", "eth0");
  assert.equal(
    await host.ok(
      "run",
      "--rm",
      "--net",
      "container:main",
      "--",
      "ip",
      "-4",
      "-o",
      "addr",
      "show",
      "eth0",
    ),
    address,
  );
  await host.ok("run", "-d", "--name", "side", "--net", "container:main", "--", "sleep", "1000");
  await host.fails(1, /running/, "container", "rm", "main");
  const removed = await host.run(["container", "rm", "-f", "main"]);
  assert.match(removed.stderr, /Cut container side/);
  assert.equal(await host.ok("container", "ls", "-q"), "");
});

Deno.test("several networks, several services, and the way out follows", async () => {
  await using host = await TestHost.create();
  await host.ok("network", "create", "red");
  await host.ok("network", "create", "blue");
  await host.ok(
    "run",
    "-d",
    "--name",
    "x",
    "--net",
    "red",
    "--publish-service",
    "y.blue",
    "--",
    "sleep",
    "1000",
  );
  const services = await host.ok(
    "service",
    "ls",
    "--format",
    "{{.Name}}.{{.Network}} {{.Provider}}",
  );
  assert.deepEqual(services.split("\n").sort(), ["x.red x", "y.blue x"]);
  const route = () => host.ok("exec", "x", "ip", "route", "show", "default");
  assert.match(await route(), /dev eth0/);
  await host.ok("service", "detach", "x", "x.red");
  assert.match(await route(), /dev eth1/);
  await host.ok("service", "attach", "x", "x.red");
  assert.match(await host.ok("exec", "x", "ip", "-br", "addr"), /eth0.*UP/);
});

Deno.test("run -d tells commands that end at once from those that can't start", async () => {
  await using host = await TestHost.create();
  using client = new Client({ host: `unix://${host.socket}` });
  const start = async (command: string, autoRemove: boolean) => {
    const { id } = await client.containers.create({
      network: "none",
      process: { command: [command] },
      autoRemove,
    });
    return await client.processes.start(id).then(() => 0, (error) => error.exitCode);
  };
  const many = (command: string, autoRemove: boolean) =>
    Promise.all(Array.from({ length: 12 }, () => start(command, autoRemove)));
  for (const autoRemove of [false, true]) {
    assert.deepEqual(new Set(await many("true", autoRemove)), new Set([0]));
    assert.deepEqual(new Set(await many("nosuchprogram", autoRemove)), new Set([127]));
  }
});
