import assert from "node:assert/strict";
import { makeCertificates } from "../../tests/harness/certificates.ts";
import { startConsul } from "../../tests/harness/consul.ts";
import {
  etcdBackUp,
  etcdctl,
  etcdRestore,
  etcdRestoreSnapshot,
  startEtcd,
} from "../../tests/harness/etcd.ts";
import { Proxy } from "../../tests/harness/proxy.ts";
import { VERSIONS } from "../../tests/harness/versions.ts";
import type { TestServer } from "../../tests/harness/server.ts";
import { committed, pairs, put, until, Viewer, withDeadline } from "../testing/case.ts";
import { openStore } from "../open.ts";

/** gRPC's timers of a connection that failed run out: two pauses of at most 1.2 s, of which the second
 * comes where another attempt was wanted before the channel was closed. */
const settle = () => new Promise((resolve) => setTimeout(resolve, 3000));

const options = { stateDir: "/nonexistent" };

Deno.test("etcd - a watch whose revisions are compacted begins anew", async () => {
  await using server = await startEtcd();
  await using proxy = new Proxy(server);
  await using store = await openStore(`etcd:${proxy.endpoint}`, options);
  await using writer = await openStore(server.url, options);
  await using viewer = new Viewer(store, "k/");
  await viewer.next();
  await put(writer, "k/a", "1");
  await viewer.until((view) => view.has("k/a"));
  proxy.refuse();
  committed(await writer.commit({ deletes: ["k/a"] }));
  let last = "";
  for (let i = 0; i < 50; i++) last = await put(writer, "k/b", `${i}`);
  await etcdctl(server, ["compact", `${Number(last)}`]);
  proxy.heal();
  await viewer.until((view) => view.get("k/b")?.value === "49");
  assert.deepEqual(pairs(viewer.view.values()), [["k/b", "49"]]);
  await put(writer, "k/c", "1");
  await viewer.until((view) => view.has("k/c"));
  proxy.refuse();
  await settle();
});

/** Goes on with a store that has lost what came after its backup. */
async function restoredIsSeen(
  server: TestServer,
  backUp: () => Promise<void>,
  restore: () => Promise<void>,
): Promise<void> {
  await using store = await openStore(server.url, options);
  await put(store, "k/old", "1");
  await put(store, "q/a", "kept");
  await backUp();
  await put(store, "q/a", "lost");
  const lease = await store.lease(60_000);
  committed(await store.commit({ puts: [{ key: "k/leased", value: "1", lease }] }));
  for (let i = 0; i < 20; i++) await put(store, `k/${i}`, "lost");
  await using viewer = new Viewer(store, "k/");
  await viewer.next();
  assert.equal(viewer.view.size, 22);
  const again = {};
  assert.deepEqual(pairs(await store.list("q/", { again })), [["q/a", "lost"]]);
  await server.stop("SIGTERM");
  await restore();
  await server.start();
  // More than there was before the restore, so that the revision doesn't tell.
  for (let i = 0; i < 40; i++) {
    await until(() => put(store, "k/new", `${i}`).then(() => true, () => false), "a put");
  }
  // As many keys as before, and none of them changed since.
  assert.deepEqual(pairs(await store.list("q/", { again })), [["q/a", "kept"]]);
  await viewer.until((view) => view.get("k/new")?.value === "39");
  assert.deepEqual(pairs(viewer.view.values()).sort(), [["k/new", "39"], ["k/old", "1"]]);
  const error = await withDeadline(lease.lost, 60_000, "the lease is lost");
  assert.match(error.message, /restored from a backup/);
  await assert.rejects(
    store.commit({ puts: [{ key: "k/leased", value: "1", lease }] }),
    { code: "conflict" },
  );
}

Deno.test("etcd - a store restored from a backup is seen as it is", async () => {
  await using server = await startEtcd();
  await restoredIsSeen(server, () => etcdBackUp(server), () => etcdRestore(server));
});

Deno.test("etcd - a store restored from a snapshot is seen as it is", async () => {
  await using server = await startEtcd({ version: "3.4" });
  const snapshot = `${server.directory}/snapshot`;
  await restoredIsSeen(
    server,
    async () => void await etcdctl(server, ["snapshot", "save", snapshot]),
    () => etcdRestoreSnapshot(server, snapshot),
  );
});

Deno.test("etcd - a login is needed, refused and accepted, and outlives a restart", async () => {
  await using server = await startEtcd();
  for (
    const words of [
      ["user", "add", "root:secret"],
      ["user", "grant-role", "root", "root"],
      ["user", "add", "me:p@ss/w"],
      ["role", "add", "mine"],
      ["role", "grant-permission", "mine", "readwrite", "netsvc/", "--prefix=true"],
      ["user", "grant-role", "me", "mine"],
      ["auth", "enable"],
    ]
  ) await etcdctl(server, words);
  const url = (userinfo: string, prefix = "") => `etcd://${userinfo}${server.endpoint}${prefix}`;
  const refused = async (flag: string, message: RegExp) => {
    await assert.rejects(openStore(flag, options), (error: Error & { code?: string }) => {
      assert.equal(error.code, "unauthorized");
      assert.match(error.message, message);
      assert.doesNotMatch(error.message, /wrong|p@ss|p%40ss|\n/);
      return true;
    });
  };
  await refused(url(""), /user name is empty/);
  await refused(url("me:wrong@"), /refuses the login: authentication failed/);
  await refused(url("nobody:wrong@"), /refuses the login/);
  await refused(url("me:p%40ss%2Fw@", "/other"), /permission denied/);
  await using store = await openStore(url("me:p%40ss%2Fw@"), options);
  await put(store, "k", "1");
  await using viewer = new Viewer(store, "k");
  await viewer.next();
  // Tokens of etcd's are gone with the process.
  await server.stop("SIGKILL");
  await server.start();
  await until(() => put(store, "k", "2").then(() => true, () => false), "logged in again");
  await viewer.until((view) => view.get("k")?.value === "2");
});

