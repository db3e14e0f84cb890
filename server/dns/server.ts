/**
 * Serves the names of sandboxes on sockets that live inside them, all on the daemon's event loop.
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
import {
  encodeAnswer,
  errorReply,
  MAX_MESSAGE,
  parseQuery,
  type Query,
  truncateForwarded,
} from "./codec.ts";
import type { Forwarder } from "./forwarder.ts";
import { PacketCache } from "./packet_cache.ts";
import { readFrame, within, writeFrame } from "./tcp_frame.ts";
import { answerFrom, type LocalAnswer, type View } from "./view.ts";

const log = getLogger(["netsvc", "dns"]);

/** Longest query read, in bytes. */
const MAX_QUERY = 4096;
/** Of one sandbox: forwarded questions under way, TCP connections, datagrams being sent. */
const MAX_FORWARDED = 100, MAX_CONNECTIONS = 64, MAX_SENDING = 256;
/** A TCP connection may be idle, or slow to take an answer, for this long, in milliseconds. */
const TCP_IDLE_MS = 10_000;
/** Orders in which the addresses of one name are given, at most. */
const MAX_ROTATIONS = 16;
/** Rest after a socket error that may pass, in milliseconds. */
const ERROR_PAUSE_MS = 10;

/** How a query was answered, for the metrics. */
export type QueryKind = "local" | "cached" | "forwarded" | "refused" | "error";

/** Options of {@linkcode ResolverServer}. */
export interface ResolverOptions {
  forwarder: Forwarder;
  /** Counts queries. */
  count?: (kind: QueryKind) => void;
}

/** Sockets of one sandbox's resolver. */
export interface ResolverSockets {
  udp: Deno.DatagramConn;
  tcp: Deno.Listener;
}

/** A sandbox that is served. */
export interface ServedSandbox {
  /** Answers from another view, from the next query on. */
  update(view: View): void;
  /** Closes the sockets. */
  close(): Promise<void>;
}

class Sandbox implements ServedSandbox {
  readonly #sockets: ResolverSockets;
  readonly #options: ResolverOptions;
  readonly #cache = new PacketCache();
  readonly #connections = new Set<Deno.Conn>();
  readonly #loops: Promise<void>[];
  #view: View;
  #forwarding = 0;
  #sending = 0;
  #closed = false;

  constructor(sockets: ResolverSockets, view: View, options: ResolverOptions) {
    this.#sockets = sockets;
    this.#view = view;
    this.#options = options;
    this.#loops = [this.#serveUdp(), this.#serveTcp()];
  }

  update(view: View): void {
    this.#view = view;
    this.#cache.clear();
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#sockets.udp.close();
    this.#sockets.tcp.close();
    for (const conn of this.#connections) closeQuietly(conn);
    await Promise.all(this.#loops);
  }

  async #serveUdp(): Promise<void> {
    const buffer = new Uint8Array(MAX_QUERY);
    const { udp } = this.#sockets;
    while (!this.#closed) {
      try {
        const [message, from] = await udp.receive(buffer);
        const cached = this.#cache.get(message);
        if (cached) {
          this.#options.count?.("cached");
          this.#send(cached, from);
        } else this.#answerUdp(message, from);
      } catch (error) {
        if (this.#closed) return;
        // An ICMP error of an earlier answer, or memory that is short: it passes.
        log.debug("A resolver's socket failed: {error}", { error });
        await new Promise((resolve) => setTimeout(resolve, ERROR_PAUSE_MS));
      }
    }
  }

  /** Sends without waiting; a client that doesn't read costs no other one its answer. */
  #send(message: Uint8Array, to: Deno.Addr): void {
    if (this.#sending >= MAX_SENDING) return;
    this.#sending++;
    this.#sockets.udp.send(message, to).then(() => this.#sending--, () => this.#sending--);
  }

  #answerUdp(message: Uint8Array, from: Deno.Addr): void {
    const parsed = parseQuery(message);
    if (!parsed.ok) {
      this.#options.count?.("error");
      if (!parsed.drop) this.#send(parsed.reply, from);
      return;
    }
    const { query } = parsed;
    const answer = answerFrom(this.#view, query.question);
    if (answer !== "forward") {
      this.#options.count?.(answer.rcode === "REFUSED" ? "refused" : "local");
      const variants = rotations(answer)
        .map((variant) => encodeAnswer(query, variant, query.payload));
      this.#cache.set(message, variants);
      this.#send(variants[0]!, from);
      return;
    }
    const copy = message.slice(); // The buffer is the next query's.
    this.#forward(copy, query, false).then((reply) => {
      if (this.#closed) return;
      this.#send(reply.length > query.payload ? truncateForwarded(query) : reply, from);
    }).catch((error) => log.error("A query failed: {error}", { error }));
  }

  async #forward(message: Uint8Array, query: Query, tcp: boolean): Promise<Uint8Array> {
    if (this.#forwarding >= MAX_FORWARDED) {
      this.#options.count?.("error");
      return errorReply(message, "SERVFAIL", query);
    }
    this.#options.count?.("forwarded");
    this.#forwarding++;
    try {
      return await this.#options.forwarder.forward(message, query, tcp);
    } finally {
      this.#forwarding--;
    }
  }

