/** Who isn't a host of the cluster, or is none any more, is out: of its store, and of the port where hosts join. */
import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import https from "node:https";
import { certifyNew, createAuthority, createRequest } from "../../lib/x509/x509.ts";
import {
  formatToken,
  newSecret,
  type OwnToken,
  parseToken,
} from "../../server/cluster/control/token.ts";
import { VOTER_NAME } from "../../server/cluster/control/authority.ts";
import { clusterPaths } from "../../server/cluster/files/cluster_paths.ts";
import { ok, spawn, until } from "../harness/command.ts";
import { FormedCluster } from "../harness/formed.ts";
import { TestHost, TestNamespace } from "../harness/host.ts";
import { SERVERS } from "../harness/versions.ts";

const JOIN = "https://10.99.0.1:2478";
const HOST = { id: "e".repeat(64), name: "evil", address: "10.99.0.66" };

/** The files of a host that somebody has copied. */
async function steal(host: TestHost): Promise<{ directory: string } & AsyncDisposable> {
  const directory = await Deno.makeTempDir({ prefix: "netsvc-test-" });
  await ok(["cp", "-a", `${host.stateDir}/cluster/.`, directory]);
  return { directory, [Symbol.asyncDispose]: () => Deno.remove(directory, { recursive: true }) };
}

function etcdctlWords(directory: string, ...words: string[]): string[] {
  return [
    `${SERVERS}/etcd/usr/bin/etcdctl`,
    "--endpoints=https://10.99.0.1:2479",
    `--cacert=${directory}/ca.crt`,
    `--cert=${directory}/host.crt`,
    `--key=${directory}/host.key`,
    "--dial-timeout=2s",
    "--command-timeout=3s",
    ...words,
  ];
}

/** Asks the store with copied files. */
async function etcdctl(from: TestNamespace, directory: string, ...words: string[]) {
  return await from.run(etcdctlWords(directory, ...words), { env: { ETCDCTL_API: "3" } });
}

/** Asks a voter where hosts join. */
async function ask(
  from: TestNamespace,
  path: string,
  words: string[] = [],
): Promise<{ status: number; body: string }> {
  const { stdout, code, stderr } = await from.run([
    ...["curl", "-sS", "-k", "-m", "10", "-w", "\n%{http_code}", ...words, `${JOIN}${path}`],
  ]);
  if (code !== 0) return { status: 0, body: stderr };
  const at = stdout.trimEnd().lastIndexOf("\n");
  return { status: Number(stdout.trimEnd().slice(at + 1)), body: stdout.slice(0, at) };
}

function post(body: unknown): string[] {
  return ["-H", "content-type: application/json", "-d", JSON.stringify(body)];
}

