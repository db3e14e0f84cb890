import assert from "node:assert/strict";
import { startDenoKv } from "../../tests/harness/denokv.ts";
import { Proxy } from "../../tests/harness/proxy.ts";
import { faulty, leftBehind, SharedServer } from "../../tests/harness/store_subjects.ts";
import { committed, put, until, Viewer } from "../testing/case.ts";
import { storeConformance, storeFaults } from "../testing/conformance.ts";
import { openStore } from "../open.ts";
import type { Store } from "../store.ts";

const open = (url: string): Promise<Store> => openStore(url, { stateDir: "/nonexistent" });

const shared = new SharedServer(startDenoKv);

storeConformance("denokv", () => shared.conforming());
storeFaults("denokv", { "0.14": () => faulty(startDenoKv, { ttl: 2000, vanishes: 10_000 }) });

Deno.test("commit() takes 32 checks with 32 writes while others write", async () => {
  const url = shared.url;
  await using store = await open(url);
  await using other = await open(url);
  const keys = Array.from({ length: 32 }, (_, i) => `k/${i}`);
  const checks = keys.map((key) => ({ key, revision: null }));
  const puts = keys.map((key) => ({ key, value: "v".repeat(1000) }));
  let writing = true;
  const noise = (async () => {
    for (let i = 0; writing; i++) await put(other, `noise/${i % 10}`, "1");
  })();
  const revision = committed(await store.commit({ checks, puts }));
  assert.deepEqual(await store.commit({ checks, puts }), { ok: false, failed: "k/0" });
  committed(
    await store.commit({ checks: keys.map((key) => ({ key, revision })), deletes: keys }),
  );
  writing = false;
  await noise;
  assert.deepEqual(await store.list("k/"), []);
});

Deno.test("commit() says how large a transaction may be", async () => {
  await using store = await open(shared.url);
  const values = Array.from({ length: 64 }, (_, i) => ({
    key: `k/${i}`,
    value: "x".repeat(100 * 1024),
  }));
  await assert.rejects(store.commit({ puts: values }), { code: "invalid", message: /split it$/ });
  assert.deepEqual(await store.list(""), []);
  committed(await store.commit({ puts: values.slice(0, 3) }));
});

Deno.test("watch() sees a transaction whose record holds not even its keys", async () => {
  await using store = await open(shared.url);
  await using viewer = new Viewer(store, "k/");
  await viewer.next();
  const keys = Array.from({ length: 64 }, (_, i) => `k/${"long".repeat(250)}/${i}`);
  committed(await store.commit({ puts: keys.map((key) => ({ key, value: "" })) }));
  await viewer.until((view) => view.size === 64);
});

Deno.test("watch() gets a fresh snapshot when the records that it needs are deleted", async () => {
  await using server = await startDenoKv();
  await leftBehind(server);
});

Deno.test("watch() gets a fresh snapshot of a store that was restored from a backup", async () => {
  await using server = await startDenoKv();
  await using store = await open(server.url);
  const file = `${server.directory}/data.sqlite`;
  await put(store, "k/old", "1");
  await server.stop();
  for (const end of ["", "-wal"]) {
    await Deno.copyFile(file + end, `${file}.backup${end}`).catch(() => {});
  }
  await server.start();
  await until(() => put(store, "k/new", "1").then(() => true, () => false), "it works");
  await using viewer = new Viewer(store, "k/");
  await viewer.next();
  assert.equal(viewer.view.size, 2);
  await server.stop();
  for (const end of ["", "-wal", "-shm"]) {
    await Deno.remove(file + end).catch(() => {});
    await Deno.copyFile(`${file}.backup${end}`, file + end).catch(() => {});
  }
  await server.start();
  await using writer = await open(server.url);
  await put(writer, "k/other", "1");
  await viewer.until((view) => view.has("k/other"));
  assert.deepEqual([...viewer.view.keys()].sort(), ["k/old", "k/other"]);
});

Deno.test("lease() of a holder that died is ended by others, with all of its keys", async () => {
  await using server = await startDenoKv();
  await using proxy = new Proxy(server);
  await using holder = await open(server.url.replace(server.endpoint, proxy.endpoint));
  await using other = await open(server.url);
  const lease = await holder.lease(1000);
  for (let i = 0; i < 120; i += 60) {
    const puts = Array.from({ length: 60 }, (_, n) => ({ key: `l/${i + n}`, value: "1", lease }));
    committed(await holder.commit({ puts }));
  }
  committed(await other.commit({ puts: [{ key: "l/7", value: "kept" }] }));
  await using viewer = new Viewer(other, "l/");
  await viewer.next();
  assert.equal(viewer.view.size, 120);
  proxy.refuse();
  const start = performance.now();
  await viewer.until((view) => view.size === 1);
  assert.ok(performance.now() - start > 500, "not at once");
  assert.deepEqual((await other.list("l/")).map(({ value }) => value), ["kept"]);
  assert.match((await lease.lost).message, /not renewed/);
});

Deno.test("lease() that an outage outlasts is given the time that was left of it", async () => {
  await using server = await startDenoKv();
  await using proxy = new Proxy(server);
  await using holder = await open(server.url.replace(server.endpoint, proxy.endpoint));
  await using other = await open(server.url);
  const ttl = 3000;
  const lease = await holder.lease(ttl);
  committed(await holder.commit({ puts: [{ key: "l/k", value: "1", lease }] }));
  proxy.refuse();
  await new Promise((resolve) => setTimeout(resolve, 800)); // The other has seen its last renewal.
  await server.stop("SIGKILL");
  await new Promise((resolve) => setTimeout(resolve, 1.2 * ttl));
  assert.match((await lease.lost).message, /not renewed/);
  await server.start();
  await until(() => other.get("l/k").then(() => true, () => false), "it works");
  // Its holder has time to take another one.
  for (const end = performance.now() + ttl / 3; performance.now() < end;) {
    assert.equal((await other.get("l/k"))?.value, "1");
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  await until(async () => !await other.get("l/k"), "it ends");
});

Deno.test("openStore() logs in by a token, and shows none", async () => {
  for (const token of ["?token=not-the-token", ""]) {
    const url = shared.url.replace(/\?.*/, token);
    await using store = await open(url);
    await assert.rejects(store.get("k"), (error: Error & { code: string }) => {
      assert.equal(error.code, "unauthorized", String(error));
      assert.doesNotMatch(error.message, /not-the-token/);
      return true;
    });
  }
});

Deno.test("openStore() says that a server is no Deno KV", async () => {
  await using web = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen() {} }, () => {
    return new Response("Hello", { status: 404 });
  });
  await using store = await open(`denokv:http://127.0.0.1:${web.addr.port}?token=t`);
  await assert.rejects(store.get("k"), { code: "unsupported", message: /status 404: Hello$/ });
});
