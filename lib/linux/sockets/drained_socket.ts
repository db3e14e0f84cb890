/**
 * A datagram socket of Deno's whose descriptor is known: Deno waits for the first datagram, and the
 * others in the queue are read and answered by recvfrom(2) and sendto(2), some 2 µs each, without a round of
 * the event loop (14 µs for a datagram and its answer). Never blocks: Deno's sockets don't.
 *
 * @module
 */
import { closeFd, libc } from "../libc.ts";
import { AF_INET6, socketAddress } from "./socket_address.ts";

const F_DUPFD_CLOEXEC = 1030;
const MSG_DONTWAIT = 0x40;
const MSG_NOSIGNAL = 0x4000;
/** Size of `sockaddr_in6`. */
const ADDRESS_SIZE = 28;

/** Datagrams that Deno is sending, at most. */
const MAX_SENDING = 256;

/** Where a datagram came from: `sockaddr_in` or `sockaddr_in6`. */
export type Sender = Uint8Array<ArrayBuffer>;

/** A datagram; its bytes are the caller's until the next one is asked for. */
export interface Came {
  message: Uint8Array;
  from: Sender;
}

/** The descriptor that the next open file gets, as long as no other thread opens one. */
function nextFd(): number {
  const fd = libc().fcntl(0, F_DUPFD_CLOEXEC, 0);
  if (fd >= 0) closeFd(fd);
  return fd;
}

/** Whether a descriptor is a socket that is bound to an address. */
function isBoundTo(fd: number, literal: string, port: number): boolean {
  const expected = socketAddress(literal, port)?.bytes;
  const bound = new Uint8Array(ADDRESS_SIZE);
  const length = new Uint32Array([bound.length]);
  return expected !== undefined && libc().getsockname(fd, bound, length) === 0 &&
    length[0] === expected.length && expected.every((byte, i) => byte === bound[i]);
}

export class DrainedSocket implements Disposable {
  readonly #conn: Deno.DatagramConn;
  /** Deno's, and valid as long as `#conn` is open; `undefined`: not known, and only Deno is used. */
  readonly #fd: number | undefined;
  readonly #buffer: Uint8Array<ArrayBuffer>;
  readonly #from = new Uint8Array(ADDRESS_SIZE);
  readonly #length = new Uint32Array(1);
  #sending = 0;
  #closed = false;

  private constructor(conn: Deno.DatagramConn, fd: number | undefined, most: number) {
    this.#conn = conn;
    this.#fd = fd;
    this.#buffer = new Uint8Array(most);
  }

  /**
   * Binds one, in the calling thread's namespace.
   *
   * @param most bytes of a datagram that are taken; the rest is cut off
   * @throws {Deno.errors.AddrInUse} and Deno's other errors
   */
  static bind(options: Deno.UdpListenOptions, most: number): DrainedSocket {
    const { hostname = "0.0.0.0", port } = options;
    const fd = nextFd();
    const conn = Deno.listenDatagram({ transport: "udp", ...options });
    // No other thread makes UDP sockets, and `fd` was free before this bind.
    return new DrainedSocket(conn, isBoundTo(fd, hostname, port) ? fd : undefined, most);
  }

  /** Waits for a datagram. @throws Deno's errors, {@linkcode close} among them */
  async receive(): Promise<Came> {
    const [message, from] = await this.#conn.receive(this.#buffer);
    const { hostname, port } = from as Deno.NetAddr;
    return { message, from: socketAddress(hostname, port)!.bytes };
  }

  /** The next datagram in the queue. */
  next(): Came | undefined {
    if (this.#fd === undefined || this.#closed) return undefined;
    this.#length[0] = ADDRESS_SIZE;
    const n = libc().recvfrom32(
      this.#fd,
      this.#buffer,
      this.#buffer.length,
      MSG_DONTWAIT,
      this.#from,
      this.#length,
    );
    if (n < 0) return undefined;
    return { message: this.#buffer.subarray(0, n), from: this.#from.slice(0, this.#length[0]) };
  }

  /** Sends without waiting; a datagram that finds the send buffer full is lost. */
  send(message: Uint8Array, to: Sender): void {
    if (this.#closed) return;
    const bytes = message as Uint8Array<ArrayBuffer>;
    if (this.#fd === undefined) return this.#sendByDeno(bytes, to);
    const flags = MSG_DONTWAIT | MSG_NOSIGNAL;
    libc().sendto32(this.#fd, bytes, bytes.length, flags, to, to.length);
  }

  #sendByDeno(message: Uint8Array<ArrayBuffer>, to: Sender): void {
    if (this.#sending >= MAX_SENDING) return;
    this.#sending++;
    const done = () => this.#sending--;
    this.#conn.send(message, netAddress(to)).then(done, done);
  }

  /** Closes it; harmless twice. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#conn.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

function netAddress(sender: Sender): Deno.NetAddr {
  const view = new DataView(sender.buffer);
  const hostname = view.getUint16(0, true) === AF_INET6
    ? Array.from({ length: 8 }, (_, i) => view.getUint16(8 + 2 * i).toString(16)).join(":")
    : sender.subarray(4, 8).join(".");
  return { transport: "udp", hostname, port: view.getUint16(2) };
}
