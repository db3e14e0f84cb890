/**
 * Neighbours, on the host and on the wire, at the doors of the API: they have no token, and try to get
 * in, to keep others out, or to keep the daemon from starting.
 */
import assert from "node:assert/strict";
import { bindAbstract, closeFd, readFileSync } from "../../lib/linux/libc.ts";
import { inNamespace } from "../../lib/linux/namespaces/namespace.ts";
import { makeCertificates } from "../harness/certificates.ts";
import { run, spawn, until } from "../harness/command.ts";
import { NETSVC, TestHost } from "../harness/host.ts";

const TOKEN = "0123456789abcdef0123", OTHER = "fedcba98765432100123";
const HOSTS = ["10.77.0.1", "[fd77::1]"];

/** Gives a host a certificate, one file after the other as tools do; says whom clients have to trust. */
async function renew({ directory }: TestHost): Promise<void> {
  await using made = await makeCertificates("IP:10.77.0.1,IP:fd77::1");
  for (const [from, to] of [[made.ca, "ca"], [made.cert, "cert"], [made.key, "key"]] as const) {
    await Deno.copyFile(from, `${directory}/${to}.new`);
    await Deno.rename(`${directory}/${to}.new`, `${directory}/${to}`);
  }
}

/** A host whose API is on TCP of both families, with TLS and a token. */
async function openHost(): Promise<TestHost> {
  const host = await TestHost.create({ stopped: true });
  const { directory } = host;
  await renew(host);
  await Deno.writeTextFile(`${directory}/token`, `${TOKEN}\n`);
  await Deno.writeTextFile(`${directory}/client-token`, `${TOKEN}\n`);
  await host.namespace.ip(
    "link add up0 type bridge",
    "addr add 10.77.0.1/24 dev up0",
    "addr add 10.77.0.9/24 dev up0",
    "addr add fd77:0:0:9::9/64 dev up0 nodad",
    "addr add fd77::1/64 dev up0 nodad",
    "link set up0 up",
  );
  host.flags.push(
    ...HOSTS.flatMap((name) => ["-H", `tcp://${name}:2380`]),
    ...["--tls-cert", `${directory}/cert`, "--tls-key", `${directory}/key`],
    ...["--token-file", `${directory}/token`],
  );
  return host;
}

/** A client in the host's namespace, by TCP. */
function clientWords({ directory }: TestHost, name = HOSTS[0]!): string[] {
  return [
    ...[...NETSVC, "-H", `tcp://${name}:2380`, "--tls-ca", `${directory}/ca`],
    ...["--token-file", `${directory}/client-token`],
  ];
}

/**
 * Opens connections that don't get on: `half` a request after the handshake, `silent` ones without one,
 * a `slow` body of somebody who has the token. Prints how many are open at first, and ends when none is.
 */
const HOLD = `
import socket, ssl, sys, time, select
mode, host, port, n, token = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), sys.argv[5]
context = ssl.create_default_context(); context.check_hostname = False; context.verify_mode = ssl.CERT_NONE
open_, refused, start = [], 0, time.time()
for i in range(n):
  try:
    s = socket.create_connection((host, port), 5)
    if mode != "silent":
      s = context.wrap_socket(s)
      if mode == "half": s.send(b"GET /netsvc/v1/networks HTTP/1.1\\r\\nHost: ")
      else: s.send(("POST /netsvc/v1/networks HTTP/1.1\\r\\nHost: 10.77.0.1\\r\\nAuthorization: Bearer %s\\r\\nContent-Type: application/json\\r\\nContent-Length: 100\\r\\n\\r\\n{" % token).encode())
    s.setblocking(False); open_.append(s)
  except OSError: refused += 1
print("opened", len(open_), flush=True)
while open_ and time.time() < start + 60:
  for s in select.select(open_, [], [], 0.5)[0]:
    try:
      if s.recv(4096) == b"": open_.remove(s)
    except (ssl.SSLWantReadError, BlockingIOError): pass
    except OSError: open_.remove(s)
print("left", len(open_), "after", round(time.time() - start), flush=True)
`;

async function descriptors({ pid }: TestHost): Promise<number> {
  return (await run(["ls", `/proc/${pid}/fd`])).stdout.trim().split("\n").length;
}

