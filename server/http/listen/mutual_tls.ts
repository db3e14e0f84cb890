/**
 * HTTP over TLS that asks clients for a certificate, which `Deno.listenTls` can't. Node's server does, and hands each
 * connection to an {@linkcode HttpServer}, whose limits and whose end it has as any other one.
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
import type { IncomingMessage, ServerResponse } from "node:http";
import https from "node:https";
import type { Socket } from "node:net";
import { Readable } from "node:stream";
import type { TLSSocket } from "node:tls";
import { errorChain } from "../../../lib/api/errors.ts";
import { Connection, type Handler } from "./connection.ts";
import type { HttpServer } from "./server.ts";

const log = getLogger(["netsvc", "api"]);

/** What is shown, and whose certificates are taken, PEM. */
export interface MutualTlsFiles {
  cert: string;
  key: string;
  /** Those that clients' certificates may be of. */
  ca: string;
}

/** A listener. */
export class MutualTls {
  readonly #http: HttpServer;
  readonly #handler: Handler;
  readonly #server: https.Server;
  /** By the other end's address and port, by which the TLS of a connection is known, too. */
  readonly #held = new Map<string, Connection>();

  constructor(http: HttpServer, { handler, files }: { handler: Handler; files: MutualTlsFiles }) {
    this.#http = http;
    this.#handler = handler;
    const options = { ...files, requestCert: true, rejectUnauthorized: false };
    const server = this.#server = https.createServer(
      options,
      (request, response) =>
        void this.#answer(request, response).catch((error) => {
          log.debug("A connection failed: {cause}", { cause: errorChain(error).join(": ") });
          response.destroy();
        }),
    );
    // The HttpServer has its own deadlines.
    server.keepAliveTimeout =
      server.headersTimeout =
      server.requestTimeout =
      server.timeout =
        0;
    server.on("connection", (socket: Socket) => this.#begin(socket));
    server.on("secureConnection", (socket: TLSSocket) => this.#greet(socket));
    server.on("upgrade", (_: IncomingMessage, socket: Socket) => refuseUpgrade(socket));
    server.on("tlsClientError", () => {}); // Who speaks no TLS is closed.
  }

  /** @throws the error of the system when it can't listen */
  async listen({ hostname, port }: { hostname: string; port: number }): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once("error", reject);
      this.#server.listen({ host: hostname, port }, resolve);
    });
    this.#server.on(
      "error",
      (error) => log.warn("Cannot accept a connection: {cause}", { cause: errorChain(error)[0] }),
    );
  }

  /** New connections are made with these from now on. */
  renew(files: MutualTlsFiles): void {
    this.#server.setSecureContext(files);
  }

  #begin(socket: Socket): void {
    const { remoteAddress: hostname = "", remotePort: port = 0 } = socket;
    socket.on("error", () => {}); // It is closed next.
    const end = endOf(socket);
    const admitted = this.#http.admit({ transport: "tcp", hostname, port }, (connection) => {
      this.#held.set(end, connection);
      connection.ended.addEventListener("abort", () => socket.destroy(), { once: true });
      return new Promise((resolve) =>
        socket.once("close", () => {
          if (this.#held.get(end) === connection) this.#held.delete(end);
          resolve();
        })
      );
    });
    if (!admitted) socket.destroy();
  }

  /** TLS is there. */
  #greet(secure: TLSSocket): void {
    secure.on("error", () => {});
    const connection = this.#held.get(endOf(secure));
    if (connection && secure.authorized) {
      connection.certificate = secure.getPeerCertificate().raw as Uint8Array | undefined;
    }
  }

  async #answer(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const connection = this.#held.get(endOf(incoming.socket));
    if (!connection) return void incoming.socket.destroy();
    const done = Promise.withResolvers<void>();
    outgoing.once("close", () => done.resolve());
    const request = requestOf(incoming, outgoing);
    if (!request) {
      outgoing.writeHead(400, { connection: "close" }).end();
      return;
    }
    const response = await connection.answer(request, this.#handler, done.promise);
    await send(response, outgoing);
  }

  /** Accepts no more; what is connected goes on. */
  close(): void {
    this.#server.close();
  }
}

/** What turns a request into a connection works on the unix socket alone; readable for clients of both APIs. */
function refuseUpgrade(socket: Socket): void {
  const message =
    "Requests that become connections (attach, exec) are taken on the unix socket alone";
  const body = JSON.stringify({ status: 501, code: "unsupported", detail: message, message });
  const head = ["HTTP/1.1 501 Not Implemented", "content-type: application/json"];
  head.push(`content-length: ${body.length}`, "connection: close");
  socket.end(`${head.join("\r\n")}\r\n\r\n${body}`);
}

/** The other end. */
function endOf(
  { remoteAddress, remotePort }: Pick<Socket, "remoteAddress" | "remotePort">,
): string {
  return `${remoteAddress} ${remotePort}`;
}

/** A request as the handlers take it; `undefined` for one that makes no address. */
function requestOf(incoming: IncomingMessage, outgoing: ServerResponse): Request | undefined {
  const { method = "GET", url = "", headers, rawHeaders } = incoming;
  const address = `https://${headers.host ?? ""}${url}`;
  if (!url.startsWith("/") || !URL.canParse(address)) return undefined;
  const gone = new AbortController();
  outgoing.once("close", () => outgoing.writableFinished || gone.abort());
  const bodiless = method === "GET" || method === "HEAD";
  if (bodiless) incoming.resume();
  const given = new Headers();
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    given.append(rawHeaders[at]!, rawHeaders[at + 1]!);
  }
  return new Request(address, {
    method,
    headers: given,
    signal: gone.signal,
    ...!bodiless && { body: Readable.toWeb(incoming) as ReadableStream<Uint8Array> },
  });
}

async function send(response: Response, outgoing: ServerResponse): Promise<void> {
  outgoing.writeHead(response.status, Object.fromEntries(response.headers));
  if (!response.body) return void outgoing.end();
  // What is streamed is to be heard of before its first bytes.
  outgoing.flushHeaders();
  const reader = response.body.getReader();
  outgoing.once("close", () => void reader.cancel().catch(() => {}));
  for (;;) {
    const { done, value } = await reader.read();
    if (done || outgoing.destroyed) break;
    if (!outgoing.write(value)) await drained(outgoing);
  }
  outgoing.end();
}

/** Until there is room, or nobody any more. */
function drained(outgoing: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const go = () => {
      outgoing.off("drain", go);
      outgoing.off("close", go);
      resolve();
    };
    outgoing.once("drain", go);
    outgoing.once("close", go);
  });
}
