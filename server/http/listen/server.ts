/**
 * Serves HTTP on a limited number of connections, and cuts off stalled ones: half requests, silent
 * handshakes, idle connections. `Deno.serve` accepts every connection and waits without a deadline, until
 * no descriptors are left for sandboxes; so this server accepts connections itself, and hands each to the
 * internals that `Deno.serve` uses, which have no public name.
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
import { type Ends, shutDown } from "../../../lib/linux/sockets/sockets.ts";
import { parseIp, tryParseIp } from "../../../lib/ip/cidr.ts";
import { errorChain } from "../../../lib/api/errors.ts";
import { sleep } from "../../../lib/async/sleep.ts";
import { closeConn, Connection, type Handler, LIMITS, type ServerLimits } from "./connection.ts";
import { CUT_OFF } from "./unix_server.ts";

const log = getLogger(["netsvc", "api"]);

/** Interval between checks of deadlines, in milliseconds. */
const SWEEP_MS = 250;
/** Pause of a listener that can't accept (no descriptors are left), in milliseconds. */
const ACCEPT_PAUSE_MS = 100;
/** From this number on, abandoned handshakes are ended at once; fewer wait for the next sweep. */
const MAX_DOOMED = 64;
/** Interval of polling whether ended connections have released their descriptors, in milliseconds. */
const CROWD_PAUSE_MS = 5;
/** Interval of polling whether all connections have finished at shutdown, in milliseconds. */
const STOP_POLL_MS = 5;

/** The key under which peers are counted: an IPv6 host has a whole /64. */
function peerOf(address: Deno.Addr): string | undefined {
  if (address.transport !== "tcp") return undefined;
  const ip = tryParseIp(address.hostname);
  if (ip?.family !== 6 || address.hostname.startsWith("fe80:") || ip.value >> 64n === 0n) {
    return address.hostname;
  }
  return (ip.value >> 64n).toString(16);
}

function endsOf({ localAddr, remoteAddr }: Deno.TlsConn): Ends {
  const end = ({ hostname, port }: Deno.NetAddr) => {
    const ip = parseIp(hostname.split("%")[0]!);
    const hex = ip.value.toString(16).padStart(ip.family === 4 ? 8 : 32, "0");
    return { ip: Uint8Array.fromHex(hex), port };
  };
  return { local: end(localAddr as Deno.NetAddr), remote: end(remoteAddr as Deno.NetAddr) };
}

/** Serves one address of the API, on one listener, or on two while one replaces the other. */
export class HttpServer {
  readonly #handler: Handler;
  readonly #limits: ServerLimits;
  readonly #listeners = new Map<Deno.Listener, Promise<void>>();
  readonly #connections = new Set<Connection>();
  readonly #ends = new Set<Promise<void>>();
  /** Connections with abandoned handshakes, which are ended together. */
  readonly #doomed: Ends[] = [];
  #timer: number | undefined;
  #stopping = false;

  constructor(handler: Handler, limits: Partial<ServerLimits> = {}) {
    this.#handler = handler;
    this.#limits = { ...LIMITS, ...limits };
  }

  /** Accepts from a listener until it is closed. */
  accept(listener: Deno.Listener): void {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#listeners.set(listener, promise);
    this.#accept(listener).finally(resolve);
  }

  async #accept(listener: Deno.Listener): Promise<void> {
    while (this.#listeners.has(listener)) {
      try {
        // A connection that was ended may still hold its descriptor.
        while (this.#ends.size >= this.#limits.connections + MAX_DOOMED) {
          await sleep(CROWD_PAUSE_MS);
        }
        const conn = await listener.accept();
        this.#begin(conn);
      } catch (error) {
        if (!this.#listeners.has(listener)) return;
        if (error instanceof Deno.errors.BadResource) return;
        log.warn("Cannot accept a connection: {cause}", { cause: errorChain(error).join(": ") });
        await sleep(ACCEPT_PAUSE_MS);
      }
    }
  }

  /** Closes a listener; its connections stay open. */
  async release(listener: Deno.Listener): Promise<void> {
    const accepting = this.#listeners.get(listener);
    this.#listeners.delete(listener);
    listener.close();
    await accepting;
  }

  #begin(conn: Deno.Conn): void {
    const served = this.admit(
      conn.remoteAddr,
      (connection) => connection.serve(conn, this.#handler),
    );
    if (!served) closeConn(conn);
  }

  /**
   * Takes a connection in.
   *
   * @param serve serves it until it ends
   * @returns whether there was room
   */
  admit(from: Deno.Addr, serve: (connection: Connection) => Promise<void>): boolean {
    const peer = peerOf(from);
    if (this.#stopping || !this.#makeRoom(peer)) return false;
    const connection = new Connection(peer, this.#limits);
    this.#connections.add(connection);
    const end = serve(connection).catch((error) =>
      log.debug("A connection failed: {cause}", { cause: errorChain(error).join(": ") })
    ).finally(() => {
      this.#connections.delete(connection);
      this.#ends.delete(end);
    });
    this.#ends.add(end);
    this.#timer ??= setInterval(() => this.#sweep(), SWEEP_MS);
    return true;
  }

  /** The connections that there are. */
  get all(): Connection[] {
    return [...this.#connections];
  }

  /**
   * Cuts off one waiting connection, never a working one, to admit a new one. The choice is random: always
   * the oldest, or the newest, would be a client that is slower than a flood.
   */
  #makeRoom(peer: string | undefined): boolean {
    const { connections, perAddress } = this.#limits;
    const full = this.#connections.size >= connections;
    if (!full && (peer === undefined || this.#connections.size < perAddress)) return true;
    const all = [...this.#connections];
    const same = peer === undefined ? [] : all.filter((other) => other.peer === peer);
    const among = same.length >= perAddress ? same : full ? all : undefined;
    if (!among) return true;
    const idle = among.filter((other) => other.idle);
    if (idle.length === 0) return false;
    this.#end(idle[Math.floor(Math.random() * idle.length)]!);
    return true;
  }

  #end(connection: Connection): void {
    this.#connections.delete(connection);
    connection.hangUp();
    if (connection.shaking) this.#doomed.push(endsOf(connection.shaking));
    if (this.#doomed.length >= MAX_DOOMED) this.#endDoomed();
  }

  #endDoomed(): void {
    shutDown(this.#doomed.splice(0));
  }

  #sweep(): void {
    const now = performance.now();
    for (const connection of this.#connections) {
      if (connection.deadline < now) this.#end(connection);
    }
    this.#endDoomed();
    if (this.#connections.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  /** Closes the connections that `which` selects at once. */
  hangUp(which: (connection: Connection) => boolean): void {
    for (const connection of this.#connections) if (which(connection)) this.#end(connection);
  }

  /**
   * Stops: cuts off event streams, waiting requests and idle connections at once, and lets changes that are
   * under way finish.
   *
   * @param grace time for such changes, in milliseconds
   */
  async shutdown(grace: number): Promise<void> {
    if (this.#stopping) return;
    this.#stopping = true;
    const deadline = performance.now() + grace;
    const closed = [...this.#listeners.keys()].map((listener) => this.release(listener));
    while (performance.now() < deadline) {
      this.hangUp((connection) => !connection.busy);
      if (this.#connections.size === 0) break;
      await sleep(STOP_POLL_MS);
    }
    if (this.#connections.size > 0) log.warn(CUT_OFF);
    this.hangUp(() => true);
    this.#endDoomed();
    clearInterval(this.#timer);
    await Promise.all([...closed, ...this.#ends]);
  }
}
