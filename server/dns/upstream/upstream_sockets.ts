/**
 * Questions to other resolvers, each through a socket of its own: with a fresh port and id that can't be guessed,
 * and connected, so that only packets of the server asked arrive and the route is the current one. An answer must
 * have the id and the question sent (RFC 5452, 9.2).
 *
 * @module
 */
import { ConnectedSocket, isLater } from "../../../lib/linux/sockets/connected_socket.ts";
import { leasePoller, type PollerLease } from "../../../lib/linux/sockets/shared_poller.ts";
import { RCODES } from "../codec/codec.ts";
import { count, endOfQuestion, HEADER, sameLetters } from "../codec/records.ts";

/** Answers of the server asked with another id or question, after which it isn't asked over UDP any more. */
const MAX_FORGED = 20;
/** `errno` when the host reports that the port is closed (icmp(7)). */
const ECONNREFUSED = 111;
/** Datagrams read at a stretch, so that a flood leaves time for others. */
const MAX_READ = 32;

/** Runs a synchronous action in the namespace where sockets are to be opened. */
export type Within = <T>(action: () => T) => T;

/** A server's address, which may have a zone, and port. */
export interface Server {
  hostname: string;
  port: number;
}

/**
 * The outcome of a question: an answer, or why there is none: `"silent"` for the whole time, `"away"` at once (no
 * route, for one), `"refused"`: no program listens there now, `"forged"`: another party tries to answer in the
 * server's place.
 */
export type Outcome = Uint8Array | "silent" | "away" | "refused" | "forged";

/** Whether a message answers a query; an error that says it wasn't understood may lack the question. */
export function isAnswer(reply: Uint8Array, query: Uint8Array): boolean {
  if (reply.length < HEADER || !(reply[2]! & 0x80)) return false;
  if (reply[0] !== query[0] || reply[1] !== query[1]) return false;
  if (count(reply, 0) === 0) {
    const code = reply[3]! & 0xf;
    return code === RCODES.FORMERR || code === RCODES.NOTIMP;
  }
  const end = endOfQuestion(query)!;
  return endOfQuestion(reply) === end &&
    sameLetters(reply.subarray(HEADER, end), query.subarray(HEADER, end));
}

/** Asks other resolvers. */
export class UpstreamSockets {
  readonly #within: Within;
  readonly #open = new Set<(outcome: Outcome) => void>();
  #lease: PollerLease | undefined;
  #closed = false;

  /** @param within runs actions where the sockets are opened, if not in the daemon's own namespace */
  constructor(within: Within = (action) => action()) {
    this.#within = within;
  }

  /** Whether it is closed and sends no more questions. */
  get closed(): boolean {
    return this.#closed;
  }

  /** Asks over UDP; sends a random id in place of the query's, and restores the query's id in the answer. */
  ask(query: Uint8Array, server: Server, ms: number, signal?: AbortSignal): Promise<Outcome> {
    const message = withFreshId(query);
    return this.#exchange("datagram", query, server, { ms, signal }, (socket, end) => {
      let forged = 0;
      const read = () => {
        for (let i = 0; i < MAX_READ; i++) {
          const data = socket.receive();
          if (data === "later") return;
          if (typeof data === "number") return end(failed(data));
          if (isAnswer(data, message)) return end(data.slice());
          if (++forged >= MAX_FORGED) return end("forged");
        }
      };
      const sent = socket.send(message);
      if (sent < 0) return end(failed(-sent));
      socket.watch(read);
    });
  }

  /** Asks over TCP. */
  askTcp(query: Uint8Array, server: Server, ms: number, signal?: AbortSignal): Promise<Outcome> {
    const message = withFreshId(query);
    const out = new Uint8Array(2 + message.length);
    new DataView(out.buffer).setUint16(0, message.length);
    out.set(message, 2);
    return this.#exchange("stream", query, server, { ms, signal }, (socket, end) => {
      let sent = 0, received = 0;
      let answer = new Uint8Array(2);
      let sized = false;
      const step = () => {
        if (sent < out.length) {
          const n = socket.send(out.subarray(sent));
          if (n < 0) return isLater(n) ? undefined : end("away");
          sent += n;
          if (sent < out.length) return;
          socket.watchReading();
        }
        while (true) {
          const data = socket.receive(answer.length - received);
          if (data === "later") return;
          if (typeof data === "number" || data.length === 0) return end("away");
          answer.set(data, received);
          received += data.length;
          if (received < answer.length) continue;
          if (sized) return end(isAnswer(answer, message) ? answer : "away");
          [sized, received] = [true, 0];
          answer = new Uint8Array((answer[0]! << 8) | answer[1]!);
          if (answer.length < HEADER) return end("away");
        }
      };
      socket.watch(step, true);
    });
  }

  async #exchange(
    type: "datagram" | "stream",
    query: Uint8Array,
    { hostname, port }: Server,
    { ms, signal }: { ms: number; signal: AbortSignal | undefined },
    run: (socket: ConnectedSocket, end: (outcome: Outcome) => void) => void,
  ): Promise<Outcome> {
    if (this.#closed || signal?.aborted) return "away";
    this.#lease ??= leasePoller();
    const { poller } = this.#lease;
    const { promise, resolve } = Promise.withResolvers<Outcome>();
    let socket: ConnectedSocket;
    try {
      socket = this.#within(() => new ConnectedSocket(poller, type, hostname, port));
    } catch {
      return "away"; // No route, a missing namespace or link, or an address family that the host doesn't have.
    }
    const timer = setTimeout(resolve, ms, "silent");
    const abandon = () => resolve("away");
    signal?.addEventListener("abort", abandon);
    this.#open.add(resolve);
    try {
      try {
        run(socket, resolve);
      } catch {
        return "away"; // A shortage of memory, for one.
      }
      const outcome = await promise;
      if (typeof outcome !== "string") outcome.set(query.subarray(0, 2));
      return outcome;
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener("abort", abandon);
      this.#open.delete(resolve);
      socket[Symbol.dispose]();
    }
  }

  /** Ends all questions in progress, without an answer. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const end of this.#open) end("away");
    await Promise.resolve(); // Let the questions close their sockets first.
    const lease = this.#lease;
    this.#lease = undefined;
    await lease?.release();
  }
}

function failed(errno: number): Outcome {
  return errno === ECONNREFUSED ? "refused" : "away";
}

function withFreshId(query: Uint8Array): Uint8Array {
  const message = query.slice();
  crypto.getRandomValues(message.subarray(0, 2));
  return message;
}
