/**
 * The port that voters take hosts in at, and that hosts of the cluster ask them at for what only voters can do. TLS
 * with the voter's certificate; who has one of a host shows it. Strangers may fetch the authority's certificate, and
 * ask to join: what they can make this host do is bounded in size, time and number.
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
import type { IncomingMessage, ServerResponse } from "node:http";
import https from "node:https";
import type { Socket } from "node:net";
import type { TLSSocket } from "node:tls";
import { errorChain, NetsvcError, toNetsvcError } from "../../../lib/api/errors.ts";
import { isSignedBy, pemOf } from "../../../lib/x509/x509.ts";
import { readShown, type ShownCertificate } from "../control/host_certificates.ts";
import { Connections } from "./connections.ts";
import { JoinRequest, MAX_BODY } from "./protocol.ts";
import type { AdmissionDesk } from "./admission_desk.ts";

const log = getLogger(["netsvc", "cluster"]);

/** Who has no TLS by then is closed, in milliseconds. */
const HANDSHAKE_MS = 3_000;
/** A connection lasts so long at most, in milliseconds: it is for one question. */
const LASTS_MS = 20_000;

/** What is needed to listen. */
export interface JoinTls {
  cert: string;
  key: string;
  /** Those that hosts' certificates may be of, PEM. */
  ca: string;
}

/** Answers hosts of the cluster; `undefined`: there is no such path. */
export type Duties = (
  question: { host: string; method: string; path: string; body: string },
) => Promise<unknown | undefined>;

/** What the server answers with. */
export interface JoinServerParts {
  desk: Pick<AdmissionDesk, "admit">;
  /** Certificates of the authority, PEM. */
  authorities: () => Promise<string>;
  /** Whether a certificate is still that of a host. */
  isMember: (certificate: ShownCertificate) => Promise<boolean>;
  duties: Duties;
  /** What is known of whoever has a certificate of the authority's, whether it is a host still or not. */
  standing: (certificate: ShownCertificate) => Promise<unknown>;
  /** Whether an address is that of a host of the cluster: there is room for those, whoever else comes. */
  isMemberAddress?: (address: string) => boolean;
  /** For tests: another time than {@linkcode HANDSHAKE_MS}. */
  handshakeMs?: number;
}

/** Listens. */
export class JoinServer {
  readonly #parts: JoinServerParts;
  #server: https.Server | undefined;
  #tls: JoinTls | undefined;
  readonly #connections: Connections<Socket>;
  /** By the other end's address and port. */
  readonly #handshakes = new Map<string, { socket: Socket; timer: number }>();

  constructor(parts: JoinServerParts) {
    this.#parts = parts;
    this.#connections = new Connections(parts.isMemberAddress);
  }

