import assert from "node:assert/strict";
import { makeCertificates } from "../../tests/harness/certificates.ts";
import { ok } from "../../tests/harness/command.ts";
import { startConsul } from "../../tests/harness/consul.ts";
import { startEtcd } from "../../tests/harness/etcd.ts";
import { Proxy } from "../../tests/harness/proxy.ts";
import { program } from "../../tests/harness/versions.ts";
import { committed, pairs, put, until, Viewer } from "../testing/case.ts";
import { openStore } from "../open.ts";

const options = { stateDir: "/nonexistent" };

Deno.test("consul - a token is needed, refused and accepted", async () => {
  const token = crypto.randomUUID();
  await using server = await startConsul({ token });
  const refused = async (flag: string, env = {}) => {
    const opening = openStore(flag, { ...options, env });
    await assert.rejects(opening, (error: Error & { code?: string }) => {
      assert.equal(error.code, "unauthorized");
      assert.match(error.message, /^The store "consul:.*" refuses the login: .*; check the token$/);
      assert.doesNotMatch(error.message, /0000/);
      return true;
    });
  };
  await refused(`${server.url}?token=00000000-0000-4000-8000-000000000000`);
  await refused(server.url, { CONSUL_HTTP_TOKEN: "00000000-0000-4000-8000-000000000000" });
  await using store = await openStore(`${server.url}?token=${token}`, options);
  await put(store, "k", "1");
  await using same = await openStore(server.url, {
    ...options,
    env: { CONSUL_HTTP_TOKEN: token },
  });
  assert.equal((await same.get("k"))?.value, "1");
});

Deno.test("consul - TLS with certificates of both sides, and without trust", async () => {
  await using certificates = await makeCertificates();
  await using server = await startConsul({ tls: certificates });
  const { ca, cert, key } = certificates;
  {
    await using store = await openStore(
      `${server.url}?ca=${ca}&cert=${cert}&key=${key}`,
      options,
    );
    await put(store, "k", "1");
  }
  const refused = { code: "unauthorized", message: /has no trusted connection/ };
  await assert.rejects(openStore(`${server.url}?tls=true`, options), refused);
  await assert.rejects(openStore(`${server.url}?ca=${ca}`, options), refused);
  await assert.rejects(openStore(server.url, options), {
    code: "unauthorized",
    message: /speaks TLS/,
  });
});

Deno.test("consul - a store restored from a backup is seen as it is", async () => {
  await using server = await startConsul();
  await using store = await openStore(server.url, options);
  await put(store, "k/old", "1");
  const consul = [program("consul"), "snapshot"];
  const at = `-http-addr=http://${server.endpoint}`;
  await ok([...consul, "save", at, `${server.directory}/backup`]);
  for (let i = 0; i < 20; i++) await put(store, `k/${i}`, "lost");
  await using viewer = new Viewer(store, "k/");
  await viewer.next();
  assert.equal(viewer.view.size, 21);
  await ok([...consul, "restore", at, `${server.directory}/backup`]);
  await until(() => put(store, "k/new", "1").then(() => true, () => false), "a put");
  await viewer.until((view) => view.has("k/new") && view.size === 2);
  assert.deepEqual(pairs(viewer.view.values()).sort(), [["k/new", "1"], ["k/old", "1"]]);
});

Deno.test("consul - the next endpoint does what the first doesn't", async () => {
  await using server = await startConsul();
  await using dead = new Proxy(server);
  await using mute = new Proxy(server);
  dead.refuse();
  mute.stall();
  const list = [dead, mute, server].map(({ endpoint }) => endpoint).join(",");
  for (let i = 0; i < 4; i++) {
    await using store = await openStore(`consul:${list}`, options);
    await until(() => put(store, "k", `${i}`).then(() => true, () => false), "a put");
    await using viewer = new Viewer(store, "k");
    await viewer.next();
    assert.equal(viewer.view.get("k")?.value, `${i}`);
  }
});

Deno.test("consul - what is no Consul is told apart from what is away", async () => {
  await using server = await startEtcd();
  await assert.rejects(
    openStore(`consul:${server.endpoint}`, options),
    { code: "unsupported", message: /^The store "consul:.*" is not a Consul/ },
  );
});

Deno.test("consul - a transaction over the server's limit is refused with the reason", async () => {
  await using server = await startConsul();
  await using store = await openStore(server.url, options);
  const puts = Array.from({ length: 6 }, (_, i) => ({ key: `k/${i}`, value: "x".repeat(90_000) }));
  await assert.rejects(store.commit({ puts }), { code: "invalid", message: /split it$/ });
  assert.deepEqual(await store.list(""), []);
});

Deno.test("consul - more watches than connections share them", async () => {
  await using server = await startConsul();
  await using proxy = new Proxy(server);
  await using store = await openStore(`consul:${proxy.endpoint}`, options);
  await using stack = new AsyncDisposableStack();
  const viewers = Array.from({ length: 300 }, (_, i) => stack.use(new Viewer(store, `k/${i}/`)));
  await Promise.all(viewers.map((viewer) => viewer.next()));
  for (let i = 0; i < 300; i += 10) await put(store, `k/${i}/x`, `${i}`);
  await Promise.all(
    viewers.map((viewer, i) => i % 10 === 0 ? viewer.until((view) => view.has(`k/${i}/x`)) : null),
  );
  assert.ok(proxy.connections < 100, `${proxy.connections} connections`);
});

Deno.test("consul - a transaction of deletes alone has its revision when it is full", async () => {
  await using server = await startConsul();
  await using store = await openStore(server.url, options);
  const keys = Array.from({ length: 64 }, (_, i) => `k/${i}`);
  const before = committed(
    await store.commit({ puts: keys.map((key) => ({ key, value: "" })) }),
  );
  const revision = committed(await store.commit({ deletes: keys }));
  assert.ok(revision > before);
  assert.deepEqual(await store.list(""), []);
});
