/**
 * Datagrams that probe a path: never fragmented, and callers get the kernel's error for each.
 * Sources: ip(7), ipv6(7), udp(7), raw(7), icmp(7).
 *
 * @module
 */
import { sleep } from "../../async/sleep.ts";
import { internetChecksum } from "./checksum.ts";
import { closeFd, cString, errno, errnoError, libc } from "../libc.ts";

const AF_INET = 2;
const AF_INET6 = 10;
const SOCK_DGRAM = 2;
const SOCK_RAW = 3;
const SOCK_NONBLOCK = 0o4000;
const SOCK_CLOEXEC = 0o2000000;
const IPPROTO_IP = 0;
const IPPROTO_ICMP = 1;
const IPPROTO_IPV6 = 41;
const IPPROTO_ICMPV6 = 58;
const IP_MTU_DISCOVER = 10;
const IPV6_MTU_DISCOVER = 23;
/** Don't fragment, and don't go by what was learned of the path before. */
const PMTUDISC_PROBE = 3;

/** `sockaddr_in` or `sockaddr_in6`; `link` gives a link-local address its meaning. */
function socketAddress(address: string, port: number, link: string): Uint8Array<ArrayBuffer> {
  const six = address.includes(":");
  const bytes = new Uint8Array(six ? 28 : 16);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, six ? AF_INET6 : AF_INET, true);
  view.setUint16(2, port);
  const at = six ? 8 : 4;
  const { inet_pton, if_nametoindex } = libc();
  if (inet_pton(six ? AF_INET6 : AF_INET, cString(address), bytes.subarray(at)) !== 1) {
    throw errnoError(`read the address "${address}"`);
  }
  if (/^fe[89ab]/i.test(address)) view.setUint32(24, if_nametoindex(cString(link)), true);
  return bytes;
}

function int(value: number): Uint8Array<ArrayBuffer> {
  return new Uint8Array(new Int32Array([value]).buffer);
}

/** The source of datagrams. */
export interface Source {
  address: string;
  /** The link that has the address. */
  interface: string;
}

class Socket implements Disposable {
  protected readonly fd: number;
  protected readonly from: Source;

  protected constructor(from: Source, type: number, protocol: number) {
    this.from = from;
    const { socket, bind } = libc();
    const family = from.address.includes(":") ? AF_INET6 : AF_INET;
    this.fd = socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol);
    if (this.fd < 0) throw errnoError("open a socket");
    const address = socketAddress(from.address, 0, from.interface);
    if (bind(this.fd, address, address.length) === 0) return;
    const error = errnoError(`send from ${from.address}`);
    closeFd(this.fd);
    throw error;
  }

  /** Sends a datagram. @returns `errno`, 0 when it was sent */
  protected sendTo(address: string, port: number, data: Uint8Array<ArrayBuffer>): number {
    const to = socketAddress(address, port, this.from.interface);
    const sent = libc().sendto(this.fd, data, BigInt(data.length), 0, to, to.length);
    return Number(sent) < 0 ? errno() : 0;
  }

  [Symbol.dispose](): void {
    closeFd(this.fd);
  }
}

/** Sends UDP datagrams that aren't fragmented. Opened in the namespace that it is made in. */
export class UdpProbe extends Socket {
  /** @throws {NetsvcError} `kernel` */
  constructor(from: Source) {
    super(from, SOCK_DGRAM, 0);
    const six = from.address.includes(":");
    const [level, name] = six ? [IPPROTO_IPV6, IPV6_MTU_DISCOVER] : [IPPROTO_IP, IP_MTU_DISCOVER];
    libc().setsockopt(this.fd, level, name, int(PMTUDISC_PROBE), 4);
  }

  /** Sends a datagram. @returns `errno`: 0, or one of `errno.ts` */
  send(address: string, port: number, data: Uint8Array<ArrayBuffer>): number {
    return this.sendTo(address, port, data);
  }
}

/** Sends echo requests (RFC 792, RFC 4443). Opened in the namespace that it is made in. */
export class EchoProbe extends Socket {
  readonly #six: boolean;
  /** Tells the answers to our requests from those to other programs' pings. */
  readonly #mark = crypto.getRandomValues(new Uint8Array(8));

  /** @throws {NetsvcError} `kernel` */
  constructor(from: Source) {
    const six = from.address.includes(":");
    super(from, SOCK_RAW, six ? IPPROTO_ICMPV6 : IPPROTO_ICMP);
    this.#six = six;
  }

  /** Whether an address answers within a time, in milliseconds; asked a few times. */
  async reaches(address: string, ms: number): Promise<boolean> {
    const request = new Uint8Array(16);
    request[0] = this.#six ? 128 : 8;
    request.set(this.#mark, 8);
    // The kernel computes the checksum of ICMPv6 itself.
    if (!this.#six) new DataView(request.buffer).setUint16(2, internetChecksum(request));
    const deadline = performance.now() + ms;
    for (let turn = 0; performance.now() < deadline; turn++) {
      if (turn % 20 === 0) this.sendTo(address, 0, request);
      await sleep(10);
      if (this.#answered()) return true;
    }
    return false;
  }

  #answered(): boolean {
    const buffer = new Uint8Array(256);
    while (true) {
      const n = Number(libc().recv(this.fd, buffer, BigInt(buffer.length), 0));
      if (n < 0) return false;
      const at = this.#six ? 0 : (buffer[0]! & 0xf) * 4;
      const reply = buffer[at] === (this.#six ? 129 : 0);
      if (reply && this.#mark.every((byte, i) => buffer[at + 8 + i] === byte)) return true;
    }
  }
}