  /** @throws {NetsvcError} `in_use` */
  async listen(tls: JoinTls, { host, port }: { host: string; port: number }): Promise<void> {
    const server = https.createServer(
      { ...tls, requestCert: true, rejectUnauthorized: false },
      (request, response) => void this.#answer(request, response),
    );
    server.on("connection", (socket: Socket) => this.#admit(socket));
    server.on("secureConnection", (socket: TLSSocket) => this.#greet(socket));
    server.on("tlsClientError", () => {}); // Who speaks no TLS is closed.
    await new Promise<void>((resolve, reject) => {
      server.once("error", (error) =>
        reject(
          new NetsvcError(
            "in_use",
            `Cannot listen on ${host} port ${port}, where hosts join: ${errorChain(error)[0]}`,
            { cause: error },
          ),
        ));
      server.listen({ host, port }, resolve);
    });
    server.on("error", (error) => log.warn("Joining: {cause}", { cause: errorChain(error)[0] }));
    this.#server = server;
    this.#tls = tls;
  }

  /** New connections are made with these files from now on. */
  renew(tls: JoinTls): void {
    this.#server?.setSecureContext(tls);
    this.#tls = tls;
  }

  /** The authorities that hosts' certificates may be of, PEM; `undefined` while it doesn't listen. */
  get ca(): string | undefined {
    return this.#tls?.ca;
  }

  #admit(socket: Socket): void {
    this.#connections.admit(socket, socket.remoteAddress ?? "")?.destroy();
    if (socket.destroyed) return;
    const end = endOf(socket);
    const timer = setTimeout(() => socket.destroy(), LASTS_MS);
    const hurry = setTimeout(() => socket.destroy(), this.#parts.handshakeMs ?? HANDSHAKE_MS);
    this.#handshakes.set(end, { socket, timer: hurry });
    socket.on("close", () => {
      clearTimeout(timer);
      clearTimeout(hurry);
      if (this.#handshakes.get(end)?.socket === socket) this.#handshakes.delete(end);
      this.#connections.remove(socket);
    });
    socket.on("error", () => {}); // It is closed next.
  }

  /** TLS is there. */
  #greet(secure: TLSSocket): void {
    const held = this.#handshakes.get(endOf(secure));
    if (!held) return;
    clearTimeout(held.timer);
    if (secure.authorized) this.#connections.know(held.socket);
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let status = 200;
    let body: unknown;
    try {
      body = await this.#route(request);
    } catch (error) {
      const failure = toNetsvcError(error);
      if (request.destroyed && !request.complete && !(error instanceof NetsvcError)) {
        // Nobody hears an answer, and a stranger decides how often.
        return log.debug("Joining: who asked has gone: {cause}", { cause: failure.message });
      }
      if (failure.status >= 500 && failure.code !== "unavailable") {
        log.error("Joining: {cause}", { cause: errorChain(failure).join(": ") });
      }
      status = failure.status;
      body = { code: failure.code, message: failure.message };
    }
    const text = typeof body === "string" ? body : JSON.stringify(body ?? {});
    response.writeHead(status, { "content-type": "application/json", connection: "close" });
    response.end(text);
  }

  async #route(request: IncomingMessage): Promise<unknown> {
    const { method = "", url: path = "" } = request;
    if (method === "GET" && path === "/authority") return await this.#parts.authorities();
    if (method === "POST" && path === "/join") {
      const { success, data, error } = JoinRequest.safeParse(readJson(await readBody(request)));
      if (!success) {
        throw new NetsvcError(
          "invalid",
          `This is not a request to join of this netsvc's: ${whatIsWrong(error)}`,
        );
      }
      const answer = await this.#parts.desk.admit(data);
      const { name, address } = data.host;
      log.info("Host {name} at {address} joined", { name, address });
      return answer;
    }
    if (method === "GET" && path === "/standing") {
      const socket = request.socket as TLSSocket;
      const shown = socket.authorized ? shownBy(socket) : undefined;
      if (shown) return await this.#parts.standing(shown);
    }
    const host = await this.#memberOf(request.socket as TLSSocket);
    const answer = await this.#parts.duties({ host, method, path, body: await readBody(request) });
    if (answer === undefined) {
      throw new NetsvcError("not_found", `No such route: ${method} ${path}`);
    }
    return answer;
  }

  /** Which host asks. @throws {NetsvcError} `unauthorized` */
  async #memberOf(socket: TLSSocket): Promise<string> {
    const shown = socket.authorized ? shownBy(socket) : undefined;
    // New connections are held to the authorities of now; one that was made before a change is, too.
    const authorities = shown && this.#tls?.ca;
    if (shown && authorities && isSignedBy(shown.pem, authorities)) {
      if (await this.#parts.isMember(shown)) return shown.host;
    }
    throw new NetsvcError("unauthorized", "Only hosts of the cluster may ask this");
  }

  close(): void {
    this.#server?.close();
    for (const socket of this.#connections.all()) socket.destroy();
    this.#server = this.#tls = undefined;
  }
}

/** The certificate that the other end has shown. */
function shownBy(socket: TLSSocket): ShownCertificate & { pem: string } | undefined {
  const der = socket.getPeerCertificate().raw as Uint8Array | undefined;
  if (!der) return undefined;
  const pem = pemOf(der);
  const shown = readShown(pem);
  return shown && { ...shown, pem };
}

function whatIsWrong({ issues }: { issues: readonly { path: PropertyKey[]; message: string }[] }) {
  const { path, message } = issues[0]!;
  return `${["the body", ...path.map(String)].join(".")}: ${message}`;
}

/** The other end of a connection, by which its TLS is known, too. */
function endOf({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress} ${remotePort}`;
}

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Uint8Array<ArrayBuffer>[] = [];
  let size = 0;
  for await (const chunk of request) {
    size += chunk.length;
    if (size > MAX_BODY) {
      throw new NetsvcError("too_large", `The request is longer than ${MAX_BODY} bytes`);
    }
    chunks.push(chunk);
  }
  return await new Blob(chunks).text();
}

function readJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
