/**
 * The sockets through which queries are forwarded over UDP. Each has a random port, and each query a
 * random socket and id, so that an answer can't be forged by guessing (RFC 5452); what comes back
 * must come from the server asked, with the id and the question sent.
 *
 * @module
 */

/** Sockets per address family. */
const SOCKETS = 8;
/** Longest answer over UDP that is read, in bytes. */
const BUFFER_SIZE = 4096;

/** Runs a synchronous action where sockets are to be. */
export type Within = <T>(action: () => T) => T;

interface Pending {
  server: string;
  /** The question section sent. */
  question: Uint8Array;
  resolve: (reply: Uint8Array) => void;
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}

class UpstreamSocket {
  readonly #socket: Deno.DatagramConn;
  readonly #pending = new Map<number, Pending>();

  constructor(family: 4 | 6, within: Within) {
    const hostname = family === 4 ? "0.0.0.0" : "::";
    this.#socket = within(() => Deno.listenDatagram({ transport: "udp", hostname, port: 0 }));
    this.#receive();
  }

  async #receive(): Promise<void> {
    const buffer = new Uint8Array(BUFFER_SIZE);
    while (true) {
      try {
        const [data, from] = await this.#socket.receive(buffer);
        this.#match(data, from as Deno.NetAddr);
      } catch (error) {
        if (error instanceof Deno.errors.BadResource || error instanceof Deno.errors.Interrupted) {
          return;
        }
        // ECONNREFUSED and its like belong to one query, which has its own deadline.
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
    }
  }

  #match(data: Uint8Array, from: Deno.NetAddr): void {
    if (data.length < 12 || !(data[2]! & 0x80)) return;
    const id = (data[0]! << 8) | data[1]!;
    const pending = this.#pending.get(id);
    if (!pending || pending.server !== `${from.hostname}|${from.port}`) return;
    const question = data.subarray(12, 12 + pending.question.length);
    if (!sameBytes(question, pending.question)) return;
    this.#pending.delete(id);
    pending.resolve(data.slice());
  }

  /** Sends a query and gives its answer, or `undefined` when `ms` milliseconds went by. */
  async ask(
    query: Uint8Array,
    question: Uint8Array,
    server: { hostname: string; port: number },
    ms: number,
  ): Promise<Uint8Array | undefined> {
    let id: number;
    do id = crypto.getRandomValues(new Uint16Array(1))[0]!; while (this.#pending.has(id));
    const message = query.slice();
    message[0] = id >> 8;
    message[1] = id & 0xff;
    const { promise, resolve } = Promise.withResolvers<Uint8Array | undefined>();
    this.#pending.set(id, { server: `${server.hostname}|${server.port}`, question, resolve });
    const timer = setTimeout(resolve, ms, undefined);
    try {
      await this.#socket.send(message, { transport: "udp", ...server });
      return await promise;
    } catch {
      return undefined; // No route to this server: the next one is asked.
    } finally {
      clearTimeout(timer);
      this.#pending.delete(id);
    }
  }

  close(): void {
    this.#socket.close();
  }
}

/** Sockets, opened at first use. */
export class UpstreamSockets {
  readonly #sockets: Record<4 | 6, UpstreamSocket[]> = { 4: [], 6: [] };
  readonly #within: Within;

  /** @param within opens the sockets elsewhere than in the daemon's own namespace */
  constructor(within: Within = (action) => action()) {
    this.#within = within;
  }

  /** A random socket of a family. */
  pick(family: 4 | 6): UpstreamSocket {
    const sockets = this.#sockets[family];
    if (sockets.length < SOCKETS) sockets.push(new UpstreamSocket(family, this.#within));
    return sockets[crypto.getRandomValues(new Uint32Array(1))[0]! % sockets.length]!;
  }

  close(): void {
    for (const socket of [...this.#sockets[4], ...this.#sockets[6]]) socket.close();
    this.#sockets[4] = [];
    this.#sockets[6] = [];
  }
}
