import assert from "node:assert/strict";
import net from "node:net";
import tls from "node:tls";
import { certifyNew, createAuthority } from "../../../lib/x509/x509.ts";
import { JOIN_PORT } from "../files/ports.ts";
import { JoinServer } from "./join_server.ts";

/** An address of this machine's own that nothing else listens on. */
const HOST = "127.78.24.79";

async function withServer(test: () => Promise<void>): Promise<void> {
  const until = Date.now() + 86_400_000;
  const authority = await createAuthority("netsvc cluster", until);
  const { certificate: cert, key } = await certifyNew(authority, {
    commonName: "voter",
    names: [HOST],
    until,
  });
  const server = new JoinServer({
    desk: { admit: () => Promise.reject(new Error("nobody joins here")) },
    authorities: () => Promise.resolve(authority.certificate),
    isMember: () => Promise.resolve(false),
    standing: () => Promise.resolve({}),
    duties: () => Promise.resolve(undefined),
    handshakeMs: 300,
  });
  await server.listen({ cert, key, ca: authority.certificate }, { host: HOST, port: JOIN_PORT });
  try {
    await test();
  } finally {
    server.close();
  }
}

Deno.test("a connection that is silent is closed before one that came earlier and speaks TLS", () =>
  withServer(async () => {
    const closed: string[] = [];
    const speaking = tls.connect({ host: HOST, port: JOIN_PORT, rejectUnauthorized: false });
    speaking.on("error", () => {}).on("close", () => closed.push("speaking"));
    await new Promise<void>((resolve) => speaking.once("secureConnect", () => resolve()));
    const silent = net.connect({ host: HOST, port: JOIN_PORT });
    silent.on("error", () => {});
    await new Promise<void>((resolve) =>
      silent.on("close", () => {
        closed.push("silent");
        resolve();
      })
    );
    assert.deepEqual(closed, ["silent"]);
    speaking.destroy();
  }));

Deno.test("who holds as many as it can loses its oldest for a new one, which is answered", () =>
  withServer(async () => {
    const held = Array.from({ length: 40 }, () => net.connect({ host: HOST, port: JOIN_PORT }));
    try {
      await Promise.all(held.map((socket) => {
        socket.on("error", () => {});
        return new Promise<void>((resolve) => {
          socket.once("connect", () => resolve());
          socket.once("close", () => resolve());
        });
      }));
      const answer = await new Promise<string>((resolve, reject) => {
        const asks = tls.connect({ host: HOST, port: JOIN_PORT, rejectUnauthorized: false });
        asks.on("error", reject).on("data", (data: Uint8Array) => {
          resolve(new TextDecoder().decode(data));
          asks.destroy();
        });
        asks.once("secureConnect", () => asks.write("GET /authority HTTP/1.1\r\nHost: x\r\n\r\n"));
      });
      assert.match(answer, /^HTTP\/1.1 200/);
    } finally {
      for (const socket of held) socket.destroy();
    }
  }));
