/**
 * The names of one sandbox, served on sockets that live inside it.
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
import { sleep } from "../../lib/async/sleep.ts";
import { acceptFrom } from "../../lib/linux/sockets/bound_socket.ts";
import {
  type Came,
  type DatagramBatch,
  sendDatagram,
  type Sender,
} from "../../lib/linux/sockets/datagram_batch.ts";
import { EPOLLIN, type Poller } from "../../lib/linux/sockets/poller.ts";
import { PolledStream } from "../../lib/linux/sockets/polled_stream.ts";
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

/** Connections of one sandbox that are accepted in a row, before other sockets have their turn. */
const MAX_ACCEPTED = 16;
/** Time that a forwarded question costs the event loop beside what is measured, in milliseconds. */
const FORWARD_MS = 0.2;
/** The same for a query over TCP, in milliseconds. */
const TCP_MS = 0.1;
/** How long queries are still answered at the end, in milliseconds. */
const FINISH_MS = 300;
/** Pause between two looks for further queries then, in milliseconds. */
const FINISH_PAUSE_MS = 20;

/** How a query was answered, for the metrics. */
export type QueryKind = "local" | "cached" | "forwarded" | "refused" | "error";

/** The state that the sandboxes of one server share. */
export interface Shared {
  poller: Poller;
  batch: DatagramBatch;
  forwarder: Forwarder;
  words: () => WordRules;
  turns: Turns;
  loop: SharedLoop;
  count?: (kind: QueryKind, queries: number) => void;
  /** Takes the changes of names that have been told by now. @returns whether to answer from them */
  catchUp?: () => boolean;
}

/** Sockets of one sandbox's resolver, which belong to who has opened them: descriptors. */
export interface ResolverSockets {
  udp: number;
  /** Listens. */
  tcp: number;
  /** Queries that arrived before the sandbox was served. */
  waiting?: Came[];
}

/** A sandbox that is served. */
export interface ServedSandbox {
  /** Uses another view, from the next query on. */
  update(view: View): void;
  /** Uses the sockets no more. */
  close(): void;
  /** Answers the queries that have arrived, for a short time, and uses the sockets no more. */
  finish(): Promise<void>;
}

const always = () => true;

export class Sandbox implements ServedSandbox {
  readonly #udp: number;
  readonly #tcp: number;
  readonly #options: Shared;
  readonly #cache = new PacketCache();
  readonly #pace: Pace;
  readonly #clients: TcpClients;
  #view: View;
  /** The version of the view that the cached answers are from. */
  #version = 0;
  #forwarding = 0;
  /** Number of datagrams received. */
  #seen = 0;
  #closed = false;

