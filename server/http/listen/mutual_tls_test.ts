import assert from "node:assert/strict";
import { certifyNew, createAuthority, type KeyPair } from "../../../lib/x509/x509.ts";
import { freePort } from "../../../tests/harness/server.ts";
import { type Connection, connectionOf, type Handler } from "./connection.ts";
import { MutualTls } from "./mutual_tls.ts";
import { HttpServer } from "./server.ts";

const HOUR = 3_600_000;

async function pair(
  authority: KeyPair,
  commonName: string,
): Promise<{ cert: string; key: string }> {
  const names = ["127.0.0.1"];
  const made = await certifyNew(authority, { commonName, names, until: Date.now() + HOUR });
  return { cert: made.certificate, key: made.key };
}

async function withServer(
  handler: Handler,
  test: (
    all: { url: string; authority: KeyPair; http: HttpServer; front: MutualTls },
  ) => Promise<void>,
): Promise<void> {
  const authority = await createAuthority("test", Date.now() + HOUR);
  const http = new HttpServer(handler, { first: 2_000, refused: 100 });
  const ca = authority.certificate;
  const files = { ...await pair(authority, "server"), ca };
  const front = new MutualTls(http, { handler, files });
  const port = freePort();
  await front.listen({ hostname: "127.0.0.1", port });
  try {
    await test({ url: `https://127.0.0.1:${port}`, authority, http, front });
  } finally {
    front.close();
    await http.shutdown(500);
  }
}

Deno.test("bodies, answers that stream, and methods arrive as they were sent", async () => {
  const handler: Handler = async (request) => {
    const { pathname } = new URL(request.url);
    if (pathname === "/echo") return new Response(await request.text(), { status: 201 });
    if (pathname === "/stream") {
      return new Response(
        new ReadableStream({
          async start(controller) {
            for (let n = 0; n < 40; n++) {
              controller.enqueue(new Uint8Array(50_000).fill(n));
              await Promise.resolve();
            }
            controller.close();
          },
        }),
        { headers: { "x-one": "1" } },
      );
    }
    return new Response(`${request.method} ${request.headers.get("x-two")}`);
  };
  await withServer(handler, async ({ url, authority }) => {
    using client = Deno.createHttpClient({ caCerts: [authority.certificate] });
    const body = "x".repeat(300_000);
    const echo = await fetch(`${url}/echo`, { method: "POST", body, client });
    assert.equal(echo.status, 201);
    assert.equal(await echo.text(), body);
    const stream = await fetch(`${url}/stream`, { client });
    assert.equal(stream.headers.get("x-one"), "1");
    assert.equal((await stream.bytes()).length, 2_000_000);
    const plain = await fetch(`${url}/`, { client, headers: { "x-two": "2" } });
    assert.equal(await plain.text(), "GET 2");
    const head = await fetch(`${url}/`, { client, method: "HEAD" });
    assert.equal(head.status, 200);
    assert.equal(await head.text(), "");
  });
});

Deno.test("a certificate is known where its authority is trusted, and not else", async () => {
  const seen: (string | undefined)[] = [];
  const handler: Handler = (request, connection: Connection) => {
    assert.equal(connectionOf(request), connection);
    seen.push(connection.certificate && `${connection.certificate.length > 100}`);
    return new Response("");
  };
  await withServer(handler, async ({ url, authority, front }) => {
    const stranger = await createAuthority("test", Date.now() + HOUR);
    const caCerts = [authority.certificate];
    const ask = async (own?: { cert: string; key: string }) => {
      using client = Deno.createHttpClient({ caCerts, ...own });
      await (await fetch(url, { client })).body?.cancel();
      return seen.pop();
    };
    assert.equal(await ask(), undefined);
    assert.equal(await ask(await pair(authority, "host")), "true");
    const foreign = await pair(stranger, "host");
    assert.equal(await ask(foreign), undefined);
    // Another authority takes its place.
    front.renew({ ...await pair(authority, "server"), ca: stranger.certificate });
    assert.equal(await ask(foreign), "true");
    assert.equal(await ask(await pair(authority, "host")), undefined);
  });
});

Deno.test("who is silent is cut off, as is who is hung up on, and nobody is let in beyond the limit", async () => {
  const gone = Promise.withResolvers<void>();
  const handler: Handler = (request) => {
    request.signal.addEventListener("abort", () => gone.resolve());
    return new Response(new ReadableStream({ start: (c) => c.enqueue(new Uint8Array(1)) }));
  };
  await withServer(handler, async ({ url, authority, http }) => {
    const { hostname, port } = new URL(url);
    const silent = await Deno.connect({ hostname, port: Number(port) });
    using client = Deno.createHttpClient({ caCerts: [authority.certificate] });
    const response = await fetch(url, { client });
    const reader = response.body!.getReader();
    await reader.read();
    http.hangUp(() => true);
    await assert.rejects(async () => {
      while (!(await reader.read()).done);
      throw new Error("it ended"); // An answer that breaks off may end, too.
    });
    await gone.promise;
    assert.equal(await silent.read(new Uint8Array(1)).catch(() => null), null);
    silent.close();
    assert.equal(http.all.length, 0);
  });
});
