import assert from "node:assert/strict";
import { makeCertificates } from "./certificates.ts";
import { run } from "./command.ts";
import { startConsul } from "./consul.ts";
import { etcdctl, startEtcd } from "./etcd.ts";
import { TestNamespace } from "./host.ts";
import { Proxy } from "./proxy.ts";

Deno.test("startEtcd() serves, dies and comes back with its data", async () => {
  await using server = await startEtcd();
  await etcdctl(server, ["put", "k", "v"]);
  await server.stop("SIGKILL");
  await assert.rejects(etcdctl(server, ["--command-timeout=1s", "get", "k"]));
  await server.start();
  assert.equal(await etcdctl(server, ["get", "--print-value-only", "k"]), "v");
});

Deno.test("startConsul() serves, dies and comes back with its data", async () => {
  await using server = await startConsul();
  const kv = `http://${server.endpoint}/v1/kv/k`;
  assert.equal((await run(["curl", "-fsS", "-X", "PUT", "-d", "v", kv])).stdout, "true");
  await server.stop("SIGKILL");
  await server.start();
  assert.equal((await run(["curl", "-fsS", `${kv}?raw`])).stdout, "v");
});

Deno.test("startEtcd() and startConsul() serve TLS, in a namespace too", async () => {
  await using certificates = await makeCertificates();
  await using namespace = await TestNamespace.create("s");
  await using etcd = await startEtcd({ tls: certificates, namespace: namespace.path });
  await using consul = await startConsul({ tls: certificates, namespace: namespace.path });
  for (const server of [etcd, consul]) {
    const outside = await run(["curl", "-k", `https://${server.endpoint}/`]);
    assert.notEqual(outside.code, 0);
  }
});

async function ask(conn: Deno.Conn, text: string): Promise<string | null> {
  await conn.write(new TextEncoder().encode(text));
  const buffer = new Uint8Array(100);
  const length = await conn.read(buffer);
  return length === null ? null : new TextDecoder().decode(buffer.subarray(0, length));
}

Deno.test("Proxy cuts, delays, stalls, half-closes, refuses and heals", async () => {
  const echo = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const serving = (async () => {
    for await (const conn of echo) conn.readable.pipeTo(conn.writable).catch(() => {});
  })();
  await using proxy = new Proxy({ host: "127.0.0.1", port: echo.addr.port });
  const connect = () => Deno.connect({ hostname: proxy.host, port: proxy.port });
  {
    using conn = await connect();
    assert.equal(await ask(conn, "plain"), "plain");
    proxy.delay(100);
    const start = performance.now();
    assert.equal(await ask(conn, "late"), "late");
    assert.ok(performance.now() - start >= 190, "both ways are delayed");
    proxy.heal();
    proxy.stall();
    let passed = false;
    const held = ask(conn, "held").then((text) => {
      passed = true;
      return text;
    });
    await new Promise((resolve) => setTimeout(resolve, 100));
    assert.equal(passed, false);
    proxy.heal();
    assert.equal(await held, "held");
    await proxy.halfClose();
    assert.equal(await conn.read(new Uint8Array(1)), null);
  }
  {
    using conn = await connect();
    assert.equal(await ask(conn, "again"), "again");
    proxy.cut();
    assert.equal(await ask(conn, "cut").catch(() => null), null);
  }
  proxy.refuse();
  await assert.rejects(connect());
  proxy.heal();
  using conn = await connect();
  assert.equal(await ask(conn, "healed"), "healed");
  echo.close();
  await serving;
});
