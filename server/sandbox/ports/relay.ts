/**
 * Relays connections and datagrams that the kernel can't lead into a sandbox itself: those of link-local and
 * loopback clients of IPv6, and of IPv6 clients of a container that has only IPv4. Each side may end its half while
 * the other goes on (RFC 9293, 3.6).
 *
 * @module
 */
import type { BoundSocket, SocketPeer } from "../../../lib/linux/sockets/bound_socket.ts";
import { ConnectedSocket, isLater } from "../../../lib/linux/sockets/connected_socket.ts";
import type { Poller } from "../../../lib/linux/sockets/poller.ts";

/** Concurrent connections of one port, and clients of datagrams. */
const MAX_AT_ONCE = 256;
/** Connections accepted, and chunks relayed, before others have their turn. */
const IN_TURN = 16;
/** Buffered bytes in one direction. */
const PIECE = 65536;
/** How long a silent client of datagrams is remembered, in milliseconds. */
const SILENT_MS = 60_000;

/** The address to relay a client to; `undefined`: refuse the client. */
export type RelayTarget = (peer: SocketPeer) => { address: string; port: number } | undefined;

/** One direction of a connection. */
interface Flow {
  from: ConnectedSocket;
  to: ConnectedSocket;
  /** Bytes read and not yet written. */
  rest: Uint8Array;
  ended: boolean;
  done: boolean;
}

/** Both ends of a relayed connection. */
class Pair {
  readonly #ends: [ConnectedSocket, ConnectedSocket];
  readonly #flows: [Flow, Flow];
  readonly #closed: () => void;

  constructor(client: ConnectedSocket, server: ConnectedSocket, closed: () => void) {
    const flow = (from: ConnectedSocket, to: ConnectedSocket): Flow => ({
      ...{ from, to, ended: false, done: false },
      rest: new Uint8Array(),
    });
    this.#ends = [client, server];
    this.#flows = [flow(client, server), flow(server, client)];
    this.#closed = closed;
    const ready = () => this.#ready();
    client.watch(ready);
    server.watch(ready, true);
    client.wait(false, false);
  }

  #ready(): void {
    try {
      // A broken end would stay ready for ever.
      if (this.#ends.some((end) => end.error() !== 0)) return this.close();
      for (const flow of this.#flows) if (!pump(flow)) return this.close();
    } catch {
      return this.close();
    }
    if (this.#flows.every(({ done }) => done)) return this.close();
    const [out, back] = this.#flows;
    this.#ends[0].wait(isReading(out), back.rest.length > 0);
    this.#ends[1].wait(isReading(back), out.rest.length > 0);
  }

  close(): void {
    for (const end of this.#ends) end[Symbol.dispose]();
    this.#closed();
  }
}

function isReading({ ended, rest }: Flow): boolean {
  return !ended && rest.length === 0;
}

/** Moves the bytes that are available; `false`: the connection is broken. */
function pump(flow: Flow): boolean {
  for (let i = 0; i < IN_TURN; i++) {
    if (isReading(flow)) {
      const piece = flow.from.receive(PIECE);
      if (piece === "later") break;
      if (typeof piece === "number") return false;
      if (piece.length === 0) flow.ended = true;
      else flow.rest = piece;
    }
    if (flow.rest.length > 0) {
      const sent = flow.to.send(flow.rest);
      if (sent < 0 && !isLater(sent)) return false;
      flow.rest = flow.rest.slice(Math.max(0, sent)); // A copy: the next reader reuses the buffer.
      if (flow.rest.length > 0) break;
    }
    if (flow.ended) break;
  }
  if (flow.ended && flow.rest.length === 0 && !flow.done) {
    flow.done = true;
    flow.to.endWriting();
  }
  return true;
}

/** A port to relay: its socket, and the poller that watches the socket. */
export interface RelayedPort {
  poller: Poller;
  socket: BoundSocket;
}

/** Relays the connections of a port, until it is disposed of. */
export function relayStreams(
  { poller, socket }: RelayedPort,
  target: RelayTarget,
): Disposable {
  const pairs = new Set<Pair>();
  socket.watch(() => {
    for (let i = 0; i < IN_TURN; i++) {
      const taken = socket.accept();
      if (!taken) return;
      const client = ConnectedSocket.adopt(poller, taken.fd);
      try {
        const to = pairs.size < MAX_AT_ONCE ? target(taken.peer) : undefined;
        if (!to) {
          client[Symbol.dispose]();
          continue;
        }
        const server = new ConnectedSocket(poller, "stream", to.address, to.port);
        const pair: Pair = new Pair(client, server, () => pairs.delete(pair));
        pairs.add(pair);
      } catch {
        client[Symbol.dispose](); // The client sees its connection closed.
      }
    }
  });
  return {
    [Symbol.dispose]: () => {
      socket[Symbol.dispose]();
      for (const pair of [...pairs]) pair.close();
    },
  };
}

interface Session {
  socket: ConnectedSocket;
  /** Time of the last datagram, by performance.now(). */
  used: number;
}

/** Relays the datagrams of a port, and their answers, until it is disposed of. */
export function relayDatagrams(
  { poller, socket }: RelayedPort,
  target: RelayTarget,
): Disposable {
  const sessions = new Map<string, Session>();
  const end = (key: string) => {
    sessions.get(key)?.socket[Symbol.dispose]();
    sessions.delete(key);
  };
  const sweep = () => {
    const long = performance.now() - SILENT_MS;
    for (const [key, { used }] of sessions) if (used < long) end(key);
  };
  const begin = (peer: SocketPeer, key: string): Session | undefined => {
    if (sessions.size >= MAX_AT_ONCE) sweep();
    const to = sessions.size < MAX_AT_ONCE ? target(peer) : undefined;
    if (!to) return undefined;
    const server = new ConnectedSocket(poller, "datagram", to.address, to.port);
    const session = { socket: server, used: performance.now() };
    sessions.set(key, session);
    server.watch(() => {
      for (let i = 0; i < IN_TURN; i++) {
        const data = server.receive();
        if (data === "later") return;
        if (typeof data === "number") return end(key); // No program listens there, or no longer.
        session.used = performance.now();
        socket.sendTo(data, peer);
      }
    });
    return session;
  };
  socket.watch(() => {
    for (let i = 0; i < IN_TURN; i++) {
      const got = socket.receiveFrom();
      if (!got) return;
      const key = got.peer.bytes.toHex();
      try {
        const session = sessions.get(key) ?? begin(got.peer, key);
        if (!session) continue;
        session.used = performance.now();
        session.socket.send(got.data);
      } catch {
        end(key); // The datagram is lost, as UDP allows.
      }
    }
  });
  return {
    [Symbol.dispose]: () => {
      socket[Symbol.dispose]();
      for (const key of [...sessions.keys()]) end(key);
    },
  };
}
