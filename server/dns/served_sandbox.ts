/**
 * The names of one sandbox, served on sockets that live inside it.
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
import { sleep } from "../../lib/async/sleep.ts";
import type { Came, DrainedSocket, Sender } from "../../lib/linux/sockets/drained_socket.ts";
import {
  encodeAnswer,
  encodeTurning,
  errorReply,
  parseQuery,
  type Query,
  truncateForwarded,
} from "./codec/codec.ts";
import type { Forwarder } from "./upstream/forwarder.ts";
import { PacketCache } from "./packet_cache.ts";
import { Pace, type SharedLoop } from "./pace.ts";
import { askOutside, type WordRules } from "./zones/search.ts";
import { TcpClients } from "./tcp_clients.ts";
import type { Turns } from "./turns.ts";
import { versionOf } from "./zones/names.ts";
import { answerFrom, type View } from "./zones/view.ts";

const log = getLogger(["netsvc", "dns"]);

/** Queries of one sandbox that are answered in a row, before the event loop polls other sockets. */
const MAX_DRAINED = 64;
/** Time that a forwarded question costs the event loop beside what is measured, in milliseconds. */
const FORWARD_MS = 0.2;
/** The same for a query over TCP, in milliseconds. */
const TCP_MS = 0.1;
/** How long queries are still answered at the end, in milliseconds. */
const FINISH_MS = 300;
/** Pause between two looks for further queries then, in milliseconds. */
const FINISH_PAUSE_MS = 20;
/** Pause after a socket error that may be temporary, in milliseconds. */
const ERROR_PAUSE_MS = 10;

/** How a query was answered, for the metrics. */
export type QueryKind = "local" | "cached" | "forwarded" | "refused" | "error";

/** The state that the sandboxes of one server share. */
export interface Shared {
  forwarder: Forwarder;
  words: () => WordRules;
  turns: Turns;
  loop: SharedLoop;
  count?: (kind: QueryKind) => void;
}

/** Sockets of one sandbox's resolver. */
export interface ResolverSockets {
  /** Receives one byte more than {@linkcode MAX_QUERY}, so that longer queries show. */
  udp: DrainedSocket;
  tcp: Deno.Listener;
  /** Queries that arrived before the sandbox was served. */
  waiting?: Came[];
}

/** A sandbox that is served. */
export interface ServedSandbox {
  /** Uses another view, from the next query on. */
  update(view: View): void;
  /** Closes the sockets. */
  close(): Promise<void>;
  /** Answers the queries that have arrived, for a short time, and closes the sockets. */
  finish(): Promise<void>;
}

export class Sandbox implements ServedSandbox {
  readonly #sockets: ResolverSockets;
  readonly #options: Shared;
  readonly #cache = new PacketCache();
  readonly #pace: Pace;
  readonly #clients: TcpClients;
  readonly #loops: Promise<void>[];
  #view: View;
  /** The version of the view that the cached answers are from. */
  #version = 0;
  #forwarding = 0;
  /** Number of datagrams received. */
  #seen = 0;
  #closed = false;

