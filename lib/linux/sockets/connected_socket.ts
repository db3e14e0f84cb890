/**
 * Sockets that are connected and don't block, made where Deno can't: in another namespace, to an
 * address with a zone, or for datagrams of one peer alone, which the kernel then sorts out by itself
 * and reports when the peer has no socket. Sources: socket(7), udp(7), tcp(7).
 *
 * @module
 */
import { closeFd, errno, errnoError, libc } from "../libc.ts";
import { EPOLLIN, EPOLLOUT, type Poller } from "./poller.ts";
import { socketAddress } from "./socket_address.ts";

const SOCK_STREAM = 1;
const SOCK_DGRAM = 2;
const SOCK_NONBLOCK = 0o4000;
const SOCK_CLOEXEC = 0o2000000;
const MSG_NOSIGNAL = 0x4000;
const SOL_SOCKET = 1;
const SO_ERROR = 4;
const SHUT_WR = 1;
const EINTR = 4;
const EAGAIN = 11;
const EINPROGRESS = 115;
const EINVAL = 22;
/** Longest datagram, in bytes. */
const MAX_DATAGRAM = 65535;
/** Receive buffer of all sockets: callers copy what they keep. */
const buffer = new Uint8Array(MAX_DATAGRAM);

/** A socket; closing it twice is harmless. */
export class ConnectedSocket implements Disposable {
  readonly #fd: number;
  readonly #poller: Poller;
  #closed = false;

  /**
   * Connects, in the calling thread's namespace; a stream may still be connecting ({@linkcode watch}).
   *
   * @param type of what; or a descriptor that is connected, and closed with this: the rest isn't needed
   * @param literal an address, perhaps with a zone; never a name
   * @throws {NetsvcError} `kernel`, with `errno`
   */
  constructor(poller: Poller, type: "datagram" | "stream" | number, literal = "", port = 0) {
    this.#poller = poller;
    if (typeof type === "number") {
      this.#fd = type;
      return;
    }
    const address = socketAddress(literal, port);
    if (!address) throw errnoError(`read the address ${JSON.stringify(literal)}`, EINVAL);
    const { socket, connect } = libc();
    const kind = type === "datagram" ? SOCK_DGRAM : SOCK_STREAM;
    this.#fd = socket(address.family, kind | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (this.#fd < 0) throw errnoError("open a socket");
    if (connect(this.#fd, address.bytes, address.bytes.length) === 0) return;
    const code = errno();
    if (code === EINPROGRESS) return;
    closeFd(this.#fd);
    throw errnoError(`connect to ${literal}`, code);
  }

  /** Calls `ready` when there may be something to read, or, if `writing`, room to write. */
  watch(ready: () => void, writing = false): void {
    this.#poller.add(this.#fd, writing ? EPOLLIN | EPOLLOUT : EPOLLIN, ready);
  }

  /** Stops {@linkcode watch}. */
  unwatch(): void {
    this.#poller.remove(this.#fd);
  }

  /** Takes a descriptor that is connected. */
  static adopt(poller: Poller, fd: number): ConnectedSocket {
    return new ConnectedSocket(poller, fd);
  }

  /** From now on {@linkcode watch} is for reading, for writing, both, or neither. */
  wait(reading: boolean, writing: boolean): void {
    this.#poller.change(this.#fd, (reading ? EPOLLIN : 0) | (writing ? EPOLLOUT : 0));
  }

  /** Shuts down the sending side; the receiving side stays open. */
  endWriting(): void {
    libc().shutdown(this.#fd, SHUT_WR);
  }

  /** From now on {@linkcode watch} is for reading alone. */
  watchReading(): void {
    this.#poller.change(this.#fd, EPOLLIN);
  }

  /** The error that the connection has met, as `errno`; 0: none. */
  error(): number {
    const code = new Uint32Array(1);
    const length = new Uint32Array([4]);
    libc().getsockopt(this.#fd, SOL_SOCKET, SO_ERROR, code, length);
    return code[0]!;
  }

  /** Sends all or a part of the bytes. @returns the number of bytes sent, or minus `errno` */
  send(data: Uint8Array): number {
    const bytes = data as Uint8Array<ArrayBuffer>;
    const n = Number(
      libc().sendto(this.#fd, bytes, BigInt(bytes.length), MSG_NOSIGNAL, null, 0),
    );
    return n < 0 ? -errno() : n;
  }

  /**
   * Received data: a datagram, or a part of a stream, empty at its end. The bytes are valid until the
   * next call of any socket's. `"later"`: nothing yet; a number: `errno`.
   */
  receive(most = MAX_DATAGRAM): Uint8Array | "later" | number {
    const n = Number(libc().recv(this.#fd, buffer, BigInt(Math.min(most, MAX_DATAGRAM)), 0));
    if (n >= 0) return buffer.subarray(0, n);
    const code = errno();
    return code === EAGAIN || code === EINTR ? "later" : code;
  }

  [Symbol.dispose](): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#poller.remove(this.#fd);
    closeFd(this.#fd);
  }
}

/** Whether a send is to be tried again when there is room. */
export function isLater(sent: number): boolean {
  return sent === -EAGAIN || sent === -EINTR;
}