Deno.test("a host that was removed is out at once, with all that it has", async (t) => {
  await using cluster = await FormedCluster.create({ hosts: 3 });
  const [one, two, three] = cluster.hosts as [TestHost, TestHost, TestHost];
  const step = (name: string, action: () => Promise<void>) =>
    t.step(name, () => cluster.explain(action));
  await using stolen = await steal(two);
  const attacker = two.namespace;
  const withCertificate = [
    "--cert",
    `${stolen.directory}/host.crt`,
    "--key",
    `${stolen.directory}/host.key`,
  ];
  let heard = "";
  let watch!: Deno.ChildProcess;

  await step("while it is one: it reads and writes the state, and what is its own", async () => {
    assert.equal((await etcdctl(attacker, stolen.directory, "get", "--prefix", "netsvc/")).code, 0);
    assert.equal((await etcdctl(attacker, stolen.directory, "put", "netsvc/x", "y")).code, 0);
    assert.equal((await etcdctl(attacker, stolen.directory, "del", "netsvc/x")).code, 0);
    assert.equal((await ask(attacker, "/tokens", withCertificate)).status, 200);
    assert.equal(
      (await etcdctl(attacker, stolen.directory, "get", "netsvc-cluster/public/cluster")).code,
      0,
    );
  });

  await step("no host reads the secrets, administers etcd, or writes what voters say", async () => {
    const id = JSON.parse(await Deno.readTextFile(`${stolen.directory}/cluster.json`)).host.id;
    const other =
      JSON.parse(await Deno.readTextFile(`${three.stateDir}/cluster/cluster.json`)).host.id;
    for (
      const words of [
        ["get", "--prefix", "netsvc-cluster/secret/"],
        ["get", "--prefix", ""],
        ["put", `netsvc-cluster/public/hosts/${id}`, "{}"],
        ["put", "netsvc-cluster/public/authority", "{}"],
        ["put", `netsvc-cluster/public/self/${other}/request`, "{}"],
        ["put", "netsvc-cluster/public/etcd", "{}"],
        ["user", "add", "me", "--no-password"],
        ["user", "grant-role", id, "root"],
        ["auth", "disable"],
        ["member", "add", "me", "--peer-urls=https://10.99.0.66:2480"],
        ["snapshot", "save", `${stolen.directory}/all.db`],
      ]
    ) {
      const { code, stderr } = await etcdctl(attacker, stolen.directory, ...words);
      assert.notEqual(code, 0, words.join(" "));
      assert.match(stderr, /permission denied|PermissionDenied/i, words.join(" "));
    }
    assert.equal(
      (await etcdctl(attacker, stolen.directory, "put", `netsvc-cluster/public/self/${id}/x`, "y"))
        .code,
      0,
    );
  });

  await step("no host is a member of etcd, whatever certificate of hosts it shows", async () => {
    // What a host is given, and the worst that the hosts' authority could be led to sign.
    const paths = clusterPaths(one.stateDir);
    const [certificate, caKey] = await Promise.all(
      [paths.ca, paths.caKey].map((path) => Deno.readTextFile(path)),
    ) as [string, string];
    const forged = await certifyNew({ certificate, key: caKey }, {
      commonName: "voter",
      names: ["10.99.0.2", VOTER_NAME],
      until: Date.now() + 3_600_000,
    });
    await Deno.writeTextFile(`${stolen.directory}/forged.crt`, forged.certificate);
    await Deno.writeTextFile(`${stolen.directory}/forged.key`, forged.key);
    // From the voter itself: other hosts' packets are dropped before that.
    const asMember = async (cert: string, key: string) => {
      const words = ["-sSk", "--http1.1", "-m", "10", "-o", "/dev/null", "-w", "%{http_code}"];
      const url = "https://10.99.0.1:2480/members";
      return (await one.namespace.run(["curl", ...words, "--cert", cert, "--key", key, url]))
        .stdout;
    };
    assert.equal(await asMember(paths.peerCertificate, paths.peerKey), "200", "a voter is taken");
    for (const name of ["host", "forged"]) {
      const at = `${stolen.directory}/${name}`;
      assert.equal(await asMember(`${at}.crt`, `${at}.key`), "000", name);
    }
  });

  await step("a host gets no certificate for a name, another's name or address", async () => {
    const { id, address } = JSON.parse(
      await Deno.readTextFile(`${stolen.directory}/cluster.json`),
    ).host;
    const { request } = await createRequest(
      id,
      await Deno.readTextFile(`${stolen.directory}/host.key`),
    );
    const key = `netsvc-cluster/public/self/${id}/request`;
    const asked = [
      { name: "host-2", address: VOTER_NAME },
      { name: "host-2", address: "10.99.0.1" },
      { name: "host-2", address: "::ffff:10.99.0.2" },
      { name: "HOST-1", address },
      { name: "host-2\nforged", address },
    ];
    for (const host of asked) {
      const value = JSON.stringify({ v: 1, request, ...host });
      assert.equal((await etcdctl(attacker, stolen.directory, "put", key, value)).code, 0);
    }
    // Voters look at requests in their order: the one that is good comes after those that aren't.
    const good = JSON.stringify({ v: 1, request, name: "host-2", address });
    assert.equal((await etcdctl(attacker, stolen.directory, "put", key, good)).code, 0);
    const path = `netsvc-cluster/public/certificates/${id}`;
    let given = "";
    await until("it has the one that is good", async () => {
      given = (await etcdctl(attacker, stolen.directory, "get", path, "--print-value-only")).stdout;
      return given.trim() !== "";
    }, 20_000);
    const names = new X509Certificate(JSON.parse(given).certificate).subjectAltName;
    assert.equal(names, `IP Address:${address}`);
    // Answered, and so no request any more.
    assert.equal((await etcdctl(attacker, stolen.directory, "del", key)).code, 0);
  });

  await step(
    "what a host asks in a wrong way is refused in one line, and is no failure",
    async () => {
      for (
        const [path, body] of [
          ["/tokens", "{"],
          ["/tokens", '"x"'],
          ["/tokens", '{"ttl":1,"uses":1}'],
          ["/tokens/remove", '{"id":""}'],
          ["/expel", '{"id":""}'],
          ["/expel", "null"],
        ] as const
      ) {
        const answer = await ask(attacker, path, [...withCertificate, "-d", body]);
        assert.equal(answer.status, 400, `${path} ${body}: ${answer.body}`);
        assert.doesNotMatch(JSON.parse(answer.body).message, /\n/);
      }
    },
  );

  await step("it follows the state", async () => {
    watch = spawn(etcdctlWords(stolen.directory, "watch", "--prefix", "netsvc/"), {
      env: { ETCDCTL_API: "3" },
      namespace: attacker.path,
      stdout: "piped",
      stderr: "null",
    });
    (async () => {
      for await (const bytes of watch.stdout) heard += new TextDecoder().decode(bytes);
    })();
    let n = 0;
    await until("it hears", async () => {
      await one.ok("network", "create", "-d", "overlay", `seen${n++}`);
      return heard.includes("seen");
    }, 20_000);
  });

  await step("a living host isn't removed without -f, nor this one", async () => {
    await one.fails(1, /alive.*put it out with -f/, "host", "rm", "host-2");
    await one.fails(1, /this host itself.*cluster leave/, "host", "rm", "-f", "host-1");
  });

  await step("it is removed, from a host that is no voter", async () => {
    const removed = await three.run(["host", "rm", "-f", "host-2"]);
    if (removed.code === 0) return assert.match(removed.stdout, /host-2/);
    // Where it has been given a vote by now, the refusal names a voter to say it on.
    assert.match(removed.stderr, /it is a voter.*say "netsvc host rm host-2" on host host-1\n$/);
    await one.ok("host", "rm", "-f", "host-2");
  });

  await step("its certificate is refused by the store, and where hosts join", async () => {
    for (
      const words of [["get", "--prefix", "netsvc/"], ["put", "netsvc/x", "y"], [
        "endpoint",
        "health",
      ]]
    ) {
      assert.notEqual(
        (await etcdctl(attacker, stolen.directory, ...words)).code,
        0,
        words.join(" "),
      );
    }
    for (const path of ["/tokens", "/expel"]) {
      const { status } = await ask(attacker, path, withCertificate);
      assert.equal(status, 401, path);
    }
  });

  await step("and hears no more", async () => {
    const before = heard;
    await one.ok("network", "create", "-d", "overlay", "unseen");
    await one.ok("service", "publish", "secret.unseen");
    await until(
      "the others know",
      async () => /unseen/.test(await three.ok("network", "ls")),
      10_000,
    );
    assert.ok(!heard.slice(before.length).includes("unseen"), heard.slice(before.length));
    watch.kill("SIGKILL");
    await watch.status;
  });

  await step("no host lists it any more", async () => {
    for (const host of [one, three]) {
      assert.doesNotMatch(await host.ok("host", "ls"), /host-2/);
      assert.doesNotMatch(await host.ok("cluster", "status"), /host-2/);
    }
  });

  await step("a new token makes it one again, once it has left", async () => {
    await two.ok("cluster", "leave", "-f");
    await two.ok("cluster", "join", await cluster.token());
    assert.match(await one.ok("host", "ls"), /host-2/);
    // What was copied before stays out.
    assert.notEqual((await etcdctl(attacker, stolen.directory, "get", "netsvc/x")).code, 0);
    assert.equal((await ask(attacker, "/tokens", withCertificate)).status, 401);
  });
});

