/**
 * Asks other resolvers what netsvc doesn't know: the host's own, and those that a container of another
 * program had. Bounded in number and time; never invents a server.
 *
 * Equal questions under way are asked once, which also ends loops: where a resolver of the host
 * asks a sandbox's resolver again, the second question waits for the first, and the first ends at
 * its deadline.
 *
 * @module
 */
import type { Query } from "./codec.ts";
import { errorReply, RCODES } from "./codec.ts";
import { readFrame, within, writeFrame } from "./tcp_frame.ts";
import { UpstreamSockets, type Within } from "./upstream_sockets.ts";

/** One server's time to answer, and that of all together, in milliseconds. */
const TRY_MS = 1500, TOTAL_MS = 5000;
/**
 * Where others are asked after them the two are shorter, or whoever asked would have given up by then:
 * the time of all together, and that of a server that lately didn't answer.
 */
const PART_MS = 3000, SUSPECT_TRY_MS = 500;
/** Questions under way, of all sandboxes. */
const MAX_UNDER_WAY = 1000;
/** A server that didn't answer is asked last for this long, in milliseconds. */
const SUSPECT_MS = 10_000;

/** A server: its address, and its port where it isn't 53. */
export interface Upstream {
  hostname: string;
  port?: number;
}

/** Options of {@linkcode Forwarder}. */
export interface ForwarderOptions {
  /** From where the servers are asked; the daemon's own namespace unless given. */
  within?: Within;
  /** Asked where none of the servers answers at all, or there is none. */
  otherwise?: Forwarder;
}

/** Response codes with which one server's answer is not everyone's. */
const TRY_NEXT = new Set<number>([RCODES.SERVFAIL, RCODES.REFUSED, RCODES.NOTIMP]);

/** Forwards queries. */
export class Forwarder {
  readonly #upstreams: () => Upstream[];
  readonly #sockets: UpstreamSockets;
  readonly #within: Within | undefined;
  readonly #otherwise: Forwarder | undefined;
  readonly #underWay = new Map<string, Promise<Uint8Array | undefined>>();
  readonly #suspects = new Map<string, number>();
  readonly #awaited = new Map<string, () => void>();

  /** @param upstreams the servers to ask, in order, as they are at this moment */
  constructor(upstreams: () => Upstream[], { within, otherwise }: ForwarderOptions = {}) {
    this.#upstreams = upstreams;
    this.#sockets = new UpstreamSockets(within);
    this.#within = within;
    this.#otherwise = otherwise;
  }

  /** Number of questions under way. */
  get size(): number {
    return this.#underWay.size;
  }

