/**
 * One connection to one server of an ensemble, from its opening to its end. It never comes back:
 * `link.ts` opens the next.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { connect as connectTcp, isIP } from "node:net";
import { connect as connectTls } from "node:tls";
import { atMost } from "../../lib/async/deadline.ts";
import { NetsvcError } from "../../lib/api/errors.ts";
import type { Endpoint } from "../url/url_parts.ts";
import type { StoreUrl } from "../url/store_url.ts";
import {
  ACL,
  type Client,
  CODES,
  CONNECTING,
  createClient,
  type Exception,
  type Manager,
  OP_CODES,
  protocol,
  Request,
  type Stat,
  TransactionRequest,
} from "./library.ts";

/** Longest time for a connection and its session, in milliseconds. */
const OPEN_MS = 2000;
/** A server that is silent for so long, with a request to answer, counts as gone, in milliseconds. */
const SILENCE_MS = 2500;
/** Longest time for one answer, whatever else the server sends meanwhile, in milliseconds. */
const ANSWER_MS = 10_000;
/** How often the two are looked at, in milliseconds. */
const LOOK_MS = 250;
/** Longest time for a goodbye, in milliseconds. */
const CLOSE_MS = 500;
/** Bytes of one transaction: ZooKeeper's jute.maxbuffer, 1 MiB, less what servers add to it. */
export const MAX_MULTI_BYTES = 1_000_000;

/** A node. */
export interface Node {
  data: Buffer;
  stat: Stat;
}

/** One operation of a transaction. Without a version any will do. */
export type Operation =
  | { type: "check"; path: string; version?: number }
  | { type: "set"; path: string; data: Buffer; version?: number }
  | { type: "delete"; path: string; version?: number }
  | { type: "create"; path: string; data?: Buffer; mode?: "ephemeral" | "sequential" };

/** Outcome of a transaction. */
export type MultiResult =
  | { ok: true; zxid: Buffer; paths: (string | undefined)[] }
  /** Which operation failed, and its code. */
  | { ok: false; index: number; code: number };

/** A session that outlives its connections. */
export interface Session {
  id: Buffer;
  password: Buffer;
}

/** Rejects an opening with a session that has expired. */
export class SessionExpired extends Error {}

/** How to open connections. */
export interface ConnectionOptions {
  /** Session timeout in milliseconds; the server has bounds for it. */
  timeout: number;
  session?: Session | undefined;
  url: Pick<StoreUrl, "tls" | "username" | "password">;
}

interface Waiting {
  since: number;
  reject: (error: Error) => void;
}

/** A connection with a session. */
export class Connection {
  readonly endpoint: Endpoint;
  /** Resolves with the reason when the connection has ended. */
  readonly closed: Promise<Error>;
  readonly #client: Client;
  readonly #manager: Manager;
  readonly #acl: unknown[];
  /** In the order in which answers come. */
  readonly #waiting = new Set<Waiting>();
  readonly #looking: number;
  #heard = performance.now();
  #error: Error | undefined;
  #over: (error: Error) => void;