Deno.test("strangers get nothing where hosts join, and hold up nobody", async (t) => {
  await using cluster = await FormedCluster.create({ hosts: 2, apart: true });
  const [one, two] = cluster.hosts as [TestHost, TestHost];
  const step = (name: string, action: () => Promise<void>) =>
    t.step(name, () => cluster.explain(action));
  await one.ok("cluster", "init");
  const stranger = two.namespace;
  const good = parseToken(await cluster.token()) as OwnToken;
  const { request } = await createRequest("evil");
  const join = (token: { id: string; secret: string }, more: object = {}) =>
    ask(stranger, "/join", post({ token, request, host: HOST, ...more }));

  await step("a forged token, an unknown one, one that was removed, one that ended", async () => {
    const said = new Set<string>();
    const refused = async (token: { id: string; secret: string }) => {
      const { status, body } = await join(token);
      assert.equal(status, 401, body);
      said.add(body);
    };
    await refused({ id: good.id, secret: newSecret().secret });
    await refused(newSecret());
    const removed = parseToken(await cluster.token()) as OwnToken;
    await one.ok("cluster", "token", "rm", removed.id);
    await refused({ id: removed.id, secret: removed.secret });
    // One lasts a minute at least: the voter's own rights end it sooner.
    const ended = parseToken(await cluster.token()) as OwnToken;
    const key = `netsvc-cluster/secret/tokens/${ended.id}`;
    const asVoter = (...words: string[]) =>
      ok(
        etcdctlWords(`${one.stateDir}/cluster`, ...words)
          .map((word) => word.replace(/\/host\.(crt|key)$/, "/voter.$1")),
        { env: { ETCDCTL_API: "3" }, namespace: one.namespace.path },
      );
    const record = JSON.parse(await asVoter("get", key, "--print-value-only"));
    await asVoter("put", key, JSON.stringify({ ...record, expires: Date.now() - 1 }));
    await refused({ id: ended.id, secret: ended.secret });
    assert.doesNotMatch(await one.ok("cluster", "token", "ls"), new RegExp(ended.id));
    const late = await two.run(["cluster", "join", formatToken(ended)]);
    assert.match(late.stderr, /join token is not good: it has ended.*token create/);
    assert.match(await two.ok("cluster", "status"), /in no cluster/);
    assert.equal(said.size, 1, "all are told alike");
    assert.ok(![...said][0]!.includes(good.secret));
  });

  await step("malformed requests, huge bodies, other methods and paths", async () => {
    const token = { id: good.id, secret: good.secret };
    for (
      const [more, status] of [
        [{ request: "x" }, 400],
        [{ request: request.replace(/[A-Za-z0-9]{20}/, "A".repeat(20)) }, 400],
        [{ request: "A".repeat(5000) }, 400],
        [{ host: { ...HOST, id: "root" } }, 400],
        [{ host: { ...HOST, name: "../../x" } }, 400],
        [{ host: { ...HOST, address: "example.com" } }, 400],
        [{ extra: 1 }, 400],
      ] as const
    ) assert.equal((await join(token, more)).status, status, JSON.stringify(more).slice(0, 80));
    const huge = await Deno.makeTempFile({ prefix: "netsvc-test-" });
    await Deno.writeTextFile(huge, "x".repeat(4_000_000));
    const { status } = await ask(stranger, "/join", ["--data-binary", `@${huge}`]);
    assert.ok(status === 413 || status === 0, `${status}`);
    await Deno.remove(huge);
    for (const path of ["/tokens", "/expel", "/", "/netsvc/v1/networks"]) {
      assert.equal((await ask(stranger, path)).status, 401, path);
    }
    // None of these has spent anything.
    assert.match(await one.ok("cluster", "token", "ls"), new RegExp(good.id));
  });

  await step("the id of a host that is there, its name, its address", async () => {
    const own = JSON.parse(await Deno.readTextFile(`${one.stateDir}/cluster/cluster.json`)).host;
    const token = { id: good.id, secret: good.secret };
    for (
      const host of [{ ...HOST, id: own.id }, { ...HOST, name: "HOST-1" }, {
        ...HOST,
        address: "10.99.0.1",
      }]
    ) {
      const { status, body } = await join(token, { host });
      assert.equal(status, 409, body);
    }
    assert.match(await one.ok("cluster", "token", "ls"), new RegExp(good.id));
  });

  await step("a man in the middle with another authority is told nothing", async () => {
    const other = await createAuthority("netsvc cluster", Date.now() + 86_400_000);
    const server = await certifyNew(other, {
      commonName: "voter",
      names: ["127.0.0.1", "10.99.0.1"],
      until: Date.now() + 86_400_000,
    });
    const asked: string[] = [];
    const listener = https.createServer(
      { cert: server.certificate, key: server.key },
      (request, response) => {
        asked.push(`${request.method} ${request.url}`);
        response.end(other.certificate);
      },
    );
    await new Promise<void>((resolve) => listener.listen(0, "127.0.0.1", resolve));
    const { port } = listener.address() as { port: number };
    try {
      const { requestJoin } = await import("../../server/cluster/join/join_client.ts");
      const token: OwnToken = { ...good, addresses: [`127.0.0.1:${port}`] };
      await assert.rejects(
        requestJoin(token, { token: { id: good.id, secret: good.secret }, request, host: HOST }),
        { code: "unauthorized", message: /another authority; nothing was told/ },
      );
      assert.deepEqual(asked, ["GET /authority"]);
    } finally {
      listener.close();
      listener.closeAllConnections();
    }
    // One that shows the right certificate of the authority, and can't speak for it.
    const replayed: string[] = [];
    const replay = https.createServer(
      { cert: server.certificate, key: server.key },
      async (request, response) => {
        replayed.push(`${request.method} ${request.url}`);
        response.end(await Deno.readTextFile(`${one.stateDir}/cluster/ca.crt`));
      },
    );
    await new Promise<void>((resolve) => replay.listen(0, "127.0.0.1", resolve));
    try {
      const { requestJoin } = await import("../../server/cluster/join/join_client.ts");
      const { port } = replay.address() as { port: number };
      const token: OwnToken = { ...good, addresses: [`127.0.0.1:${port}`] };
      await assert.rejects(
        requestJoin(token, { token: { id: good.id, secret: good.secret }, request, host: HOST }),
        { code: "unauthorized", message: /can't show a certificate/ },
      );
      assert.deepEqual(replayed, ["GET /authority"]);
    } finally {
      replay.close();
      replay.closeAllConnections();
    }
  });

  await step("a flood of silent connections keeps no host from joining", async () => {
    const script =
      'for i in $(seq 10 309); do eval "exec $i<>/dev/tcp/10.99.0.1/2478"; done; echo open; sleep 60';
    const flood = spawn(["bash", "-c", script], {
      namespace: stranger.path,
      stdout: "piped",
      stderr: "null",
    });
    const opened = flood.stdout.getReader();
    const { value } = await opened.read();
    assert.match(new TextDecoder().decode(value), /open/);
    try {
      const third = await cluster.addHost();
      await third.ok("cluster", "join", formatToken(good));
      assert.match(await one.ok("host", "ls"), /host-3/);
    } finally {
      flood.kill("SIGKILL");
      await flood.status;
      await opened.cancel();
    }
  });

  await step("a token that was used is good no more", async () => {
    const { status } = await join({ id: good.id, secret: good.secret });
    assert.equal(status, 401);
  });
});
