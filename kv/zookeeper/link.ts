/**
 * A connection to any reachable server of the ensemble, opened again whenever it ends.
 *
 * @module
 */
import { NetsvcError } from "../../lib/api/errors.ts";
import { backoff } from "../../lib/async/backoff.ts";
import { sleep } from "../../lib/async/sleep.ts";
import type { StoreUrl } from "../url/store_url.ts";
import { Connection, type Session, SessionExpired } from "./connection.ts";

/** Longest time that a call waits for a connection, in milliseconds. */
const WAIT_MS = 2500;
/** After an outage of this length, in milliseconds, waiting calls fail with the next failed attempt. */
const GRACE_MS = 1000;

/** Options of {@linkcode Link}. */
export interface LinkOptions {
  url: StoreUrl;
  /** Session timeout in milliseconds. */
  timeout: number;
  /** Whether the next connection goes on with the session of the last. */
  keepSession: boolean;
  /** Longest pause between two attempts, in milliseconds. */
  pause: number;
  /** Runs on each new connection before others get it. */
  prepare(connection: Connection): Promise<void>;
  /** Called when the kept session has expired. */
  expired?(): void;
}

export class Link {
  readonly #options: LinkOptions;
  readonly #stop = new AbortController();
  readonly #waiting = new Set<PromiseWithResolvers<Connection>>();
  readonly #running: Promise<void>;
  #current: Connection | undefined;
  #session: Session | undefined;
  #error: NetsvcError = new NetsvcError("unavailable", "ZooKeeper is not connected yet");
  #awaySince = performance.now();

  constructor(options: LinkOptions) {
    this.#options = options;
    this.#running = this.#run();
  }

  /** @throws {NetsvcError} `unavailable`, `unauthorized` */
  async connection(): Promise<Connection> {
    if (this.#current) return this.#current;
    if (this.#stop.signal.aborted) throw closed();
    const waiting = Promise.withResolvers<Connection>();
    this.#waiting.add(waiting);
    const timer = setTimeout(() => waiting.reject(this.#error), WAIT_MS);
    try {
      return await waiting.promise;
    } finally {
      clearTimeout(timer);
      this.#waiting.delete(waiting);
    }
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    const endpoints = this.#options.url.endpoints.toSorted(() => Math.random() - 0.5);
    for (let failures = 0; !signal.aborted;) {
      const endpoint = endpoints.shift()!;
      endpoints.push(endpoint);
      try {
        const connection = await this.#open(endpoint);
        if (!connection) return;
        failures = 0;
        await connection.closed;
        this.#current = undefined;
        this.#awaySince = performance.now();
        await sleep(backoff(1, { longest: 50 }), signal);
      } catch (error) {
        this.#fail(error);
        failures++;
        // All servers are tried before the first pause.
        if (failures % endpoints.length === 0) {
          await sleep(
            backoff(failures / endpoints.length, { longest: this.#options.pause }),
            signal,
          );
        }
      }
    }
  }

  async #open(endpoint: StoreUrl["endpoints"][number]): Promise<Connection | undefined> {
    const { url, timeout, keepSession, prepare, expired } = this.#options;
    let connection: Connection;
    try {
      const session = keepSession ? this.#session : undefined;
      connection = await Connection.open(endpoint, { timeout, url, session });
    } catch (error) {
      if (!(error instanceof SessionExpired)) throw error;
      this.#error = new NetsvcError("unavailable", "The session expired");
      this.#stop.abort();
      this.#refuse();
      expired?.();
      return undefined;
    }
    this.#session = connection.session;
    try {
      await prepare(connection);
    } catch (error) {
      if (keepSession) connection.destroy(error as Error);
      else await connection.close();
      throw error;
    }
    if (this.#stop.signal.aborted) {
      await connection.close();
      return undefined;
    }
    this.#current = connection;
    for (const { resolve } of this.#waiting) resolve(connection);
    return connection;
  }

  #fail(error: unknown): void {
    this.#error = error instanceof NetsvcError
      ? error
      : new NetsvcError("unavailable", `ZooKeeper failed: ${error}`, { cause: error });
    const away = performance.now() - this.#awaySince;
    if (this.#error.code === "unauthorized" || away > GRACE_MS) this.#refuse();
  }

  #refuse(): void {
    for (const { reject } of this.#waiting) reject(this.#error);
  }

  /** Makes another connection, with the login and the certificates that the URL has now. */
  reconnect(): void {
    this.#current?.destroy(new Error("the login or the certificates were renewed"));
  }

  /** Ends the session and the connection. */
  async close(): Promise<void> {
    this.#end();
    await this.#current?.close();
    await this.#running;
  }

  /** Ends the connection alone: the session lasts as long as the server waits for another one. */
  async abandon(): Promise<void> {
    const { message } = this.#end();
    this.#current?.destroy(new Error(message));
    await this.#running;
  }

  #end(): NetsvcError {
    this.#stop.abort();
    this.#error = closed();
    this.#refuse();
    return this.#error;
  }
}

function closed(): NetsvcError {
  return new NetsvcError("unavailable", "The store is closed");
}
