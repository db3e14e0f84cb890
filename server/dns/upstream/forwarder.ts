/**
 * Asks other resolvers about names that netsvc doesn't know: the host's resolvers, and those that an adopted
 * container had. Bounded in number and time; never invents a server.
 *
 * Equal questions in progress are asked once, which also ends loops: where a resolver of the host asks a sandbox's
 * resolver again, the second question waits for the first, and the first ends at its deadline.
 *
 * @module
 */
import { sleep } from "../../../lib/async/sleep.ts";
import { atMost } from "../../../lib/async/deadline.ts";
import { errorReply, MAX_PAYLOAD, type Query, RCODES, SAFE_PAYLOAD } from "../codec/codec.ts";
import { count, findOpt, HEADER, lower, withoutOpt, withPayload } from "../codec/records.ts";
import { type Outcome, UpstreamSockets, type Within } from "./upstream_sockets.ts";

/** Time of one server to answer, in milliseconds. */
const TRY_MS = 1500;
/** Time of all servers together, in milliseconds. */
const TOTAL_MS = 5000;
/**
 * Time of all servers together where others are asked after them, in milliseconds: with
 * {@linkcode TOTAL_MS} the client would have timed out before the others answer.
 */
const PART_MS = 3000;
/** Time of a server that recently didn't answer, where others are asked after it, in milliseconds. */
const SUSPECT_TRY_MS = 500;
/** How long a server that didn't answer is asked last, in milliseconds. */
const SUSPECT_MS = 10_000;
/** How long a server that refuses is tried again, in milliseconds: it may be restarting. */
const REFUSED_MS = 2000;
/** Pause between these attempts, in milliseconds. */
const REFUSED_PAUSE_MS = 250;
/** Time after which a server that is asked over TCP is asked over UDP as well, in milliseconds. */
const TCP_ALONE_MS = 400;

/** A server: its address, and its port where it isn't 53. */
export interface Upstream {
  hostname: string;
  port?: number;
}

/** Options of {@linkcode Forwarder}. */
export interface ForwarderOptions {
  /** Runs actions in the namespace from which the servers are asked; by default the daemon's own. */
  within?: Within;
  /** Asked when none of the servers answers, or there are none. */
  otherwise?: Forwarder;
}

/** Response codes of one server after which the next one is asked. */
const TRY_NEXT = new Set<number>([RCODES.FORMERR, RCODES.SERVFAIL, RCODES.REFUSED, RCODES.NOTIMP]);
/** Response codes of a server that doesn't know EDNS (RFC 6891, 7). */
const NO_EDNS = new Set<number>([RCODES.FORMERR, RCODES.NOTIMP]);
const TC = 0x02;

/** A question to ask. */
interface Asked {
  message: Uint8Array;
  query: Query;
  /** The client asks over TCP, so it accepts answers of any length. */
  tcp: boolean;
}

function rcodeOf(reply: Uint8Array): number {
  return reply[3]! & 0xf;
}

/**
 * The key by which two questions are equal: all of it but the id and the case of letters. Different flags and
 * options (CD, DO, AD, cookies, client subnets) ask for different answers.
 */
function keyOf({ message, query, tcp }: Asked): string {
  const end = HEADER + query.questionBytes.length;
  const key = message.slice(2);
  for (let i = HEADER - 2; i < end - 2; i++) key[i] = lower(key[i]!);
  return `${tcp ? "t" : "u"}${String.fromCharCode(...key)}`;
}

/** Forwards queries. */
export class Forwarder {
  readonly #upstreams: () => Upstream[];
  readonly #sockets: UpstreamSockets;
  readonly #otherwise: Forwarder | undefined;
  readonly #underWay = new Map<string, Promise<Uint8Array | undefined>>();
  readonly #suspects = new Map<string, number>();
  readonly #awaited = new Map<string, () => void>();