  private constructor(endpoint: Endpoint, { timeout, session, url }: ConnectionOptions) {
    this.endpoint = endpoint;
    const { promise, resolve } = Promise.withResolvers<Error>();
    this.closed = promise;
    this.#over = resolve;
    this.#client = createClient("-", {
      sessionTimeout: timeout,
      ...session && { sessionId: session.id, sessionPassword: session.password },
    });
    this.#manager = this.#client.connectionManager;
    this.#manager.connect = () => {}; // It would connect again by itself.
    this.#acl = url.username === undefined ? ACL.OPEN_ACL_UNSAFE : ACL.CREATOR_ALL_ACL;
    if (url.username !== undefined) {
      const digest = Buffer.from(`${url.username}:${url.password ?? ""}`);
      this.#client.addAuthInfo("digest", digest);
    }
    this.#looking = setInterval(() => this.#look(), LOOK_MS);
  }

  /**
   * Opens a connection with a new session or an existing one.
   *
   * @throws {SessionExpired}
   * @throws {NetsvcError} `unavailable`; `unauthorized` when TLS or the login is refused
   */
  static async open(endpoint: Endpoint, options: ConnectionOptions): Promise<Connection> {
    const connection = new Connection(endpoint, options);
    const timer = setTimeout(() => {
      connection.destroy(new Error(`no session within ${OPEN_MS} ms`));
    }, OPEN_MS);
    try {
      await connection.#connect(options.url.tls);
      return connection;
    } catch (error) {
      if (error instanceof NetsvcError || error instanceof SessionExpired) throw error;
      throw unavailable(endpoint, error);
    } finally {
      clearTimeout(timer);
    }
  }

  async #connect(tls: StoreUrl["tls"]): Promise<void> {
    const manager = this.#manager;
    const { host, port } = this.endpoint;
    manager.setState(CONNECTING);
    const socket = tls
      ? connectTls({ host, port, ...tls, ...isIP(host) === 0 && { servername: host } })
      : connectTcp({ host, port });
    manager.socket = socket;
    socket.setNoDelay();
    socket.on(tls ? "secureConnect" : "connect", () => manager.onSocketConnected());
    socket.on("data", (data: Buffer) => {
      this.#heard = performance.now();
      try {
        manager.onSocketData(data);
      } catch (error) {
        this.destroy(new Error("the server's answer can't be read", { cause: error }));
      }
    });
    socket.on("drain", () => manager.onSocketDrain());
    socket.on("end", () => this.destroy(new Error("the server closed the connection")));
    socket.on("error", (error: Error) => this.destroy(tls ? refused(error) : error));
    socket.on("close", (hadError: boolean) => {
      manager.onSocketClosed(hadError);
      this.destroy(new Error("the connection was closed"));
    });
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#client.on("connected", resolve);
    this.#client.on("expired", () => {
      reject(new SessionExpired("The session expired"));
      this.destroy(new Error("the session expired"));
    });
    this.#client.on("authenticationFailed", () => {
      const error = new NetsvcError("unauthorized", "ZooKeeper refuses the login");
      reject(error);
      this.destroy(error);
    });
    this.closed.then(reject);
    await promise;
  }

  /** Session timeout that the server granted, in milliseconds. */
  get timeout(): number {
    return this.#manager.sessionTimeout;
  }

  /** To go on with this session on another connection. */
  get session(): Session {
    return { id: this.#client.getSessionId(), password: this.#client.getSessionPassword() };
  }

  /** A node; `watcher` is called once when it changes. */
  async get(path: string, watcher?: () => void): Promise<Node | undefined> {
    return await this.#ask<Node | undefined>((done, fail) =>
      this.#client.getData(path, watcher, (error, data, stat) => {
        if (!error) done({ data: data ?? Buffer.alloc(0), stat });
        else if (error.getCode() === CODES.noNode) done(undefined);
        else fail(error);
      })
    );
  }

  /** A node without its data. */
  async stat(path: string): Promise<Stat | undefined> {
    return await this.#ask<Stat | undefined>((done, fail) =>
      this.#client.exists(
        path,
        undefined,
        (error, stat) => error ? fail(error) : done(stat ?? undefined),
      )
    );
  }

  /** The names of a node's children; `watcher` is called once when one is made or deleted. */
  async children(
    path: string,
    watcher?: () => void,
  ): Promise<{ names: string[]; stat: Stat } | undefined> {
    return await this.#ask<{ names: string[]; stat: Stat } | undefined>((done, fail) =>
      this.#client.getChildren(path, watcher, (error, names, stat) => {
        if (!error) done({ names, stat });
        else if (error.getCode() === CODES.noNode) done(undefined);
        else fail(error);
      })
    );
  }

  /**
   * Commits a transaction.
   *
   * @throws {NetsvcError} `invalid` when it is too large; `timeout` when its outcome is unknown
   */
  async multi(operations: Operation[]): Promise<MultiResult> {
    const payload = new TransactionRequest(operations.map((one) => this.#encode(one)));
    const size = payload.byteLength();
    if (size > MAX_MULTI_BYTES) {
      throw new NetsvcError(
        "invalid",
        `A transaction of ${size} bytes is too large for ZooKeeper: at most ${MAX_MULTI_BYTES}; ` +
          `split it`,
      );
    }
    const request = new Request(new protocol.RequestHeader(0, OP_CODES.MULTI), payload);
    return await this.#ask<MultiResult>((done, fail) =>
      this.#manager.queue(request, (error, response) => {
        if (error) return fail(error);
        const { results } = response.payload;
        const failed = results.findIndex(({ err }) =>
          err !== undefined && err !== CODES.ok && err !== CODES.runtimeInconsistency
        );
        if (failed === -1) {
          done({ ok: true, zxid: response.header.zxid, paths: results.map(({ path }) => path) });
        } else if (results[failed]!.err === CODES.noAuth) fail(forbidden());
        else done({ ok: false, index: failed, code: results[failed]!.err! });
      })
    );
  }

  #encode(operation: Operation): unknown {
    const { path } = operation;
    switch (operation.type) {
      case "check":
        return { type: OP_CODES.CHECK, path, version: operation.version ?? -1 };
      case "delete":
        return { type: OP_CODES.DELETE, path, version: operation.version ?? -1 };
      case "set":
        return {
          type: OP_CODES.SET_DATA,
          path,
          data: operation.data,
          version: operation.version ?? -1,
        };
      case "create": {
        const mode = { none: 0, ephemeral: 1, sequential: 2 }[operation.mode ?? "none"];
        const data = operation.data ?? Buffer.alloc(0);
        return { type: OP_CODES.CREATE, path, data, acls: this.#acl, mode };
      }
    }
  }

  #ask<T>(start: (done: (answer: T) => void, fail: (error: Error) => void) => void): Promise<T> {
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    const waiting: Waiting = { since: performance.now(), reject };
    if (this.#error) {
      reject(unavailable(this.endpoint, this.#error));
      return promise;
    }
    this.#waiting.add(waiting);
    start((answer) => {
      this.#waiting.delete(waiting);
      resolve(answer);
    }, (error) => {
      if (!this.#waiting.delete(waiting)) return;
      reject(this.#understand(error));
    });
    return promise;
  }

  #understand(error: Error): Error {
    if (error instanceof NetsvcError) return error;
    const code = (error as Partial<Exception>).getCode?.();
    if (code === CODES.noAuth || code === CODES.authFailed) return forbidden(error);
    // The library lets its requests fail so when the connection ends.
    if (this.#error || code === -4) return unanswered(this.endpoint, this.#error ?? error);
    return new NetsvcError("unavailable", `ZooKeeper failed: ${error.message}`, { cause: error });
  }

  #look(): void {
    const [first] = this.#waiting;
    if (!first) return;
    const now = performance.now();
    const silent = now - Math.max(this.#heard, first.since);
    if (silent > SILENCE_MS || now - first.since > ANSWER_MS) {
      this.destroy(new Error(`no answer within ${Math.round(now - first.since)} ms`));
    }
  }

  /** Ends it at once. */
  destroy(error: Error): void {
    if (this.#error) return;
    this.#error = error;
    clearInterval(this.#looking);
    this.#manager.socket?.destroy();
    for (const { reject } of this.#waiting) reject(unanswered(this.endpoint, error));
    this.#waiting.clear();
    this.#over(error);
  }

  /** Ends the session, with which the server deletes its ephemeral nodes, and the connection. */
  async close(): Promise<void> {
    if (this.#error) return;
    this.#client.close();
    await atMost(this.closed, CLOSE_MS);
    this.destroy(new Error("the connection was closed"));
  }
}

function unavailable({ host, port }: Endpoint, cause: unknown): NetsvcError {
  if (cause instanceof NetsvcError) return cause;
  const why = cause instanceof Error ? cause.message : String(cause);
  return new NetsvcError("unavailable", `Cannot reach ZooKeeper at "${host}:${port}": ${why}`, {
    cause,
  });
}

function unanswered({ host, port }: Endpoint, cause: Error): NetsvcError {
  if (cause instanceof NetsvcError) return cause;
  return new NetsvcError(
    "timeout",
    `ZooKeeper at "${host}:${port}" did not answer: ${cause.message}`,
    { cause },
  );
}

function forbidden(cause?: Error): NetsvcError {
  return new NetsvcError(
    "unauthorized",
    "ZooKeeper refuses access to the nodes of the store: they belong to another user; check the " +
      "user name and the password",
    { cause },
  );
}

/** An error of a TLS socket: `unauthorized` for an untrusted server, `unavailable` for an unreachable one. */
function refused(error: Error): Error {
  const code = (error as { code?: string }).code ?? "";
  if (/^(ECONN|EHOST|ENET|ETIMEDOUT|ENOTFOUND|EAI_|EPIPE)/.test(code)) return error;
  if (
    !/cert|verify|handshake|alert|tls|ssl|issuer|signed|altname/i.test(`${code} ${error.message}`)
  ) {
    return error;
  }
  return new NetsvcError("unauthorized", `ZooKeeper's TLS is refused: ${error.message}`, {
    cause: error,
  });
}