  async #serveTcp(): Promise<void> {
    while (!this.#closed) {
      try {
        const conn = await this.#sockets.tcp.accept();
        if (this.#connections.size >= MAX_CONNECTIONS) {
          closeQuietly(conn);
          continue;
        }
        this.#connections.add(conn);
        this.#serveConnection(conn).catch(() => {}).finally(() => {
          this.#connections.delete(conn);
          closeQuietly(conn);
        });
      } catch (error) {
        if (this.#closed) return;
        log.debug("A resolver's listener failed: {error}", { error });
        await new Promise((resolve) => setTimeout(resolve, ERROR_PAUSE_MS));
      }
    }
  }

  /** Answers the queries of a connection, one after the other, in their order. */
  async #serveConnection(conn: Deno.Conn): Promise<void> {
    while (!this.#closed) {
      const message = await within(conn, TCP_IDLE_MS, () => readFrame(conn));
      if (!message) return;
      const reply = await this.#answerTcp(message);
      if (!reply) return;
      await within(conn, TCP_IDLE_MS, () => writeFrame(conn, reply));
    }
  }

  async #answerTcp(message: Uint8Array): Promise<Uint8Array | undefined> {
    const parsed = parseQuery(message);
    if (!parsed.ok) {
      this.#options.count?.("error");
      return parsed.drop ? undefined : parsed.reply;
    }
    const answer = answerFrom(this.#view, parsed.query.question);
    if (answer === "forward") return await this.#forward(message, parsed.query, true);
    this.#options.count?.(answer.rcode === "REFUSED" ? "refused" : "local");
    return encodeAnswer(parsed.query, answer, MAX_MESSAGE);
  }
}

/** An answer in the orders in which it is given in turn, each beginning at another address. */
function rotations(answer: LocalAnswer): LocalAnswer[] {
  const { answers } = answer;
  if (!answer.rotate || answers.length < 2) return [answer];
  const count = Math.min(answers.length, MAX_ROTATIONS);
  // From a random start, or every view's first asker would get the same one.
  const offset = Math.floor(Math.random() * answers.length);
  return Array.from({ length: count }, (_, i) => {
    const start = (offset + Math.floor((i * answers.length) / count)) % answers.length;
    return { ...answer, answers: [...answers.slice(start), ...answers.slice(0, start)] };
  });
}

function closeQuietly(conn: Deno.Conn): void {
  try {
    conn.close();
  } catch {
    // Closed already.
  }
}

/** The resolver of all sandboxes. */
export class ResolverServer {
  readonly #options: ResolverOptions;

  constructor(options: ResolverOptions) {
    this.#options = options;
  }

  /** Asks the host's resolvers. */
  get forwarder(): Forwarder {
    return this.#options.forwarder;
  }

  /** Serves a sandbox on sockets that were opened inside it; `forwarder`: one of its own. */
  serve(sockets: ResolverSockets, view: View, forwarder = this.#options.forwarder): ServedSandbox {
    return new Sandbox(sockets, view, { ...this.#options, forwarder });
  }
}