  /** @param upstreams the servers to ask, in order, as they are at this moment */
  constructor(upstreams: () => Upstream[], { within, otherwise }: ForwarderOptions = {}) {
    this.#upstreams = upstreams;
    this.#sockets = new UpstreamSockets(within);
    this.#otherwise = otherwise;
  }

  /** Number of questions in progress. */
  get size(): number {
    return this.#underWay.size;
  }

  /** Calls `seen` for each question for this name (in lower case), until it is disposed of. */
  expect(name: string, seen: () => void): Disposable {
    this.#awaited.set(name, seen);
    return { [Symbol.dispose]: () => this.#awaited.delete(name) };
  }

  /** The answer to a query, as the server sent it except for the id; SERVFAIL where there is no answer. */
  async forward(message: Uint8Array, query: Query, tcp: boolean): Promise<Uint8Array> {
    return await this.answer(message, query, tcp) ?? errorReply(message, "SERVFAIL", query);
  }

  /** As {@linkcode forward}; `undefined` where no server answers. */
  async answer(message: Uint8Array, query: Query, tcp: boolean): Promise<Uint8Array | undefined> {
    this.#awaited.get(query.question.name.toLowerCase())?.();
    const question = { message, query, tcp };
    const key = keyOf(question);
    let asked = this.#underWay.get(key);
    if (!asked) {
      asked = this.#ask(question).finally(() => this.#underWay.delete(key));
      this.#underWay.set(key, asked);
    }
    const reply = (await asked)?.slice();
    if (!reply) return undefined;
    // A server that didn't understand the query repeats no question.
    if (count(reply, 0) === 0) {
      return errorReply(message, rcodeOf(reply) === RCODES.NOTIMP ? "NOTIMP" : "FORMERR", query);
    }
    reply[0] = query.id >> 8;
    reply[1] = query.id & 0xff;
    // A shared answer repeats the first client's letter case, some servers' answers their own; each client gets its
    // own case back.
    reply.set(query.questionBytes, HEADER);
    return reply;
  }

  async #ask(asked: Asked): Promise<Uint8Array | undefined> {
    const begun = performance.now();
    const deadline = begun + (this.#otherwise ? PART_MS : TOTAL_MS);
    for (let round = 0;; round++) {
      const { reply, last, silent, refused } = await this.#askEach(asked, deadline, round);
      if (reply ?? last) return reply ?? last;
      if (this.#otherwise) {
        return await this.#otherwise.answer(asked.message, asked.query, asked.tcp);
      }
      // Packets get lost, some answers take long, and some servers are restarting.
      const now = performance.now();
      if (now >= (silent ? deadline : refused ? begun + REFUSED_MS : 0)) return undefined;
      if (this.#sockets.closed) return undefined;
      if (!silent) await sleep(REFUSED_PAUSE_MS);
    }
  }

  /** Asks one server after the other: returns the first good reply, otherwise the last of the others. */
  async #askEach(
    asked: Asked,
    deadline: number,
    round: number,
  ): Promise<{ reply?: Uint8Array; last?: Uint8Array; silent: boolean; refused: boolean }> {
    let last: Uint8Array | undefined;
    let [silent, refused] = [false, false];
    for (const server of this.#ordered()) {
      const hurried = this.#otherwise !== undefined && this.#isSuspect(server);
      const patience = hurried ? SUSPECT_TRY_MS : TRY_MS;
      const left = Math.min(patience, deadline - performance.now());
      if (left <= 0) break;
      const reply = await this.#askOne(asked, server, left, round);
      if (typeof reply === "string") {
        // A server that is only slow gets its whole time now and then.
        if (!hurried) this.#suspects.set(server.hostname, performance.now() + SUSPECT_MS);
        silent ||= reply === "silent" || reply === "forged";
        refused ||= reply === "refused";
        continue;
      }
      this.#suspects.delete(server.hostname);
      last = reply;
      if (!TRY_NEXT.has(rcodeOf(reply))) return { reply, silent, refused };
    }
    return { ...last && { last }, silent, refused };
  }

  /** Whether a server recently didn't answer. */
  #isSuspect({ hostname }: Upstream): boolean {
    return (this.#suspects.get(hostname) ?? 0) > performance.now();
  }

  /** The servers in order, those that recently didn't answer last. */
  #ordered(): Upstream[] {
    const suspect = (server: Upstream) => this.#isSuspect(server) ? 1 : 0;
    return [...this.#upstreams()].sort((a, b) => suspect(a) - suspect(b));
  }

  /** One server's answer; a server that doesn't know EDNS is asked again without it. */
  async #askOne(asked: Asked, server: Upstream, ms: number, round: number): Promise<Outcome> {
    const begun = performance.now();
    const outcome = await this.#askIn(asked, server, ms, round);
    const { message, query } = asked;
    if (typeof outcome === "string" || !query.edns) return outcome;
    if (!NO_EDNS.has(rcodeOf(outcome)) || findOpt(outcome)) return outcome;
    const left = ms - (performance.now() - begun);
    if (left <= 0) return outcome;
    const plain = { ...asked, message: withoutOpt(message), query: { ...query, edns: false } };
    const again = await this.#askIn(plain, server, left, round);
    return typeof again === "string" ? outcome : again;
  }

