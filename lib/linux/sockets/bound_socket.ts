/**
 * Listening sockets, made as Deno can't: each of one family alone (RFC 3493, 5.3), and each
 * datagram with the link that it came by. Sources: socket(7), ip(7), ipv6(7), tcp(7), udp(7).
 *
 * @module
 */
import { closeFd, errno, errnoError, libc } from "../libc.ts";
import { EPOLLIN, type Poller } from "./poller.ts";
import { AF_INET6, socketAddress } from "./socket_address.ts";

const SOCK_STREAM = 1;
const SOCK_DGRAM = 2;
const SOCK_NONBLOCK = 0o4000;
const SOCK_CLOEXEC = 0o2000000;
const SOL_SOCKET = 1;
const SO_REUSEADDR = 2;
const IPPROTO_IPV6 = 41;
const IPV6_V6ONLY = 26;
/** Connections that wait to be accepted, at most (listen(2)). */
const BACKLOG = 511;
/** Longest datagram, in bytes. */
const MAX_DATAGRAM = 65535;
const EINVAL = 22;
/** Room for `sockaddr_in6`. */
const ADDRESS_SIZE = 28;
/** Receive buffer of all sockets: callers copy what they keep. */
const buffer = new Uint8Array(MAX_DATAGRAM);

/** The peer: `sockaddr_in` or `sockaddr_in6`. */
export interface SocketPeer {
  bytes: Uint8Array<ArrayBuffer>;
  /** The address alone, 4 or 16 bytes. */
  address: Uint8Array;
}

function readPeer(bytes: Uint8Array<ArrayBuffer>, length: number): SocketPeer {
  const own = bytes.slice(0, length);
  const six = new DataView(own.buffer).getUint16(0, true) === AF_INET6;
  return { bytes: own, address: six ? own.subarray(8, 24) : own.subarray(4, 8) };
}

function set(fd: number, level: number, option: number): void {
  libc().setsockopt(fd, level, option, new Int32Array([1]), 4);
}

/** Where a socket is bound, and whether others may be beside it. */
export interface Binding {
  literal: string;
  port: number;
  /** Bound though another datagram socket, which permits it too, has the address. */
  beside?: boolean;
}

/**
 * Opens a socket that has a port, and listens if it is a stream, in the calling thread's namespace; its descriptor
 * is the caller's.
 *
 * @throws {NetsvcError} `kernel`, with `errno`
 */
export function openBound(
  type: "datagram" | "stream",
  { literal, port, beside = false }: Binding,
): number {
  const address = socketAddress(literal, port);
  if (!address) throw errnoError(`read the address ${JSON.stringify(literal)}`, EINVAL);
  const { socket, bind, listen } = libc();
  const kind = type === "datagram" ? SOCK_DGRAM : SOCK_STREAM;
  const fd = socket(address.family, kind | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) throw errnoError("open a socket");
  if (address.family === AF_INET6) set(fd, IPPROTO_IPV6, IPV6_V6ONLY);
  // Connections in TIME_WAIT don't block the bind. Datagram sockets have none.
  if (type === "stream" || beside) set(fd, SOL_SOCKET, SO_REUSEADDR);
  const failed = bind(fd, address.bytes, address.bytes.length) !== 0 ||
    type === "stream" && listen(fd, BACKLOG) !== 0;
  if (!failed) return fd;
  const code = errno();
  closeFd(fd);
  throw errnoError(`take port ${port} of ${literal}`, code);
}

/** The next connection of a listening socket, as a descriptor that is the caller's; `undefined`: none is left. */
export function acceptFrom(listener: number): { fd: number; peer: SocketPeer } | undefined {
  const bytes = new Uint8Array(ADDRESS_SIZE);
  const length = new Uint32Array([ADDRESS_SIZE]);
  const fd = libc().accept4(listener, bytes, length, SOCK_NONBLOCK | SOCK_CLOEXEC);
  return fd < 0 ? undefined : { fd, peer: readPeer(bytes, length[0]!) };
}

/** A socket with an address of its own; closing it twice is harmless. */
export class BoundSocket implements Disposable {
  readonly #fd: number;
  readonly #poller: Poller;
  /** The port that it has. */
  readonly port: number;
  #closed = false;

  /**
   * Takes a port, in the calling thread's namespace.
   *
   * @param literal an address; `::` is all of IPv6 and nothing of IPv4
   * @param port 0: any that is free
   * @throws {NetsvcError} `kernel`, with `errno`
   */
  constructor(poller: Poller, type: "datagram" | "stream", literal: string, port: number) {
    this.#poller = poller;
    this.#fd = openBound(type, { literal, port });
    const name = new Uint8Array(ADDRESS_SIZE);
    const length = new Uint32Array([ADDRESS_SIZE]);
    libc().getsockname(this.#fd, name, length);
    this.port = new DataView(name.buffer).getUint16(2);
  }

  /** Calls `ready` when a connection or a datagram has arrived. */
  watch(ready: () => void): void {
    this.#poller.add(this.#fd, EPOLLIN, ready);
  }

  /** Stops {@linkcode watch}: further connections and datagrams wait in the kernel's queue. */
  unwatch(): void {
    this.#poller.remove(this.#fd);
  }

  /** The next connection, as a descriptor that is the caller's; `undefined`: none is left. */
  accept(): { fd: number; peer: SocketPeer } | undefined {
    return acceptFrom(this.#fd);
  }

  /** The next datagram, which is the caller's until the next call; `undefined`: none is left. */
  receiveFrom(): { data: Uint8Array; peer: SocketPeer } | undefined {
    const bytes = new Uint8Array(ADDRESS_SIZE);
    const length = new Uint32Array([ADDRESS_SIZE]);
    const n = Number(
      libc().recvfrom(this.#fd, buffer, BigInt(MAX_DATAGRAM), 0, bytes, length),
    );
    return n < 0 ? undefined : { data: buffer.subarray(0, n), peer: readPeer(bytes, length[0]!) };
  }

  /** Sends a datagram; one that can't be sent is lost, as datagrams are. */
  sendTo(data: Uint8Array, { bytes }: SocketPeer): void {
    const own = data as Uint8Array<ArrayBuffer>;
    libc().sendto(this.#fd, own, BigInt(own.length), 0, bytes, bytes.length);
  }

  [Symbol.dispose](): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#poller.remove(this.#fd);
    closeFd(this.#fd);
  }
}