  constructor(sockets: ResolverSockets, view: View, options: Shared) {
    this.#sockets = sockets;
    this.#view = view;
    this.#options = options;
    this.#pace = new Pace(options.loop);
    this.#clients = new TcpClients((message) => this.#answerTcp(message));
    for (const { message, from } of sockets.waiting ?? []) this.#answerUdp(message, from);
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
    this.#clients.close();
    await Promise.all(this.#loops);
  }

  async finish(): Promise<void> {
    const deadline = performance.now() + FINISH_MS;
    for (let seen = -1; seen !== this.#seen || this.#forwarding > 0;) {
      if (performance.now() >= deadline) break;
      seen = this.#seen;
      await sleep(FINISH_PAUSE_MS);
    }
    await this.close();
  }

  async #serveUdp(): Promise<void> {
    const { udp } = this.#sockets;
    while (!this.#closed) {
      try {
        if (this.#pace.spent) await this.#pace.ready();
        const first = await udp.receive();
        this.#pace.run(() => this.#drain(first));
      } catch (error) {
        if (this.#closed) return;
        // An ICMP error for an earlier answer, or a shortage of memory: temporary.
        log.debug("A resolver's socket failed: {error}", { error });
        await sleep(ERROR_PAUSE_MS);
      }
    }
  }

  /** Answers a datagram and those that have arrived with it. */
  #drain(first: Came): void {
    const { udp } = this.#sockets;
    this.#refreshCache();
    let came: Came | undefined = first;
    for (let n = 0; came; came = ++n < MAX_DRAINED ? udp.next() : undefined) {
      this.#seen++;
      const { message, from } = came;
      const cached = this.#cache.get(message);
      if (cached) {
        this.#options.count?.("cached");
        udp.send(cached, from);
      } else this.#answerUdp(message, from);
    }
  }

  /** Drops the cached answers when the view has changed; nobody tells, since a network may have many sandboxes. */
  #refreshCache(): void {
    const version = versionOf(this.#view);
    if (version === this.#version) return;
    this.#version = version;
    this.#cache.clear();
  }

  #answerUdp(message: Uint8Array, from: Sender): void {
    const parsed = parseQuery(message);
    if (!parsed.ok) {
      this.#options.count?.("error");
      if (!parsed.drop) this.#sockets.udp.send(parsed.reply, from);
      return;
    }
    const { query } = parsed;
    const answer = answerFrom(this.#view, query.question);
    if (answer !== "forward") {
      this.#options.count?.(answer.rcode === "REFUSED" ? "refused" : "local");
      this.#sockets.udp.send(
        this.#cache.set(message, encodeTurning(query, answer)),
        from,
      );
      return;
    }
    const copy = message.slice(); // Copied, since the next query reuses the buffer.
    this.#forward(copy, query, false).then((reply) => {
      if (this.#closed) return;
      this.#sockets.udp.send(reply.length > query.payload ? truncateForwarded(query) : reply, from);
    }).catch((error) => log.error("A query failed: {error}", { error }));
  }

  async #forward(message: Uint8Array, query: Query, tcp: boolean): Promise<Uint8Array> {
    const { turns, count, words, forwarder } = this.#options;
    this.#pace.charge(FORWARD_MS);
    this.#forwarding++;
    try {
      using turn = await turns.take(this);
      count?.(turn ? "forwarded" : "error");
      const reply = turn && !this.#closed &&
        await askOutside({ message, query, tcp }, { rules: words(), forwarder });
      return reply || errorReply(message, "SERVFAIL", query);
    } finally {
      this.#forwarding--;
    }
  }

  async #serveTcp(): Promise<void> {
    while (!this.#closed) {
      try {
        const conn = await this.#sockets.tcp.accept();
        this.#clients.serve(conn);
      } catch (error) {
        if (this.#closed) return;
        log.debug("A resolver's listener failed: {error}", { error });
        await sleep(ERROR_PAUSE_MS);
      }
    }
  }

  async #answerTcp(message: Uint8Array): Promise<Uint8Array | undefined> {
    if (this.#pace.spent) await this.#pace.ready();
    this.#pace.charge(TCP_MS);
    return await this.#pace.run(() => this.#answerNow(message));
  }

  #answerNow(message: Uint8Array): Uint8Array | undefined | Promise<Uint8Array> {
    const parsed = parseQuery(message);
    if (!parsed.ok) {
      this.#options.count?.("error");
      return parsed.drop ? undefined : parsed.reply;
    }
    const answer = answerFrom(this.#view, parsed.query.question);
    if (answer === "forward") return this.#forward(message, parsed.query, true);
    this.#options.count?.(answer.rcode === "REFUSED" ? "refused" : "local");
    return encodeAnswer(parsed.query, answer);
  }
}