  async #askIn(asked: Asked, upstream: Upstream, ms: number, round: number): Promise<Outcome> {
    const server = { hostname: upstream.hostname, port: upstream.port ?? 53 };
    const begun = performance.now();
    if (asked.tcp) return await this.#askTcp(asked, server, ms);
    // Large answers are fragmented, and some paths drop fragments: a server that stays silent is asked for less.
    const most = round === 0 ? MAX_PAYLOAD : SAFE_PAYLOAD;
    const message = asked.query.edns
      ? withPayload(asked.message, Math.min(asked.query.payload, most))
      : asked.message;
    const outcome = await this.#sockets.ask(message, server, ms);
    if (outcome !== "forged") return outcome;
    return await this.#sockets.askTcp(asked.message, server, ms - (performance.now() - begun));
  }

  /**
   * Asks over TCP and, where that takes long or is refused, over UDP, for as much as a datagram carries: on some
   * paths, and with some servers, TCP doesn't work.
   */
  async #askTcp(
    { message, query }: Asked,
    server: { hostname: string; port: number },
    ms: number,
  ): Promise<Outcome> {
    const begun = performance.now();
    using stop = abortAtEnd();
    const overTcp = this.#sockets.askTcp(message, server, ms, stop.signal);
    const first = await atMost(overTcp, Math.min(TCP_ALONE_MS, ms / 2));
    if (first instanceof Uint8Array) return first;
    const left = ms - (performance.now() - begun);
    const overUdp = this.#sockets.ask(withPayload(message, MAX_PAYLOAD), server, left, stop.signal)
      .then((reply) => {
        if (typeof reply === "string") return reply;
        if (reply[2]! & TC) return "silent";
        return query.edns ? reply : withoutOpt(reply);
      });
    return await Promise.race([overTcp.then(orNever), overUdp.then(orNever), both()]);

    /** The outcome after both attempts; it decides the race only when neither has an answer. */
    async function both(): Promise<Outcome> {
      const [tcp, udp] = await Promise.all([overTcp, overUdp]);
      return typeof tcp !== "string" ? tcp : udp;
    }
  }

  async close(): Promise<void> {
    await this.#sockets.close();
  }
}

/** A signal that aborts at the end of the block that holds it. */
function abortAtEnd(): Disposable & { signal: AbortSignal } {
  const controller = new AbortController();
  return { signal: controller.signal, [Symbol.dispose]: () => controller.abort() };
}

/** An answer; any other outcome never resolves. */
function orNever(outcome: Outcome): Outcome | Promise<never> {
  return typeof outcome === "string" ? new Promise<never>(() => {}) : outcome;
}