  constructor({ udp, tcp, waiting }: ResolverSockets, view: View, options: Shared) {
    [this.#udp, this.#tcp] = [udp, tcp];
    this.#view = view;
    this.#options = options;
    this.#pace = new Pace(options.loop);
    const { poller } = options;
    this.#clients = new TcpClients((message) => this.#answerTcp(message), () => poller.hold());
    for (const came of waiting ?? []) {
      const reply = this.#answerUdp(came);
      if (reply) sendDatagram(udp, { message: reply, to: came.from });
    }
    poller.add(udp, EPOLLIN, () => this.#drain());
    poller.add(tcp, EPOLLIN, () => this.#accept());
  }

  update(view: View): void {
    this.#view = view;
    this.#version = versionOf(view);
    this.#cache.clear();
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#options.poller.remove(this.#udp);
    this.#options.poller.remove(this.#tcp);
    this.#clients.close();
  }

  async finish(): Promise<void> {
    using _timers = this.#options.poller.hold();
    const deadline = performance.now() + FINISH_MS;
    for (let seen = -1; seen !== this.#seen || this.#forwarding > 0;) {
      if (performance.now() >= deadline) break;
      seen = this.#seen;
      await sleep(FINISH_PAUSE_MS);
    }
    this.close();
  }

  /** Answers what has come, a batch of it; what is left is ready when other sandboxes have had their turn. */
  #drain(): void {
    const { batch, count, catchUp = always } = this.#options;
    if (!catchUp()) return; // Another thread takes what has come.
    const received = batch.receive(this.#udp);
    if (received < 0) return; // None; or an ICMP error for an earlier answer, which is over by this.
    this.#seen += received;
    // After the receiving: who asks has seen no change that isn't told by now.
    if (!catchUp() || this.#closed) return;
    this.#refreshCache();
    let cached = 0;
    for (let i = 0; i < received; i++) {
      const length = this.#cache.answer(batch.slot(i), batch.lengthOf(i), batch.room);
      if (length > 0) {
        cached++;
        batch.answer(i, length);
        continue;
      }
      const came = batch.came(i);
      const reply = this.#answerUdp(came);
      if (!reply) continue;
      if (reply.length > batch.room.length) {
        sendDatagram(this.#udp, { message: reply, to: came.from });
      } else {
        batch.room.set(reply);
        batch.answer(i, reply.length);
      }
    }
    batch.send(this.#udp);
    if (cached > 0) count?.("cached", cached);
    if (this.#pace.spent) this.#rest().catch((error) => log.error("No rest: {error}", { error }));
  }

  /** Drops the cached answers when the view has changed; nobody tells, since a network may have many sandboxes. */
  #refreshCache(): void {
    const version = versionOf(this.#view);
    if (version === this.#version) return;
    this.#version = version;
    this.#cache.clear();
  }

  /** Lets queries wait until the sandbox may have work done again. */
  async #rest(): Promise<void> {
    const { poller } = this.#options;
    using _timers = poller.hold();
    poller.change(this.#udp, 0);
    await this.#pace.ready();
    if (!this.#closed) poller.change(this.#udp, EPOLLIN);
  }

  /** The answer to a datagram, unless it comes later or never; its bytes are copied where it comes later. */
  #answerUdp({ message, from }: Came): Uint8Array | undefined {
    const { count } = this.#options;
    const parsed = parseQuery(message);
    if (!parsed.ok) {
      count?.("error", 1);
      return parsed.drop ? undefined : parsed.reply;
    }
    const { query } = parsed;
    const answer = answerFrom(this.#view, query.question);
    if (answer !== "forward") {
      count?.(answer.rcode === "REFUSED" ? "refused" : "local", 1);
      return this.#cache.set(message, encodeTurning(query, answer));
    }
    this.#forwardUdp(message.slice(), query, from)
      .catch((error) => log.error("A query failed: {error}", { error }));
    return undefined;
  }

  async #forwardUdp(message: Uint8Array, query: Query, from: Sender): Promise<void> {
    const reply = await this.#forward(message, query, false);
    if (this.#closed) return;
    const fitting = reply.length > query.payload ? truncateForwarded(query) : reply;
    sendDatagram(this.#udp, { message: fitting, to: from });
  }

  async #forward(message: Uint8Array, query: Query, tcp: boolean): Promise<Uint8Array> {
    const { poller, turns, count, words, forwarder } = this.#options;
    using _timers = poller.hold();
    this.#pace.charge(FORWARD_MS);
    this.#forwarding++;
    try {
      using turn = await turns.take(this);
      count?.(turn ? "forwarded" : "error", 1);
      const reply = turn && !this.#closed &&
        await askOutside({ message, query, tcp }, { rules: words(), forwarder });
      return reply || errorReply(message, "SERVFAIL", query);
    } finally {
      this.#forwarding--;
    }
  }

  #accept(): void {
    for (let i = 0; i < MAX_ACCEPTED; i++) {
      const taken = acceptFrom(this.#tcp);
      if (!taken) return;
      this.#clients.serve(new PolledStream(this.#options.poller, taken.fd));
    }
  }

  async #answerTcp(message: Uint8Array): Promise<Uint8Array | undefined> {
    if (this.#pace.spent) await this.#pace.ready();
    this.#pace.charge(TCP_MS);
    return await this.#pace.run(() => this.#answerNow(message));
  }

  #answerNow(message: Uint8Array): Uint8Array | undefined | Promise<Uint8Array> {
    const { count, catchUp = always } = this.#options;
    if (!catchUp()) return undefined;
    const parsed = parseQuery(message);
    if (!parsed.ok) {
      count?.("error", 1);
      return parsed.drop ? undefined : parsed.reply;
    }
    const answer = answerFrom(this.#view, parsed.query.question);
    if (answer === "forward") return this.#forward(message, parsed.query, true);
    count?.(answer.rcode === "REFUSED" ? "refused" : "local", 1);
    return encodeAnswer(parsed.query, answer);
  }
}