Deno.test("who has no token gets no further, and holds nothing", async (t) => {
  await using host = await openHost();
  const hold = (mode: string, name: string, n: number) =>
    host.namespace.run(
      ["python3", "-c", HOLD, mode, name.replaceAll(/[[\]]/g, ""), "2380", String(n), TOKEN],
      { timeout: 70_000 },
    );
  await host.start();

  await t.step("half requests, silent handshakes and slow bodies are cut off", async () => {
    const before = await descriptors(host);
    const attacks = await Promise.all([
      ...HOSTS.flatMap((name) => [hold("half", name, 20), hold("silent", name, 20)]),
      hold("slow", HOSTS[0]!, 5),
    ]);
    for (const { stdout } of attacks) {
      const [, left, after] = stdout.match(/left (\d+) after (\d+)/)!.map(Number);
      assert.equal(left, 0, stdout);
      assert.ok(after! <= 20, stdout);
    }
    await until("their descriptors are free", async () => await descriptors(host) <= before + 2);
  });

  await t.step("a flood keeps nobody out, and leaves descriptors for sandboxes", async () => {
    const before = await descriptors(host);
    const floods = HOSTS.map((name) => hold("silent", name, 900));
    let most = 0;
    for (let i = 0; i < 8; i++) {
      for (const [name, from] of [["10.77.0.1", "10.77.0.9"], ["[fd77::1]", "fd77:0:0:9::9"]]) {
        const client = await host.namespace.run([
          ...["curl", "-gsS", "--cacert", `${host.directory}/ca`, "--interface", from!],
          ...["-H", `Authorization: Bearer ${TOKEN}`, "-o", "/dev/null", "-w", "%{http_code}"],
          `https://${name}:2380/netsvc/v1/networks`,
        ]);
        assert.equal(client.stdout, "200", `from ${from}: ${client.stderr}`);
      }
      assert.equal((await host.run(["network", "ls", "-q"])).code, 0);
      most = Math.max(most, await descriptors(host));
    }
    assert.ok(most - before < 1_200, `${most - before} descriptors more`);
    await host.ok("run", "--rm", "--", "true");
    for (const { stdout } of await Promise.all(floods)) assert.match(stdout, /left 0 /);
  });

  await t.step("nor is anything answered", async () => {
    for (const name of HOSTS) {
      for (
        const path of ["/netsvc/v1/networks", "/metrics", "/healthz", "/containers/json", "/events"]
      ) {
        for (
          const words of [[], ["-H", "Authorization: Bearer x"], ["-H", `Authorization: Basic x`]]
        ) {
          const { stdout } = await host.namespace.run([
            ...["curl", "-gsS", "--cacert", `${host.directory}/ca`, "-w", "%{http_code}", ...words],
            `https://${name}:2380${path}`,
          ]);
          assert.match(stdout, /401$/, `${name}${path}`);
        }
      }
    }
  });
});

const ODD = new URL("../fixtures/odd_requests.py", import.meta.url).pathname;

Deno.test("odd and half requests are answered, or cut off, and none is the daemon's fault", async () => {
  await using host = await TestHost.create({ stopped: true });
  await Deno.writeTextFile(`${host.directory}/token`, `${TOKEN}\n`);
  host.flags.push("-H", "tcp://127.0.0.1:2380", "--token-file", `${host.directory}/token`);
  await host.start();
  const ask = async (...words: string[]) => {
    // A deadline of 10 s for a head or a body, and some more for a busy machine.
    const { stdout } = await host.namespace.run(["python3", ODD, ...words, "20"], {
      timeout: 60_000,
    });
    return Object.entries(
      JSON.parse(stdout) as Record<string, { line: string | null; closed: boolean }>,
    );
  };
  const [tcp, unix] = await Promise.all([
    ask("tcp", "127.0.0.1", "2380", TOKEN),
    ask("unix", host.socket, "0", ""),
  ]);
  const unanswered = (all: typeof tcp) =>
    all.filter(([, { line, closed }]) => line === null && !closed).map(([name]) => name);
  assert.deepEqual(unanswered(tcp), []);
  // Whoever may open it is root, and may leave his own head unfinished.
  assert.deepEqual(
    unanswered(unix).filter((name) => /chunk|CL|expect|trailer|build/.test(name)),
    [],
  );
  for (const [name, { line }] of [...tcp, ...unix]) {
    assert.doesNotMatch(line ?? "", /^HTTP\/1\.[01] 50[023]/, name);
  }
  assert.doesNotMatch(host.log(), / error /);
  assert.equal((await host.api("/healthz")).status, 200);
});

