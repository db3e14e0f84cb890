import assert from "node:assert/strict";
import { makeCertificates } from "../../tests/harness/certificates.ts";
import type { TestServer } from "../../tests/harness/server.ts";
import {
  conformingVersions,
  faultyVersions,
  leftBehind,
  SharedServer,
} from "../../tests/harness/store_subjects.ts";
import { fourLetters, startZooKeeper } from "../../tests/harness/zookeeper.ts";
import { committed, pairs, put, until, Viewer } from "../testing/case.ts";
import { storeConformance, storeFaults } from "../testing/conformance.ts";
import { openStore } from "../open.ts";
import type { Store } from "../store.ts";
import { parseStoreUrl } from "../url/url.ts";
import { Connection } from "./connection.ts";
import { Follower } from "./follower.ts";
import { readSnapshot } from "./history.ts";
import { Layout } from "./layout.ts";

const open = (url: string): Promise<Store> => openStore(url, { stateDir: "/nonexistent" });

const shared = new SharedServer(startZooKeeper);

for (const { name, conforming } of conformingVersions("zookeeper", startZooKeeper)) {
  storeConformance(name, conforming);
}
// Sessions of the servers of tests last 1 s to 10 s.
const times = { ttl: 2000, vanishes: 10_000 };
storeFaults("zookeeper", faultyVersions("zookeeper", startZooKeeper, times));

/** A connection beside stores, and the layout of the store at a URL. */
async function lookInside(url: string): Promise<{ connection: Connection; layout: Layout }> {
  const { endpoints: [endpoint], prefix } = parseStoreUrl(url);
  const connection = await Connection.open(endpoint!, { timeout: 10_000, url: {} });
  return { connection, layout: new Layout(prefix) };
}

/** Copies a directory of a server's. */
async function copy(directory: string, from: string, to: string): Promise<void> {
  await Deno.remove(`${directory}/${to}`, { recursive: true }).catch(() => {});
  const { success } = await new Deno.Command("cp", {
    args: ["-r", `${directory}/${from}`, `${directory}/${to}`],
  }).output();
  assert.ok(success);
}

/** Puts `k/old` and makes the backup that has nothing else. */
async function putAndBackUp(server: TestServer, store: Store): Promise<void> {
  await put(store, "k/old", "1");
  await server.stop();
  await copy(server.directory, "data", "backup");
  await server.start();
}

Deno.test("commit() says how large a transaction may be, and takes all that is smaller", async () => {
  await using store = await open(shared.url);
  await using viewer = new Viewer(store, "k/");
  await viewer.next();
  const values = Array.from({ length: 11 }, (_, i) => ({
    key: `k/${i}`,
    value: "x".repeat(100 * 1024),
  }));
  const large = { code: "invalid", message: /bytes is too large for ZooKeeper.*split it$/ };
  await assert.rejects(store.commit({ puts: values }), large);
  assert.deepEqual(await store.list(""), []);
  const revision = committed(await store.commit({ puts: values.slice(0, 9) }));
  await viewer.until((view) => view.size === 9);
  assert.ok([...viewer.view.values()].every((entry) => entry.revision === revision));
});

Deno.test("watch() gets a fresh snapshot when the records that it needs are deleted", async () => {
  await using server = await startZooKeeper();
  await leftBehind(server);
  const { connection, layout } = await lookInside(server.url);
  const names = (await connection.children(layout.log))!.names;
  assert.ok(names.length < 1300, `${names.length} records`);
  await connection.close();
});

Deno.test("watch() gets a fresh snapshot of a store that was restored from a backup", async () => {
  await using server = await startZooKeeper();
  await using store = await open(server.url);
  await putAndBackUp(server, store);
  await until(() => put(store, "k/new", "1").then(() => true, () => false), "it works");
  await using viewer = new Viewer(store, "k/");
  await viewer.next();
  assert.equal(viewer.view.size, 2);
  await server.stop();
  await copy(server.directory, "backup", "data");
  await server.start();
  // As many transactions as were lost: the numbers are the same, and the history is not.
  await using writer = await open(server.url);
  await put(writer, "k/other", "1");
  await viewer.until((view) => view.has("k/other"));
  assert.deepEqual([...viewer.view.keys()].sort(), ["k/old", "k/other"]);
  const revision = await put(store, "k/last", "1");
  await viewer.until((view) => view.get("k/last")?.revision === revision);
});

Deno.test("Follower tells of a restored backup also where only a snapshot has seen what is lost", async () => {
  await using server = await startZooKeeper();
  await using store = await open(server.url);
  await putAndBackUp(server, store);
  const works = () => until(() => store.get("k/old").then(() => true, () => false), "it works");
  await works();
  const { connection, layout } = await lookInside(server.url);
  let resyncs = 0;
  const follower = new Follower(layout, { publish: () => {}, resync: () => void resyncs++ });
  await follower.start(connection);
  follower.stop();
  await put(store, "k/new", "1");
  follower.observed(await readSnapshot({ connection, layout }, ""));
  await connection.close();
  await server.stop();
  await copy(server.directory, "backup", "data");
  await server.start();
  await works();
  const restored = await lookInside(server.url);
  assert.equal(resyncs, 1);
  await follower.start(restored.connection);
  assert.equal(resyncs, 2);
  follower.stop();
  // The same history again is none.
  await follower.start(restored.connection);
  assert.equal(resyncs, 2);
  follower.stop();
  await restored.connection.close();
});

