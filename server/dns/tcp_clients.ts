/**
 * Clients of a sandbox's resolver over TCP (RFC 7766): each may send further queries before it has the
 * answers, which come as they are ready; each only so many, and all only so many connections.
 *
 * @module
 */
import { errorReply, MAX_QUERY } from "./codec.ts";
import { HEADER } from "./records.ts";
import { readFull, within, writeFrame } from "./tcp_frame.ts";

/** Connections of one sandbox; queries of one connection that aren't answered yet. */
const MAX_CONNECTIONS = 64, MAX_QUERIES = 16;
/** A connection may be idle, or slow to send a query or to take an answer, this long, in milliseconds. */
const IDLE_MS = 10_000;
/** What follows a query that is too long is read away, so that the answer to it isn't lost. */
const DRAIN_MS = 1000;

/** Answers a query; `undefined`: the connection ends. */
export type AnswerQuery = (message: Uint8Array) => Promise<Uint8Array | undefined>;

class Client {
  readonly #conn: Deno.Conn;
  readonly #answer: AnswerQuery;
  #unanswered = 0;
  /** Called when there is room for another query, or none left to be answered. */
  #roomier: (() => void) | undefined;
  #written: Promise<unknown> = Promise.resolve();
  #failed = false;

  constructor(conn: Deno.Conn, answer: AnswerQuery) {
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
        const message = await within(this.#conn, IDLE_MS, () => this.#read());
        if (!message) break;
        active();
        this.#unanswered++;
        this.#reply(message).catch(() => this.close());
        while (this.#unanswered >= MAX_QUERIES && !this.#failed) await this.#room();
      }
      // Who has sent all that he had still gets his answers.
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

  /** Whole, one after the other. */
  #write(reply: Uint8Array): Promise<unknown> {
    return this.#written = this.#written.then(() =>
      within(this.#conn, IDLE_MS, () => writeFrame(this.#conn, reply))
    );
  }

  async #read(): Promise<Uint8Array | undefined> {
    const head = await readFull(this.#conn, 2);
    if (!head) return undefined;
    const length = (head[0]! << 8) | head[1]!;
    if (length <= MAX_QUERY) return await readFull(this.#conn, length);
    const start = await readFull(this.#conn, HEADER);
    if (!start) return undefined;
    await this.#write(errorReply(start, "FORMERR"));
    await this.#drain(length - HEADER);
    return undefined;
  }

  async #drain(left: number): Promise<void> {
    const buffer = new Uint8Array(MAX_QUERY);
    await within(this.#conn, DRAIN_MS, async () => {
      for (let n: number | null = 0; n !== null && left > 0; left -= n ?? 0) {
        n = await this.#conn.read(buffer);
      }
    });
  }
}

/** The clients of one sandbox. */
export class TcpClients {
  readonly #answer: AnswerQuery;
  /** Those that were active lately come last. */
  readonly #clients = new Set<Client>();

  constructor(answer: AnswerQuery) {
    this.#answer = answer;
  }

  /** Serves a connection; where there are too many, the one that has done nothing for longest ends. */
  serve(conn: Deno.Conn): void {
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
    client.serve(active).catch(() => {}).finally(() => this.#clients.delete(client));
  }

  /** Ends all of them. */
  close(): void {
    for (const client of this.#clients) client.close();
    this.#clients.clear();
  }
}
