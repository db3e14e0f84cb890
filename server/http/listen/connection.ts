/**
 * One connection of the API's, on what `Deno.serve` itself is made of, which has no public name.
 *
 * @module
 */
import { NetsvcError } from "../../../lib/api/errors.ts";
import { PATIENCE_TYPE } from "../../../lib/api/patience.ts";

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

  /** Marks a request that only waits, or goes on elsewhere: nothing is lost when it is cut off. */
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

/** Closes a connection that may be closed. */
export function closeConn(conn: Deno.Conn): void {
  try {
    conn.close();
  } catch {
    // The other side was faster.
  }
}
