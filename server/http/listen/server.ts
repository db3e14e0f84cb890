/**
 * Serves HTTP on connections that it counts, and cuts off what doesn't get on: half requests, silent
 * handshakes, idle connections. `Deno.serve` accepts whatever comes and waits for ever, until there are
 * no descriptors left for sandboxes; so connections are accepted here, and each is handed to what
 * `Deno.serve` itself is made of, which has no public name.
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
import { type Ends, shutDown } from "../../../lib/linux/sockets/sockets.ts";
import { parseIp, tryParseIp } from "../../../lib/ip/cidr.ts";
import { errorChain, NetsvcError } from "../../../lib/api/errors.ts";
import { PATIENCE_TYPE } from "../../../lib/api/patience.ts";

const log = getLogger(["netsvc", "api"]);

/** Limits of {@linkcode HttpServer}; times are in milliseconds. */
export interface ServerLimits {
  /** Connections at once. */
  connections: number;
  /** Of them from one address of TCP. */
  perAddress: number;
  /** The first request, and the handshake before it, is there within this time. */
  first: number;
  /** The next one is. */
  idle: number;
  /** Who isn't let in is gone within this time. */
  refused: number;
}

/** Limits unless others are given. */
export const LIMITS: ServerLimits = {
  connections: 512,
  perAddress: 128,
  first: 10_000,
  idle: 60_000,
  refused: 1_000,
};
/** How often it is looked at the time, in milliseconds. */
const SWEEP_MS = 250;
/** A listener that can't accept (no descriptors are left) tries again after this, in milliseconds. */
const ACCEPT_PAUSE_MS = 100;
/** So many handshakes that are given up are ended at once, fewer at the next look at the time. */
const MAX_DOOMED = 64;
/** How often it is looked whether ended connections are gone, or all are at the end, in milliseconds. */
const CROWD_PAUSE_MS = 5, STOP_POLL_MS = 5;
/** An answer that is made is on its way within this time, in milliseconds. */
const SENT_MS = 100;

/** Answers a request. */
export type Handler = (request: Request, connection: Connection) => Response | Promise<Response>;

interface HandlerInfo {
  completed: Promise<void>;
}

/** What `Deno.serve` is made of, in Deno 2.7.14. */
interface Internals {
  serveHttpOnConnection?(
    conn: Deno.Conn,
    signal: AbortSignal,
    handler: (request: Request, info: HandlerInfo) => Response | Promise<Response>,
    onError: (error: unknown) => Response,
    onListen: () => void,
  ): { finished: Promise<void> };
}

function serveOn(
  conn: Deno.Conn,
  signal: AbortSignal,
  handler: (request: Request, info: HandlerInfo) => Response | Promise<Response>,
): { finished: Promise<void> } {
  const { internal } = Deno as unknown as { internal: symbol };
  const internals = (Deno as unknown as Record<symbol, Internals | undefined>)[internal];
  if (!internals?.serveHttpOnConnection) {
    throw new NetsvcError("unsupported", "This Deno can't serve HTTP on a connection");
  }
  // Handlers answer their errors themselves.
  const broken = () => new Response(null, { status: 500 });
  return internals.serveHttpOnConnection(conn, signal, handler, broken, () => {});
}

const byRequest = new WeakMap<Request, Connection>();

/** The connection that a request came by; `undefined` for one that came by none. */
export function connectionOf(request: Request): Connection | undefined {
  return byRequest.get(request);
}

/** One connection. */
export class Connection {
  /** Whose it is: an address of TCP, or the /64 of one; absent on a unix socket. */
  readonly peer: string | undefined;
  /** The bearer token of its requests, where one is demanded. */
  token: string | undefined;
  readonly #abort = new AbortController();
  readonly #limits: ServerLimits;
  /** Ends what isn't HTTP any more. */
  readonly #held = new Set<() => void>();
  /** Requests whose answers aren't made; those that nothing is lost with when they are cut off. */
  readonly #deciding = new Set<Request>();
  readonly #cuttable = new WeakSet<Request>();
  /** Requests whose answers aren't sent. */
  #open = 0;
  /** When the last answer was made. */
  #answered = 0;
  #deadline: number;
  #onFree: () => void = () => {};

  constructor(peer: string | undefined, limits: ServerLimits) {
    this.peer = peer;
    this.#limits = limits;
    this.#deadline = performance.now() + limits.first;
  }

  /** The connection, while its handshake of TLS goes on. */
  shaking: Deno.TlsConn | undefined;