Deno.test("lease() makes its keys vanish within moments of its session's end", async () => {
  const url = shared.url;
  await using store = await open(url);
  await using other = await open(url);
  const lease = await store.lease(2000);
  const puts = ["l/a", "l/b"].map((key) => ({ key, value: "1", lease }));
  committed(await store.commit({ puts }));
  await using viewer = new Viewer(other, "l/");
  await viewer.next();
  const { connection, layout } = await lookInside(url);
  const start = performance.now();
  await connection.multi([{ type: "delete", path: layout.lease(lease.id) }]);
  await viewer.next();
  const took = performance.now() - start;
  assert.deepEqual(viewer.deleted.toSorted(), ["l/a", "l/b"], "in one moment");
  assert.ok(took < 1000, `${took} ms`);
  assert.match((await lease.lost).message, /deleted/);
  // Both stores know of it, and one of them deletes the nodes.
  await until(async () => {
    await other.list("l/");
    return !await connection.get(layout.key("l/a")) && !await connection.get(layout.key("l/b"));
  }, "the nodes are deleted");
  await connection.close();
});

Deno.test("list() deletes directories that were left empty", async () => {
  const url = shared.url;
  await using store = await open(url);
  await put(store, "d/1/k", "1");
  committed(await store.commit({ deletes: ["d/1/k"] }));
  const { connection, layout } = await lookInside(url);
  await until(async () => {
    assert.deepEqual(await store.list(""), []);
    return !await connection.get(layout.directory("d/1"));
  }, "the directory is deleted");
  await put(store, "d/1/k", "2");
  assert.deepEqual(pairs(await store.list("")), [["d/1/k", "2"]]);
  await connection.close();
});

Deno.test("a hundred watches read the head once per transaction", async () => {
  await using server = await startZooKeeper();
  await using store = await open(server.url);
  await using stack = new AsyncDisposableStack();
  const viewers = Array.from({ length: 100 }, (_, i) => stack.use(new Viewer(store, `w/${i}/`)));
  await Promise.all(viewers.map((viewer) => viewer.next()));
  const received = async () =>
    Number(/Received: (\d+)/.exec(await fourLetters(server, "stat"))![1]);
  const before = await received();
  for (let i = 0; i < 100; i++) await put(store, "w/7/k", `${i}`);
  await viewers[7]!.until((view) => view.get("w/7/k")?.value === "99");
  const requests = await received() - before;
  assert.ok(requests < 1500, `${requests} requests for 100 transactions`);
});

Deno.test("openStore() logs in by digest, and others are refused", async () => {
  await using server = await startZooKeeper();
  const as = (login: string) => open(`zk://${login}${server.endpoint}/private`);
  await using owner = await as("me:secret@");
  await put(owner, "k/a", "1");
  for (const login of ["me:wrong@", ""]) {
    await using stranger = await as(login);
    for (const call of [() => stranger.get("k/a"), () => put(stranger, "k/b", "1")]) {
      await assert.rejects(call(), { code: "unauthorized", message: /belong to another user/ });
    }
  }
  await using again = await as("me:secret@");
  assert.deepEqual(pairs(await again.list("")), [["k/a", "1"]]);
});

Deno.test("openStore() speaks TLS, and refuses a server that it doesn't trust", async () => {
  await using certificates = await makeCertificates();
  await using others = await makeCertificates();
  await using server = await startZooKeeper({ tls: certificates });
  const { ca, cert, key } = certificates;
  await using store = await open(`zks:${server.endpoint}?ca=${ca}&cert=${cert}&key=${key}`);
  // The first handshake of a Java machine that has just started may take longer than a call may.
  await until(() => put(store, "k/a", "1").then(() => true, () => false), "it answers");
  assert.deepEqual(pairs(await store.list("")), [["k/a", "1"]]);
  await using wary = await open(`zks:${server.endpoint}?ca=${others.ca}&cert=${cert}&key=${key}`);
  let refusal: { code?: string; message?: string } = {};
  await until(async () => {
    refusal = await wary.get("k/a").then(() => assert.fail("it trusts"), (error) => error);
    return !["unavailable", "timeout"].includes(refusal.code ?? "");
  }, "it is refused");
  assert.equal(refusal.code, "unauthorized");
  assert.match(refusal.message ?? "", /TLS/);
});

Deno.test("openStore() uses the server that is there of several", async () => {
  await using server = await startZooKeeper();
  await using store = await open(`zk:127.0.0.1:1,${server.endpoint},127.0.0.1:2/several`);
  await put(store, "k/a", "1");
  await server.stop("SIGKILL");
  await server.start();
  await until(() => store.get("k/a").then(() => true, () => false), "it is there again");
});
