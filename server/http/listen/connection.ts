/**
 * One connection of the API, on the internals that `Deno.serve` uses, which have no public name.
 *
 * @module
 */
import { NetsvcError } from "../../../lib/api/errors.ts";
import { PATIENCE_TYPE } from "../../../lib/api/patience.ts";

/** Limits of {@linkcode HttpServer}; times are in milliseconds. */
export interface ServerLimits {
  /** Limit of simultaneous connections. */
  connections: number;
  /** Limit of simultaneous connections from one TCP peer. */
  perAddress: number;
  /** Deadline for the first request, TLS handshake included. */
  first: number;
  /** Deadline for each further request. */
  idle: number;
  /** A refused client's connection is closed after this time. */
  refused: number;
}

/** Default limits. */
export const LIMITS: ServerLimits = {
  connections: 512,
  perAddress: 128,
  first: 10_000,
  idle: 60_000,
  refused: 1_000,
};
/** Time that the runtime gets to send a finished answer, in milliseconds. */
const SENT_MS = 100;

/** Answers a request. */
export type Handler = (request: Request, connection: Connection) => Response | Promise<Response>;

interface HandlerInfo {
  completed: Promise<void>;
}

/** The internals of `Deno.serve` in Deno 2.7.14. */
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
  // Handlers turn their own errors into answers, so this is a fallback.
  const broken = () => new Response(null, { status: 500 });
  return internals.serveHttpOnConnection(conn, signal, handler, broken, () => {});
}

const byRequest = new WeakMap<Request, Connection>();

/** The connection of a request; `undefined` for a request that didn't arrive on one. */
export function connectionOf(request: Request): Connection | undefined {
  return byRequest.get(request);
}

export class Connection {
  /** The peer that is counted: its TCP address, of IPv6 the /64; absent on a unix socket. */
  readonly peer: string | undefined;
  /** The certificate that the other end has shown, with its key: DER. */
  certificate: Uint8Array | undefined;
  /** The host of the cluster that its requests are of, by that certificate. */
  host: string | undefined;
  /** The bearer token of its requests, if the listener requires one. */
  token: string | undefined;
  readonly #abort = new AbortController();
  readonly #limits: ServerLimits;
  /** Functions that close the connection after it was upgraded from HTTP. */
  readonly #held = new Set<() => void>();
  /** Requests that a handler is still working on. */
  readonly #deciding = new Set<Request>();
  /** Requests that lose nothing when they are cut off. */
  readonly #cuttable = new WeakSet<Request>();
  /** Number of requests whose answers haven't been sent completely. */
  #open = 0;
  /** When the last answer was finished. */
  #answered = 0;
  #deadline: number;
  #onFree: () => void = () => {};

  constructor(peer: string | undefined, limits: ServerLimits) {
    this.peer = peer;
    this.#limits = limits;
    this.#deadline = performance.now() + limits.first;
  }

  /** The connection during its TLS handshake. */
  shaking: Deno.TlsConn | undefined;

  /** Serves the connection until it ends. */
  async serve(conn: Deno.Conn, handler: Handler): Promise<void> {
    if ("handshake" in conn) {
      const tls = this.shaking = conn as Deno.TlsConn;
      // The server ends a stalled handshake by its socket: see `shutDown()`.
      await tls.handshake().catch((error) => {
        closeConn(tls);
        throw error;
      }).finally(() => this.shaking = undefined);
    }
    if (this.#abort.signal.aborted) return closeConn(conn);
    const { finished } = serveOn(
      conn,
      this.#abort.signal,
      (request, { completed }) => this.answer(request, handler, completed),
    );
    await finished;
  }

  /** Resolves when no upgraded connection is open any more. */
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
      // This content type only says that the handler is still working on the answer.
      made = response.headers.get("content-type") !== PATIENCE_TYPE;
      // A refused client may finish sending, but only for a short time.
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

  /** Marks a request that only waits, or continues elsewhere: cutting it off loses nothing. */
  allowCut(request: Request): void {
    this.#cuttable.add(request);
  }

  /**
   * Keeps counting a connection that was upgraded from HTTP.
   *
   * @param close closes the upgraded connection
   * @returns a function that the caller calls when the upgraded connection has ended
   */
  hold(close: () => void): () => void {
    this.#held.add(close);
    return () => {
      this.#held.delete(close);
      if (this.#held.size === 0) this.#onFree();
    };
  }

  /** Whether closing now would lose something: a change, or the answer to one. */
  get busy(): boolean {
    if ([...this.#deciding].some((request) => !this.#cuttable.has(request))) return true;
    return this.#open > 0 && performance.now() - this.#answered < SENT_MS;
  }

  /** Is aborted when the connection is closed from this side. */
  get ended(): AbortSignal {
    return this.#abort.signal;
  }

  /** Whether the connection waits for a request. */
  get idle(): boolean {
    return this.#open === 0 && this.#held.size === 0;
  }

  /** When the connection is cut off if idle, as `performance.now()` counts; `Infinity` during a request. */
  get deadline(): number {
    return this.#deadline;
  }

  /** Closes the connection at once. */
  hangUp(): void {
    this.#abort.abort();
    for (const close of [...this.#held]) close();
  }
}

/** Whether host and path of a request form a valid URL. */
function hasUrl({ url }: Request): boolean {
  return URL.canParse(url);
}

function noUrl(): Response {
  // Readable for clients of both APIs, netsvc's and Docker's.
  const message = "The host and the path of the request make no address";
  return Response.json({ status: 400, code: "invalid", detail: message, message }, { status: 400 });
}

/** Closes a connection, which may be closed already. */
export function closeConn(conn: Deno.Conn): void {
  try {
    conn.close();
  } catch {
    // The peer has closed it already.
  }
}