Deno.test("etcd - a login is no hindrance where none is asked for", async () => {
  await using server = await startEtcd();
  await using store = await openStore(`etcd://me:pass@${server.endpoint}`, options);
  await put(store, "k", "1");
});

Deno.test("etcd - TLS with certificates of both sides, and without trust", async () => {
  await using certificates = await makeCertificates();
  await using other = await makeCertificates();
  await using server = await startEtcd({ tls: certificates });
  const { ca, cert, key } = certificates;
  const at = `etcd:${server.endpoint}`;
  {
    await using store = await openStore(`${at}?ca=${ca}&cert=${cert}&key=${key}`, options);
    await put(store, "k", "1");
    const env = { NETSVC_KV_CA: ca, NETSVC_KV_CERT: cert, NETSVC_KV_KEY: key };
    await using same = await openStore(at, { ...options, env });
    assert.equal((await same.get("k"))?.value, "1");
    const name = `etcd:localhost:${server.port}?ca=${ca}&cert=${cert}&key=${key}`;
    await using named = await openStore(name, options);
    assert.equal((await named.get("k"))?.value, "1");
  }
  const refused = { code: "unauthorized", message: /has no trusted connection/ };
  await assert.rejects(openStore(`${at}?tls=true`, options), refused);
  await assert.rejects(
    openStore(`${at}?ca=${other.ca}&cert=${cert}&key=${key}`, options),
    refused,
  );
  await assert.rejects(
    openStore(`${at}?ca=${ca}&cert=${other.cert}&key=${other.key}`, options),
    refused,
  );
  await assert.rejects(openStore(at, options), { code: "unauthorized", message: /speaks TLS/ });
  await settle();
});

Deno.test("etcd - a certificate of another address or name is refused", async () => {
  await using certificates = await makeCertificates("IP:127.0.0.9,DNS:other");
  await using server = await startEtcd({ tls: certificates, insecureProbe: true });
  const { ca, cert, key } = certificates;
  for (const host of ["127.0.0.1", "localhost"]) {
    await assert.rejects(
      openStore(`etcd:${host}:${server.port}?ca=${ca}&cert=${cert}&key=${key}`, options),
      { code: "unauthorized", message: /has no trusted connection/ },
      host,
    );
  }
  await settle();
});

Deno.test("etcd - the next endpoint does what the first doesn't", async () => {
  await using server = await startEtcd();
  await using dead = new Proxy(server);
  await using mute = new Proxy(server);
  dead.refuse();
  mute.stall();
  const list = [dead, mute, server].map(({ endpoint }) => endpoint).join(",");
  for (let i = 0; i < 4; i++) {
    await using store = await openStore(`etcd:${list}`, options);
    const start = performance.now();
    await until(() => put(store, "k", `${i}`).then(() => true, () => false), "a put");
    assert.ok(performance.now() - start < 9000);
    await using viewer = new Viewer(store, "k");
    await viewer.next();
    assert.equal(viewer.view.get("k")?.value, `${i}`);
  }
  await settle();
});

Deno.test("etcd - what is no etcd is told apart from what is away", async () => {
  await using consul = await startConsul();
  const start = performance.now();
  await assert.rejects(
    openStore(`etcd:${consul.endpoint}`, options),
    { code: "unsupported", message: /^The store "etcd:.*" is not an etcd/ },
  );
  assert.ok(performance.now() - start < 4500);
  await settle();
});

Deno.test("etcd - a transaction over the server's limit is refused with the reason", async () => {
  await using server = await startEtcd();
  await using store = await openStore(server.url, options);
  const puts = Array.from({ length: 30 }, (_, i) => ({ key: `k/${i}`, value: "x".repeat(90_000) }));
  await assert.rejects(store.commit({ puts }), { code: "invalid", message: /split it$/ });
  assert.deepEqual(await store.list(""), []);
});

Deno.test("etcd - hundreds of watches share one connection", async () => {
  await using server = await startEtcd();
  await using proxy = new Proxy(server);
  await using store = await openStore(`etcd:${proxy.endpoint}`, options);
  await using stack = new AsyncDisposableStack();
  const viewers = Array.from({ length: 300 }, (_, i) => stack.use(new Viewer(store, `k/${i}/`)));
  await Promise.all(viewers.map((viewer) => viewer.next()));
  assert.equal(proxy.accepted, 1);
  await Promise.all(viewers.map((_, i) => put(store, `k/${i}/x`, `${i}`)));
  await Promise.all(viewers.map((viewer, i) => viewer.until((view) => view.has(`k/${i}/x`))));
});

Deno.test("etcd - a stream is alive where nobody writes", async () => {
  // Since 3.6 no progress is told of watches that begin with the next revision.
  await Promise.all(VERSIONS.etcd.map(async (version) => {
    await using server = await startEtcd({ version });
    await using proxy = new Proxy(server);
    await using store = await openStore(`etcd:${proxy.endpoint}`, options);
    await using viewer = new Viewer(store, "k/");
    await viewer.next();
    const more = viewer.next();
    let told = false;
    more.then(() => told = true, () => {});
    await new Promise((resolve) => setTimeout(resolve, 10_000));
    assert.ok(!told && proxy.accepted === 1, `etcd ${version}: ${proxy.accepted} connections`);
    await put(store, "k/end", "1");
    assert.equal((await more).type, "changes", version);
  }));
});
