/** Consul's leases on three real servers, and the nodes that they are on. */
import assert from "node:assert/strict";
import { ok, run } from "../../tests/harness/command.ts";
import { startConsul } from "../../tests/harness/consul.ts";
import { Ensemble } from "../../tests/harness/ensemble.ts";
import type { TestServer } from "../../tests/harness/server.ts";
import { program } from "../../tests/harness/versions.ts";
import { committed, put, until } from "../testing/case.ts";
import { openStore } from "../open.ts";
import { Renewals } from "../leases/renewal.ts";
import { parseStoreUrl } from "../url/url.ts";
import { readStoreFiles } from "../url/url_files.ts";
import { Http } from "./http.ts";
import { Nodes } from "./nodes.ts";
import { Sessions } from "./sessions.ts";

const options = { stateDir: "/nonexistent" };

/** Names of the nodes that no agent is behind. */
async function ownNodes(server: TestServer): Promise<string[]> {
  const text = await ok(["curl", "-fsS", `http://${server.endpoint}/v1/catalog/nodes`]);
  return (JSON.parse(text) as { Node: string }[]).map(({ Node }) => Node)
    .filter((name) => name.startsWith("netsvc-"));
}

Deno.test("consul - the end of a server ends no lease that was taken from it", async () => {
  await using ensemble = await Ensemble.start("consul");
  const leader = await ensemble.leader();
  const [victim, other] = [0, 1, 2].filter((index) => index !== leader)
    .map((index) => ensemble.members[index]!) as [TestServer, TestServer];
  await using stack = new AsyncDisposableStack();
  const lost: string[] = [];
  for (const [i, { endpoint }] of ensemble.members.entries()) {
    const one = stack.use(await openStore(`consul:${endpoint}`, options));
    const lease = await one.lease(10_000);
    committed(await one.commit({ puts: [{ key: `k/${i}`, value: "1", lease }] }));
    if (ensemble.members[i] !== victim) lease.lost.then(({ message }) => lost.push(message));
  }
  const reader = stack.use(await openStore(`consul:${other.endpoint}`, options));
  assert.equal((await reader.list("k/")).length, 3);
  const killed = performance.now();
  await victim.stop("SIGKILL");
  const sessions = JSON.parse(
    await ok(["curl", "-fsS", `http://${other.endpoint}/v1/session/list`]),
  ) as { ID: string }[];
  assert.equal(sessions.length, 3);
  const name = `n${ensemble.members.indexOf(victim)}`;
  await until(async () => {
    // As each host does by the servers that are left.
    for (const { ID } of sessions) {
      const renew = `http://${other.endpoint}/v1/session/renew/${ID}`;
      await run(["curl", "-fsS", "-X", "PUT", renew]);
    }
    const argv = [program("consul"), "members", `-http-addr=http://${other.endpoint}`];
    const members = await ok(argv);
    const nodes = await ok(["curl", "-fsS", `http://${other.endpoint}/v1/catalog/nodes`]);
    return !new RegExp(`^${name} .* (alive|failed) `, "m").test(members) &&
      !nodes.includes(`"Node":"${name}"`);
  }, "autopilot takes the server out");
  assert.equal((await reader.list("k/")).length, 3, `${performance.now() - killed} ms later`);
  await put(reader, "k/after", "1");
  assert.deepEqual(lost, []);
});

Deno.test("consul - nodes of leases go with them, and of dead hosts soon after", async () => {
  await using server = await startConsul();
  {
    await using store = await openStore(server.url, options);
    const lease = await store.lease(10_000);
    assert.equal((await ownNodes(server)).length, 1);
    await lease.revoke();
    assert.deepEqual(await ownNodes(server), []);
    await store.lease(10_000);
  }
  // That host is dead: its lease ends, its node stays.
  assert.equal((await ownNodes(server)).length, 1);
  const parsed = parseStoreUrl(server.url);
  const url = await readStoreFiles(parsed);
  const renewals = new Renewals(parsed, url, "");
  const http = new Http(url, renewals);
  // Another store's in the same Consul looks at its own alone.
  const sessions = ["netsvc", "another"].map((store) =>
    new Sessions(http, new Nodes(http, store, 500))
  );
  try {
    const leases = await Promise.all(sessions.map((one) => one.grant(10_000)));
    const held = async () => (await ownNodes(server)).length;
    assert.equal(await held(), 3);
    await until(async () => await held() === 2, "the dead host's node is removed");
    await new Promise((resolve) => setTimeout(resolve, 2000));
    assert.equal(await held(), 2, "those of living hosts stay");
    for (const lease of leases) await lease.revoke();
    assert.equal(await held(), 0);
  } finally {
    for (const one of sessions) one.close();
    http.close();
  }
});

Deno.test("consul - a token that may not make nodes has leases all the same", async () => {
  const root = crypto.randomUUID();
  await using server = await startConsul({ token: root });
  const api = async (path: string, body: unknown) =>
    JSON.parse(
      await ok([
        ...["curl", "-fsS", "-X", "PUT", "-H", `X-Consul-Token: ${root}`],
        ...["-d", JSON.stringify(body), `http://${server.endpoint}/v1/acl/${path}`],
      ]),
    );
  const rules =
    'key_prefix "netsvc/" { policy = "write" }\nsession_prefix "" { policy = "write" }\n';
  const token = async (Name: string, Rules: string) => {
    await api("policy", { Name, Rules });
    return (await api("token", { Policies: [{ Name }] })).SecretID;
  };
  const may = 'node_prefix "netsvc-" { policy = "write" }\n';
  for (const [name, more, nodes] of [["old", "", 0], ["new", may, 1]] as const) {
    const url = `${server.url}?token=${await token(name, rules + more)}`;
    await using store = await openStore(url, options);
    const lease = await store.lease(10_000);
    committed(await store.commit({ puts: [{ key: "k", value: name, lease }] }));
    const listed = await ok([
      ...["curl", "-fsS", "-H", `X-Consul-Token: ${root}`],
      `http://${server.endpoint}/v1/catalog/nodes`,
    ]);
    assert.equal(listed.split('"Node":"netsvc-').length - 1, nodes, name);
    await lease.revoke();
  }
});