  /** Serves it until it ends. */
  async serve(conn: Deno.Conn, handler: Handler): Promise<void> {
    if ("handshake" in conn) {
      const tls = this.shaking = conn as Deno.TlsConn;
      // Given up from below: see `shutDown()`.
      await tls.handshake().catch((error) => {
        close(tls);
        throw error;
      }).finally(() => this.shaking = undefined);
    }
    if (this.#abort.signal.aborted) return close(conn);
    const { finished } = serveOn(
      conn,
      this.#abort.signal,
      (request, { completed }) => this.answer(request, handler, completed),
    );
    await finished;
  }

  /** Resolves when nothing that is no HTTP any more goes on. */
  async released(): Promise<void> {
    if (this.#held.size > 0) await new Promise<void>((resolve) => this.#onFree = resolve);
  }

  /** Answers one of its requests. */
  async answer(request: Request, handler: Handler, completed: Promise<void>): Promise<Response> {
    byRequest.set(request, this);
    this.#deciding.add(request);
    this.#open++;
    this.#deadline = Infinity;
    completed.catch(() => {}).finally(() => {
      this.#open--;
      this.#deciding.delete(request);
      if (this.idle) this.#goOnUntil(this.#limits.idle);
    });
    if (request.method === "GET" || request.method === "HEAD") this.allowCut(request);
    let made = true;
    try {
      if (!hasUrl(request)) {
        this.#goOnUntil(this.#limits.refused);
        return noUrl();
      }
      const response = await handler(request, this);
      // It only says that the answer is being made.
      made = response.headers.get("content-type") !== PATIENCE_TYPE;
      // Who isn't let in may go on sending, but not for long.
      if ([401, 403, 408].includes(response.status)) this.#goOnUntil(this.#limits.refused);
      return response;
    } finally {
      if (made) this.#deciding.delete(request);
      this.#answered = performance.now();
    }
  }

  #goOnUntil(ms: number): void {
    this.#deadline = Math.min(this.#deadline, performance.now() + ms);
  }

  /** Says of a request that it only waits, or is somebody else's work: nothing is lost with it. */
  allowCut(request: Request): void {
    this.#cuttable.add(request);
  }

  /**
   * Keeps a connection that isn't HTTP any more among those that are counted.
   *
   * @param close ends it
   * @returns to be called when it has ended
   */
  hold(close: () => void): () => void {
    this.#held.add(close);
    return () => {
      this.#held.delete(close);
      if (this.#held.size === 0) this.#onFree();
    };
  }

  /** Whether something would be lost if it ended now: a change, or the answer to one. */
  get busy(): boolean {
    if ([...this.#deciding].some((request) => !this.#cuttable.has(request))) return true;
    return this.#open > 0 && performance.now() - this.#answered < SENT_MS;
  }

  /** Whether it waits for a request. */
  get idle(): boolean {
    return this.#open === 0 && this.#held.size === 0;
  }

  /** Until when it may go on so, as `performance.now()` counts; `Infinity` with a request. */
  get deadline(): number {
    return this.#deadline;
  }

  /** Ends it at once. */
  hangUp(): void {
    this.#abort.abort();
    for (const close of [...this.#held]) close();
  }
}

/** Whether host and path of a request make an address. */
function hasUrl({ url }: Request): boolean {
  return URL.canParse(url);
}

function noUrl(): Response {
  // As in both APIs.
  const message = "The host and the path of the request make no address";
  return Response.json({ status: 400, code: "invalid", detail: message, message }, { status: 400 });
}

/** Who counts as one: an IPv6 host has all of its /64. */
function peerOf(address: Deno.Addr): string | undefined {
  if (address.transport !== "tcp") return undefined;
  const ip = tryParseIp(address.hostname);
  if (ip?.family !== 6 || address.hostname.startsWith("fe80:") || ip.value >> 64n === 0n) {
    return address.hostname;
  }
  return (ip.value >> 64n).toString(16);
}

function endsOf({ localAddr, remoteAddr }: Deno.TlsConn): Ends {
  const end = ({ hostname, port }: Deno.NetAddr) => {
    const ip = parseIp(hostname.split("%")[0]!);
    const hex = ip.value.toString(16).padStart(ip.family === 4 ? 8 : 32, "0");
    return { ip: Uint8Array.fromHex(hex), port };
  };
  return { local: end(localAddr as Deno.NetAddr), remote: end(remoteAddr as Deno.NetAddr) };
}

/**
 * Serves a unix socket. Who may open it is root here and holds nothing that he couldn't take, so there are no
 * limits; and `Deno.serve` can turn a request of his into a connection, which what {@linkcode HttpServer}
 * stands on can't.
 */
export class UnixServer {
  readonly #abort = new AbortController();
  /** One for each request. */
  readonly #open = new Set<Connection>();
  readonly #server: Deno.HttpServer;
  #stopping = false;

  /** @throws whatever the system says when it can't listen */
  constructor(path: string, handler: Handler) {
    const options = { path, signal: this.#abort.signal, onListen: () => {} };
    this.#server = Deno.serve(options, (request, { completed }) => {
      // Nothing begins any more. Who waits for an answer is cut off, as if nobody had listened.
      if (this.#stopping) return new Promise<Response>(() => {});
      const connection = new Connection(undefined, LIMITS);
      this.#open.add(connection);
      completed.catch(() => {}).then(() => connection.released()).finally(() =>
        this.#open.delete(connection)
      );
      return connection.answer(request, handler, completed);
    });
  }

  /** Stops, as {@linkcode HttpServer.shutdown} does. */
  async shutdown(grace: number): Promise<void> {
    if (this.#stopping) return;
    this.#stopping = true;
    const deadline = performance.now() + grace;
    const busy = () => [...this.#open].some((connection) => connection.busy);
    while (busy() && performance.now() < deadline) await pause(STOP_POLL_MS);
    for (const connection of this.#open) connection.hangUp();
    // Not after its `shutdown()`: that waits for whoever follows something, and then this throws where
    // nobody can catch it.
    this.#abort.abort();
    await this.#server.finished;
  }
}

/** Serves one address of the API, on one listener or, while it is exchanged, on two. */
export class HttpServer {
  readonly #handler: Handler;
  readonly #limits: ServerLimits;
  readonly #listeners = new Map<Deno.Listener, Promise<void>>();
  readonly #connections = new Set<Connection>();
  readonly #ends = new Set<Promise<void>>();
  /** Those whose handshakes are given up; they are ended together. */
  readonly #doomed: Ends[] = [];
  #timer: number | undefined;
  #stopping = false;

  constructor(handler: Handler, limits: Partial<ServerLimits> = {}) {
    this.#handler = handler;
    this.#limits = { ...LIMITS, ...limits };
  }

  /** Accepts from a listener until it is closed. */
  accept(listener: Deno.Listener): void {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#listeners.set(listener, promise);
    this.#accept(listener).finally(resolve);
  }

  async #accept(listener: Deno.Listener): Promise<void> {
    while (this.#listeners.has(listener)) {
      try {
        // What was ended may not have let go of its descriptor yet.
        while (this.#ends.size >= this.#limits.connections + MAX_DOOMED) {
          await pause(CROWD_PAUSE_MS);
        }
        const conn = await listener.accept();
        this.#begin(conn);
      } catch (error) {
        if (!this.#listeners.has(listener)) return;
        if (error instanceof Deno.errors.BadResource) return;
        log.warn("Cannot accept a connection: {cause}", { cause: errorChain(error).join(": ") });
        await pause(ACCEPT_PAUSE_MS);
      }
    }
  }

  /** Closes a listener; its connections go on. */
  async release(listener: Deno.Listener): Promise<void> {
    const accepting = this.#listeners.get(listener);
    this.#listeners.delete(listener);
    listener.close();
    await accepting;
  }

  #begin(conn: Deno.Conn): void {
    const peer = peerOf(conn.remoteAddr);
    if (!this.#makeRoom(peer)) return close(conn);
    const connection = new Connection(peer, this.#limits);
    this.#connections.add(connection);
    const end = connection.serve(conn, this.#handler).catch((error) =>
      log.debug("A connection failed: {cause}", { cause: errorChain(error).join(": ") })
    ).finally(() => {
      this.#connections.delete(connection);
      this.#ends.delete(end);
    });
    this.#ends.add(end);
    this.#timer ??= setInterval(() => this.#sweep(), SWEEP_MS);
  }

  /**
   * One more is let in for one that waits, not for one that works. Any of them: the oldest, or the newest,
   * would be whoever isn't as fast as a flood.
   */
  #makeRoom(peer: string | undefined): boolean {
    const { connections, perAddress } = this.#limits;
    const full = this.#connections.size >= connections;
    if (!full && (peer === undefined || this.#connections.size < perAddress)) return true;
    const all = [...this.#connections];
    const same = peer === undefined ? [] : all.filter((other) => other.peer === peer);
    const among = same.length >= perAddress ? same : full ? all : undefined;
    if (!among) return true;
    const idle = among.filter((other) => other.idle);
    if (idle.length === 0) return false;
    this.#end(idle[Math.floor(Math.random() * idle.length)]!);
    return true;
  }

  #end(connection: Connection): void {
    this.#connections.delete(connection);
    connection.hangUp();
    if (connection.shaking) this.#doomed.push(endsOf(connection.shaking));
    if (this.#doomed.length >= MAX_DOOMED) this.#endDoomed();
  }

  #endDoomed(): void {
    shutDown(this.#doomed.splice(0));
  }

  #sweep(): void {
    const now = performance.now();
    for (const connection of this.#connections) {
      if (connection.deadline < now) this.#end(connection);
    }
    this.#endDoomed();
    if (this.#connections.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  /** Ends connections at once. */
  hangUp(which: (connection: Connection) => boolean): void {
    for (const connection of this.#connections) if (which(connection)) this.#end(connection);
  }

  /**
   * Stops: who is told what happens, waits or has nothing to say is cut off at once; changes that are
   * under way may end.
   *
   * @param grace for them, in milliseconds
   */
  async shutdown(grace: number): Promise<void> {
    if (this.#stopping) return;
    this.#stopping = true;
    const deadline = performance.now() + grace;
    const closed = [...this.#listeners.keys()].map((listener) => this.release(listener));
    while (performance.now() < deadline) {
      this.hangUp((connection) => !connection.busy);
      if (this.#connections.size === 0) break;
      await pause(STOP_POLL_MS);
    }
    this.hangUp(() => true);
    this.#endDoomed();
    clearInterval(this.#timer);
    await Promise.all([...closed, ...this.#ends]);
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

function close(conn: Deno.Conn): void {
  try {
    conn.close();
  } catch {
    // The other side was faster.
  }
}
