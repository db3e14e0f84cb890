/** Names while the daemon is away: who asks is answered late, whatever ended the daemon. */
import assert from "node:assert/strict";
import { isRunning } from "../../lib/linux/processes/process_table.ts";
import { run, spawn, until } from "../harness/command.ts";
import { addresses, reply, startDnsServer } from "../harness/dns_server.ts";
import { TestHost, TestNamespace } from "../harness/host.ts";

/** Asks every 20 ms, own names and others' in turn, each once by a socket of its own; tells what came. */
const ASKER = `
import collections, socket, struct, sys, threading, time
came = collections.Counter()
def ask(i):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.settimeout(10); s.connect(("127.0.0.11", 53))
    name = b"\\1b" if i % 2 else b"\\3www\\7example\\3com"
    try:
        s.send(struct.pack(">6H", i, 256, 1, 0, 0, 0) + name + b"\\0\\0\\1\\0\\1"); m = s.recv(4096)
        came["answered" if m[3] & 15 == 0 and m[7] == 1 else "rcode %d" % (m[3] & 15)] += 1
    except OSError as e: came[str(e)] += 1
threads = []
stop = threading.Event()
threading.Thread(target=lambda: (sys.stdin.read(), stop.set()), daemon=True).start()
print("begun", flush=True)
while not stop.is_set():
    t = threading.Thread(target=ask, args=(len(threads),)); t.start(); threads.append(t); time.sleep(.02)
for t in threads: t.join()
print(len(threads), dict(came), flush=True)
`;

const BIND = `
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind(("127.0.0.11", 53))
`;

async function begin(namespace: string) {
  const asker = spawn(["python3", "-c", ASKER], { namespace, stdin: "piped", stdout: "piped" });
  const reader = asker.stdout.pipeThrough(new TextDecoderStream()).getReader();
  await reader.read();
  return async () => {
    await asker.stdin.close();
    let said = "";
    for (let read; !(read = await reader.read()).done;) said += read.value;
    await asker.status;
    const [, count, answers] = said.match(/(\d+) (\{.*\})\n$/)!;
    return { count: Number(count), answers: answers! };
  };
}

Deno.test("names that are asked for while the daemon is away are answered when it is back", async (t) => {
  await using host = await TestHost.create({ stopped: true });
  await host.setResolvConf("nameserver 127.0.0.53\n");
  using _outside = startDnsServer(
    host.namespace.path,
    "127.0.0.53",
    (came) => reply(came, addresses(came, 1)),
  );
  await host.start();
  await host.ok("network", "create", "foo");
  for (const name of ["a", "b"]) await host.ok("container", "create", "--net", "foo", name);
  const sandbox = await host.sandbox("a");
  const keeper = () => {
    try {
      return JSON.parse(Deno.readTextFileSync(`${host.runDir}/resolvers`));
    } catch {
      return undefined;
    }
  };
  const isKept = (count: number) => Object.keys(keeper()?.sockets ?? {}).length === count;
  const bind = () => run(["python3", "-c", BIND], { namespace: sandbox });
  await until("the spare sockets are kept", () => isKept(2));

  for (const signal of ["SIGTERM", "SIGKILL"] as const) {
    await t.step(`after ${signal}`, async () => {
      const { process } = keeper();
      const end = await begin(sandbox);
      await host.stop(signal);
      await new Promise((resolve) => setTimeout(resolve, 1000));
      assert.match((await bind()).stderr, /Address already in use/);
      await host.start();
      const { count, answers } = await end();
      assert.ok(count > 20);
      if (signal === "SIGTERM") assert.equal(answers, `{'answered': ${count}}`);
      // One that dies takes along what it has read or is about to; the rest is answered.
      else assert.ok(Number(answers.match(/'answered': (\d+)/)?.[1]) >= count * 0.9, answers);
      assert.doesNotMatch(answers, /rcode/);
      await until(
        "another process keeps them",
        () => isKept(2) && keeper().process.pid !== process.pid,
      );
      // The file names the new one a moment before the last one is killed, and whoever inherits that reaps it.
      await until("the last one has ended", () => !isRunning(process));
      assert.match((await bind()).stderr, /Address already in use/);
    });
  }
  await t.step("the process has nothing but the sockets", () => {
    const { pid } = keeper().process;
    const links = [...Deno.readDirSync(`/proc/${pid}/fd`)].map(({ name }) =>
      Deno.readLinkSync(`/proc/${pid}/fd/${name}`)
    );
    // A pipe may be of whoever started the daemon.
    const others = links.filter((link) => !/^(socket:.*|pipe:.*|\/dev\/null)$/.test(link));
    assert.deepEqual(others, []);
    assert.equal(links.filter((link) => link.startsWith("socket:")).length, 2);
  });
  await t.step(
    "a namespace that is left may be taken up at once, by another name too",
    async () => {
      await using foreign = await TestNamespace.create("x");
      await host.ok("service", "publish", "foreign.foo");
      for (let i = 0; i < 3; i++) {
        for (const reference of [`netns:${foreign.path}`, `netns:/var${foreign.path}`]) {
          await host.ok("service", "attach", reference, "foreign.foo");
          await host.ok("service", "detach", reference, "foreign.foo");
        }
      }
      await host.ok("service", "unpublish", "foreign.foo");
    },
  );
  await t.step("a container that goes takes its own along, the last one all", async () => {
    await host.ok("container", "rm", "-f", "b");
    await until("one is kept", () => isKept(1));
    const { pid } = keeper().process;
    await host.ok("container", "rm", "-f", "a");
    assert.equal(keeper(), undefined);
    await until(
      "the process has ended",
      async () => (await run(["kill", "-0", `${pid}`])).code !== 0,
    );
  });
});
