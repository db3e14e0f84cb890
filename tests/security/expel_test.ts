/** A host of a cluster in wrong hands takes the cluster away from nobody, and doesn't come back once it was put out. */
import assert from "node:assert/strict";
import { createRequest } from "../../lib/x509/x509.ts";
import { type OwnToken, parseToken } from "../../server/cluster/control/token.ts";
import { clusterPaths } from "../../server/cluster/files/cluster_paths.ts";
import { ok, until } from "../harness/command.ts";
import { FormedCluster } from "../harness/formed.ts";
import type { TestHost } from "../harness/host.ts";
import { SERVERS } from "../harness/versions.ts";

const VOTER = "10.99.0.1";

/** Asks the voter where hosts join, as a host with copied files. */
async function post(from: TestHost, path: string, { body, directory }: {
  body: unknown;
  directory?: string;
}): Promise<{ status: number; body: string }> {
  const shown = directory === undefined
    ? []
    : ["--cert", `${directory}/host.crt`, "--key", `${directory}/host.key`];
  const { stdout } = await from.namespace.run([
    ...["curl", "-sS", "-k", "-m", "20", "-w", "\n%{http_code}", ...shown],
    ...["-d", JSON.stringify(body), `https://${VOTER}:2478${path}`],
  ]);
  const at = stdout.trimEnd().lastIndexOf("\n");
  return { status: Number(stdout.trimEnd().slice(at + 1)), body: stdout.slice(0, at) };
}

async function idOf(host: TestHost): Promise<string> {
  return JSON.parse(await Deno.readTextFile(`${host.stateDir}/cluster/cluster.json`)).host.id;
}

Deno.test("a host without a vote puts out no voter, and comes back by no token of its own", async (t) => {
  await using cluster = await FormedCluster.create({ hosts: 2 });
  const [one, two] = cluster.hosts as [TestHost, TestHost];
  const step = (name: string, action: () => Promise<void>) =>
    t.step(name, () => cluster.explain(action));
  const directory = await Deno.makeTempDir({ prefix: "netsvc-test-" });
  await ok(["cp", "-a", `${two.stateDir}/cluster/.`, directory]);
  let made!: OwnToken;

  await step("the only voter is refused in one line, whoever asks, and goes on", async () => {
    const answer = await post(two, "/expel", { body: { id: await idOf(one) }, directory });
    assert.equal(answer.status, 409, answer.body);
    assert.match(JSON.parse(answer.body).message, /host-1: it is the cluster's only voter/);
    const removed = await two.run(["host", "rm", "-f", "host-1"]);
    assert.equal(removed.code, 1);
    assert.match(removed.stderr, /^[^\n]*only voter[^\n]*\n$/);
    for (const id of ["root", `voter-${(await idOf(one)).slice(0, 40)}`]) {
      const { body } = await post(two, "/expel", { body: { id }, directory });
      assert.match(body, /"expelled":false/);
    }
    await one.ok("network", "create", "-d", "overlay", "goes-on");
    await one.ok("cluster", "token", "create", "-q");
  });

  await step("its tokens last a day at most, for 100 hosts, and end with it", async () => {
    const long = await post(two, "/tokens", { body: { ttl: 30 * 86_400_000, uses: 1 }, directory });
    assert.equal(long.status, 400, long.body);
    const many = await post(two, "/tokens", { body: { ttl: 60_000, uses: 101 }, directory });
    assert.equal(many.status, 400, many.body);
    const { body } = await post(two, "/tokens", { body: { ttl: 3_600_000, uses: 5 }, directory });
    made = parseToken(JSON.parse(body).token) as OwnToken;
    await one.ok("host", "rm", "-f", "host-2");
    const { request } = await createRequest("evil");
    const joined = await post(two, "/join", {
      body: {
        token: { id: made.id, secret: made.secret },
        request,
        host: { id: "e".repeat(64), name: "evil", address: "10.99.0.2" },
      },
    });
    assert.equal(joined.status, 401, joined.body);
  });

  await step("a token is read from standard input", async () => {
    await two.ok("cluster", "leave", "-f");
    const empty = await two.run(["cluster", "join", "-"], { stdin: "\n" });
    assert.match(empty.stderr, /no join token on standard input/);
    const stdin = `${await cluster.token()}\n`;
    const joined = await two.run(["cluster", "join", "-"], { stdin });
    assert.equal(joined.code, 0, joined.stderr);
    assert.match(await one.ok("host", "ls"), /host-2/);
  });

  await step("recover makes the voter's user again, if somebody has deleted it", async () => {
    const paths = clusterPaths(one.stateDir);
    await one.namespace.ok([
      ...["env", "ETCDCTL_API=3", `${SERVERS}/etcd/usr/bin/etcdctl`],
      ...[`--endpoints=https://${VOTER}:2479`, `--cacert=${paths.ca}`],
      ...[`--cert=${paths.voterCertificate}`, `--key=${paths.voterKey}`],
      ...["user", "delete", `voter-${await idOf(one)}`],
    ]);
    assert.notEqual((await one.run(["cluster", "token", "create", "-q"])).code, 0);
    await one.ok("cluster", "recover", "-f", "--yes");
    await until("it makes tokens", async () => {
      return (await one.run(["cluster", "token", "create", "-q"])).code === 0;
    }, 30_000);
  });

  await step("leave -f goes on where another authority is in the voter's place", async () => {
    // The etcd was begun anew just now: this host may not have its store again yet.
    await until("host-2 is out", async () => {
      return (await one.run(["host", "rm", "-f", "host-2"])).code === 0;
    }, 30_000);
    await one.ok("cluster", "leave", "-f");
    await one.ok("cluster", "init");
    await two.ok("cluster", "leave", "-f");
    await two.ok("cluster", "join", await cluster.token());
  });
  await Deno.remove(directory, { recursive: true });
});