Deno.test("credentials that are renewed on disk are taken up, withdrawn ones refused at once", async () => {
  await using host = await openHost();
  const { directory } = host;
  await host.start();
  const client = (...words: string[]) => host.namespace.run([...clientWords(host), ...words]);
  const write = async (name: string, text: string) => {
    await Deno.writeTextFile(`${directory}/${name}.new`, text);
    await Deno.rename(`${directory}/${name}.new`, `${directory}/${name}`);
  };
  const logged = (text: RegExp) => until(`${text} is logged`, () => text.test(host.log()));
  assert.equal((await client("network", "ls")).code, 0);

  // A connection that is kept, and one that listens.
  const keep = spawn(
    [
      "python3",
      "-c",
      `
import http.client, ssl, sys
context = ssl.create_default_context(cafile=sys.argv[1])
c = http.client.HTTPSConnection("10.77.0.1", 2380, context=context)
for line in sys.stdin:
  try:
    c.request("GET", "/netsvc/v1/networks", headers={"Authorization": "Bearer " + sys.argv[2]})
    r = c.getresponse(); r.read(); print(r.status, flush=True)
  except Exception as e: print("closed", flush=True)
`,
      `${directory}/ca`,
      TOKEN,
    ],
    { namespace: host.namespace.path, stdin: "piped", stdout: "piped", stderr: "inherit" },
  );
  const ask = keep.stdin.getWriter(),
    answers = keep.stdout.pipeThrough(new TextDecoderStream()).getReader();
  const asked = async () => {
    await ask.write(new TextEncoder().encode("\n"));
    let said = "";
    while (!said.endsWith("\n")) said += (await answers.read()).value ?? "\n";
    return said.trim();
  };
  const listening = client("events");
  try {
    assert.equal(await asked(), "200");
    // Both are good while both are in the file.
    await write("token", `${TOKEN}\n${OTHER}\n`);
    await logged(/Takes up the new token/);
    assert.equal(await asked(), "200");
    // What is broken changes nothing.
    for (const broken of ["", "short\n", "with blanks in the middle of it\n"]) {
      await write("token", broken);
      await new Promise((resolve) => setTimeout(resolve, 300));
      assert.equal((await client("network", "ls")).code, 0);
    }
    await Deno.remove(`${directory}/token`);
    await logged(/Cannot read --token-file .*; what was read before stays in use/);
    assert.equal(await asked(), "200");
    // Now the first one is withdrawn.
    await write("token", `${OTHER}\n`);
    const start = performance.now();
    const { code } = await listening;
    assert.notEqual(code, 0);
    assert.ok(performance.now() - start < 3_000, "who listens is cut off");
    assert.match(await asked(), /401|closed/);
    assert.match((await client("network", "ls")).stderr, /bearer token is missing or wrong/);
  } finally {
    await ask.close();
    await answers.cancel();
    await keep.status;
  }
  await Deno.writeTextFile(`${directory}/client-token`, OTHER);
  assert.equal((await client("network", "ls")).code, 0);

  // A certificate with a key that isn't its own, then a new pair, under requests that go on all the time.
  await Deno.copyFile(`${directory}/ca`, `${directory}/old-ca`);
  await Deno.copyFile(`${directory}/key`, `${directory}/good-key`);
  await using wrong = await makeCertificates();
  await write("key", await Deno.readTextFile(wrong.key));
  await logged(/Cannot use --tls-cert with --tls-key: .*; what was read before stays in use/);
  assert.equal((await client("network", "ls")).code, 0);
  let failed = 0, done = 0, stop = false;
  const load = (async () => {
    while (!stop) {
      const { code } = await host.namespace.run([
        ...["curl", "-ks", "-H", `Authorization: Bearer ${OTHER}`, "-o", "/dev/null"],
        "https://10.77.0.1:2380/netsvc/v1/networks",
      ]);
      done++;
      if (code !== 0) failed++;
    }
  })();
  await renew(host);
  await logged(/Takes up the new certificate/);
  await until("new connections get it", async () => (await client("network", "ls")).code === 0);
  stop = true;
  await load;
  assert.equal(failed, 0, `of ${done}`);
  // For a moment both listen, and the kernel picks one of them for each connection.
  await until("the old one is gone", async () => {
    const old = ["curl", "-sS", "--cacert", `${directory}/old-ca`];
    for (let i = 0; i < 16; i++) {
      const { code } = await host.namespace.run([...old, "https://10.77.0.1:2380/healthz"]);
      if (code === 0) return false;
    }
    return true;
  });
  // By a signal, too, where no file tells.
  Deno.kill(host.pid, "SIGHUP");
  assert.equal((await client("network", "ls")).code, 0);
});

Deno.test("a name or a port that somebody takes keeps no daemon from starting", async () => {
  await using host = await TestHost.create({ stopped: true });
  // Any user of the host, or a container on its network.
  const taken = inNamespace(host.namespace.path, () => bindAbstract("netsvc-daemon"));
  try {
    await host.start();
    await host.ok("network", "create", "foo");
    assert.match(host.log(), /Something else has the abstract socket "netsvc-daemon"/);
  } finally {
    closeFd(taken);
  }
});

Deno.test("what the daemon writes is its own", async () => {
  // Whatever umask it is started with.
  await using host = await TestHost.create({ stopped: true });
  const umask = Deno.umask(0);
  try {
    await host.start();
  } finally {
    Deno.umask(umask);
  }
  await host.ok(
    "run",
    "-d",
    "--name",
    "a",
    "-e",
    "PASSWORD=x",
    "--",
    "sh",
    "-c",
    "umask; sleep 100",
  );
  const files =
    (await run(["find", host.stateDir, host.runDir, "-type", "f", "-perm", "/022"])).stdout;
  assert.equal(files, "", "nobody else writes");
  const secret = (await run(["find", host.stateDir, "-perm", "/077"])).stdout;
  assert.equal(secret, "", "nobody else reads the state");
  assert.match(readFileSync(`/proc/${host.pid}/status`), /^Umask:\s+0077$/m);
  await until("it has said it", async () => await host.ok("container", "logs", "a") !== "");
  assert.equal(await host.ok("container", "logs", "a"), "0022", "containers have the usual one");
  assert.equal(await host.ok("run", "--rm", "--", "sh", "-c", "umask"), "0022");
  assert.equal(await host.ok("exec", "a", "--", "sh", "-c", "umask"), "0022");
});
