/**
 * Clients of a sandbox's resolver over TCP (RFC 7766): each may pipeline queries and gets the answers as they
 * become ready; queries per connection and connections per sandbox are bounded.
 *
 * @module
 */
import type { Stream } from "../../lib/linux/sockets/polled_stream.ts";
import { errorReply, MAX_QUERY } from "./codec/codec.ts";
import { HEADER } from "./codec/records.ts";
import { frame, within, writeAll } from "./codec/tcp_frame.ts";

/** Most connections of one sandbox. */
const MAX_CONNECTIONS = 64;
/** Most queries of one connection that aren't answered yet. */
const MAX_QUERIES = 16;
/** How long a connection may be idle, or take to send a query or to receive an answer, in milliseconds. */
const IDLE_MS = 10_000;
/**
 * How long the rest of an overlong query is read and discarded, so that the answer to it isn't lost, in
 * milliseconds.
 */
const DRAIN_MS = 1000;

/** Answers a query; `undefined` ends the connection. */
export type AnswerQuery = (message: Uint8Array) => Promise<Uint8Array | undefined>;

class Client {
  readonly #conn: Stream;
  readonly #answer: AnswerQuery;
  #unanswered = 0;
  /** Called when there is room for another query, or no query left to answer. */
  #roomier: (() => void) | undefined;
  /** Bytes read and not consumed yet: from `#start` to `#end`. */
  readonly #buffer = new Uint8Array(2 + MAX_QUERY);
  #start = 0;
  #end = 0;
  /** Answers to write, and whether a write is in progress. */
  #answers: Uint8Array[] = [];
  #writing = false;
  #failed = false;

  constructor(conn: Stream, answer: AnswerQuery) {
    this.#conn = conn;
    this.#answer = answer;
  }

  get idle(): boolean {
    return this.#unanswered === 0;
  }

  close(): void {
    this.#failed = true;
    this.#roomier?.();
    try {
      this.#conn.close();
    } catch {
      // Closed already.
    }
  }

  /** Serves the connection to its end. */
  async serve(active: () => void): Promise<void> {
    try {
      while (!this.#failed) {
        const message = await this.#read();
        if (!message) break;
        active();
        this.#unanswered++;
        this.#reply(message).catch(() => this.close());
        while (this.#unanswered >= MAX_QUERIES && !this.#failed) await this.#room();
      }
      // A client that has closed its sending side still gets its answers.
      while (this.#unanswered > 0 && !this.#failed) await this.#room();
    } finally {
      this.close();
    }
  }

  #room(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#roomier = resolve;
    return promise;
  }

  async #reply(message: Uint8Array): Promise<void> {
    const reply = await this.#answer(message);
    if (!reply) return this.close();
    await this.#write(reply);
    this.#unanswered--;
    this.#roomier?.();
  }

  /** Writes whole answers, and with this one all that have gathered meanwhile. */
  async #write(reply: Uint8Array): Promise<void> {
    this.#answers.push(reply);
    if (this.#writing) return;
    this.#writing = true;
    while (this.#answers.length > 0) {
      const bytes = frame(this.#answers.splice(0));
      await within({ conn: this.#conn, ms: IDLE_MS }, () => writeAll(this.#conn, bytes));
    }
    this.#writing = false;
  }

  async #read(): Promise<Uint8Array | undefined> {
    if (!await this.#has(2)) return undefined;
    const length = (this.#buffer[this.#start]! << 8) | this.#buffer[this.#start + 1]!;
    const longest = length <= MAX_QUERY ? length : HEADER;
    if (!await this.#has(2 + longest)) return undefined;
    const message = this.#buffer.slice(this.#start + 2, this.#start + 2 + longest);
    this.#start += 2 + longest;
    if (length <= MAX_QUERY) return message;
    await this.#write(errorReply(message, "FORMERR"));
    await this.#drain(length - HEADER - (this.#end - this.#start));
    return undefined;
  }

  /** Whether so many bytes are in the buffer, or arrive in time. */
  async #has(bytes: number): Promise<boolean> {
    if (this.#end - this.#start >= bytes) return true;
    return await within({ conn: this.#conn, ms: IDLE_MS }, async () => {
      while (this.#end - this.#start < bytes) {
        this.#buffer.copyWithin(0, this.#start, this.#end);
        this.#end -= this.#start;
        this.#start = 0;
        const n = await this.#conn.read(this.#buffer.subarray(this.#end));
        if (n === null) return false;
        this.#end += n;
      }
      return true;
    }) ?? false;
  }

  async #drain(left: number): Promise<void> {
    const buffer = new Uint8Array(MAX_QUERY);
    await within({ conn: this.#conn, ms: DRAIN_MS }, async () => {
      for (let n: number | null = 0; n !== null && left > 0; left -= n ?? 0) {
        n = await this.#conn.read(buffer);
      }
    });
  }
}

/** The TCP clients of one sandbox. */
export class TcpClients {
  readonly #answer: AnswerQuery;
  readonly #hold: () => Disposable;
  /** In order of activity, the most recently active last. */
  readonly #clients = new Set<Client>();

  /** @param hold keeps timers running for the length of a connection */
  constructor(answer: AnswerQuery, hold: () => Disposable) {
    this.#answer = answer;
    this.#hold = hold;
  }

  /** Serves a connection; where there are too many, closes the one that has been idle longest. */
  serve(conn: Stream): void {
    if (this.#clients.size >= MAX_CONNECTIONS) {
      const [first] = this.#clients;
      const idle = this.#clients.values().find((client) => client.idle) ?? first!;
      this.#clients.delete(idle);
      idle.close();
    }
    const client = new Client(conn, this.#answer);
    this.#clients.add(client);
    const active = () => {
      if (this.#clients.delete(client)) this.#clients.add(client);
    };
    const held = this.#hold();
    client.serve(active).catch(() => {}).finally(() => {
      held[Symbol.dispose]();
      this.#clients.delete(client);
    });
  }

  /** Closes all connections. */
  close(): void {
    for (const client of this.#clients) client.close();
    this.#clients.clear();
  }
}