  /** Calls back when a question for this name (in lower case) comes; until it is disposed of. */
  expect(name: string, seen: () => void): Disposable {
    this.#awaited.set(name, seen);
    return { [Symbol.dispose]: () => this.#awaited.delete(name) };
  }

  /** The answer to a query, as the server sent it but for the id; SERVFAIL where there is none. */
  async forward(message: Uint8Array, query: Query, tcp: boolean): Promise<Uint8Array> {
    const failed = () => errorReply(message, "SERVFAIL", query);
    this.#awaited.get(query.question.name.toLowerCase())?.();
    const key = `${tcp} ${query.recursionDesired} ${query.edns ? query.payload : 0} ` +
      `${query.question.class} ${query.question.type} ${query.question.name.toLowerCase()}`;
    let asked = this.#underWay.get(key);
    if (!asked) {
      if (this.#underWay.size >= MAX_UNDER_WAY) return failed();
      asked = this.#ask(message, query, tcp).finally(() => this.#underWay.delete(key));
      this.#underWay.set(key, asked);
    }
    const reply = (await asked)?.slice();
    if (!reply || reply.length < 12 + query.questionBytes.length) return failed();
    reply[0] = query.id >> 8;
    reply[1] = query.id & 0xff;
    // A shared answer repeats the first asker's letter case; each gets its own.
    reply.set(query.questionBytes, 12);
    return reply;
  }

  async #ask(message: Uint8Array, query: Query, tcp: boolean): Promise<Uint8Array | undefined> {
    const deadline = performance.now() + (this.#otherwise ? PART_MS : TOTAL_MS);
    for (;;) {
      const begun = performance.now();
      const { reply, last } = await this.#askEach(message, query, tcp, deadline);
      if (reply ?? last) return reply ?? last;
      if (this.#otherwise) return await this.#otherwise.forward(message, query, tcp);
      // Packets get lost, and some answers take long: who was silent is asked again, who isn't there not.
      const silent = performance.now() - begun >= TRY_MS / 2; // Timers may be a little early.
      if (!silent || performance.now() >= deadline) return undefined;
    }
  }

  /** Asks one server after the other: the first good reply, else the last of the others. */
  async #askEach(
    message: Uint8Array,
    query: Query,
    tcp: boolean,
    deadline: number,
  ): Promise<{ reply?: Uint8Array; last?: Uint8Array }> {
    let last: Uint8Array | undefined;
    for (const server of this.#ordered()) {
      const hurried = this.#otherwise !== undefined && this.#isSuspect(server);
      const patience = hurried ? SUSPECT_TRY_MS : TRY_MS;
      const left = Math.min(patience, deadline - performance.now());
      if (left <= 0) break;
      const reply = await this.#askOne(message, query, server, left, tcp);
      if (!reply) {
        // One that is only slow gets its whole time now and then.
        if (!hurried) this.#suspects.set(server.hostname, performance.now() + SUSPECT_MS);
        continue;
      }
      this.#suspects.delete(server.hostname);
      last = reply;
      if (!TRY_NEXT.has(reply[3]! & 0xf)) return { reply };
    }
    return last ? { last } : {};
  }

  /** Whether a server lately didn't answer. */
  #isSuspect({ hostname }: Upstream): boolean {
    return (this.#suspects.get(hostname) ?? 0) > performance.now();
  }

  /** The servers, those that lately didn't answer last. */
  #ordered(): Upstream[] {
    const suspect = (server: Upstream) => this.#isSuspect(server) ? 1 : 0;
    return [...this.#upstreams()].sort((a, b) => suspect(a) - suspect(b));
  }

  async #askOne(
    message: Uint8Array,
    query: Query,
    upstream: Upstream,
    ms: number,
    tcp: boolean,
  ): Promise<Uint8Array | undefined> {
    const server = { hostname: upstream.hostname, port: upstream.port ?? 53 };
    const family = upstream.hostname.includes(":") ? 6 : 4;
    const begun = performance.now();
    try {
      if (tcp) {
        const reply = await askTcp(message, query, server, ms, this.#within).catch(() => undefined);
        // A resolver inside a container may have UDP only.
        if (reply || !this.#within) return reply;
      }
      const left = ms - (performance.now() - begun);
      if (left <= 0) return undefined;
      return await this.#sockets.pick(family).ask(message, query.questionBytes, server, left);
    } catch {
      return undefined; // No such namespace any more, or none of this family there.
    }
  }

  close(): void {
    this.#sockets.close();
  }
}

async function askTcp(
  message: Uint8Array,
  query: Query,
  server: { hostname: string; port: number },
  ms: number,
  from: Within = (action) => action(),
): Promise<Uint8Array | undefined> {
  const signal = AbortSignal.timeout(Math.ceil(ms));
  // Where the address needs no lookup its socket is made before this returns.
  const conn = await from(() => Deno.connect({ ...server, signal }));
  try {
    return await within(conn, ms, async () => {
      await writeFrame(conn, message);
      const reply = await readFrame(conn);
      const question = reply?.subarray(12, 12 + query.questionBytes.length);
      const own = question?.every((byte, i) => byte === query.questionBytes[i]);
      return own && reply![0] === message[0] && reply![1] === message[1] ? reply : undefined;
    });
  } finally {
    try {
      conn.close();
    } catch {
      // The deadline closed it.
    }
  }
}
