/**
 * A datagram socket that waits behind another one of the same address: the kernel delivers to the one
 * that was bound last, and to the spare while there is no other. Sources: socket(7) (`SO_REUSEADDR`),
 * pidfd_getfd(2), ioctl_nsfs(2); which of two gets a datagram is `udp4_lib_lookup2()`'s choice, and a test
 * holds it.
 *
 * @module
 */
import { closeFd, cString, errno, errnoError, libc } from "../libc.ts";
import type { Came } from "./datagram_batch.ts";
import { socketAddress } from "./socket_address.ts";

const SOCK_DGRAM = 2;
const SOCK_NONBLOCK = 0o4000;
const SOCK_CLOEXEC = 0o2000000;
const SOL_SOCKET = 1;
const SO_REUSEADDR = 2;
const F_SETFD = 2;
const FD_CLOEXEC = 1;
const SIOCGSKNS = 0x894cn;
const SYS_PIDFD_OPEN = 434n;
const SYS_PIDFD_GETFD = 438n;

/** Opens a spare socket at an address, in the calling thread's namespace. @throws {NetsvcError} */
export function openSpare(literal: string, port: number): number {
  const { socket, bind } = libc();
  const address = socketAddress(literal, port)!;
  const fd = socket(address.family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) throw errnoError("open a socket");
  setReusable(fd, true);
  if (bind(fd, address.bytes, address.bytes.length) === 0) return fd;
  const error = errnoError(`bind ${literal}`);
  closeFd(fd);
  throw error;
}

/** Whether other sockets may be bound beside it: only while the socket is bound that it is the spare of. */
export function setReusable(fd: number, reusable: boolean): void {
  const value = new Uint8Array(new Int32Array([reusable ? 1 : 0]).buffer);
  libc().setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, value, 4);
}

/** Whether children that are started have the descriptor too. */
export function setInherited(fd: number, inherited: boolean): void {
  libc().fcntl(fd, F_SETFD, inherited ? 0 : FD_CLOEXEC);
}

/** Reads the queued datagrams, at most so many. */
export function takeWaiting(fd: number, most: number): Came[] {
  const taken: Came[] = [];
  const buffer = new Uint8Array(65535);
  const from = new Uint8Array(28);
  while (taken.length < most) {
    const length = new Uint32Array([from.length]);
    const n = Number(libc().recvfrom(fd, buffer, BigInt(buffer.length), 0, from, length));
    if (n < 0) break;
    taken.push({ message: buffer.slice(0, n), from: from.slice(0, length[0]) });
  }
  return taken;
}

/** A copy of another process's descriptor; `undefined` where that can't be had, for whatever reason. */
export function takeFd(pid: number, fd: number): number | undefined {
  const { syscall, pidfd_getfd } = libc();
  const process = Number(syscall(SYS_PIDFD_OPEN, BigInt(pid), 0n));
  if (process < 0) return undefined;
  const taken = Number(pidfd_getfd(SYS_PIDFD_GETFD, process, fd, 0));
  closeFd(process);
  return taken < 0 ? undefined : taken;
}

/** Whether a descriptor is a socket at an address, of the calling thread's network namespace. */
export function isSpareHere(
  fd: number,
  { literal, port }: { literal: string; port: number },
): boolean {
  const expected = socketAddress(literal, port)?.bytes;
  const bound = new Uint8Array(28);
  const length = new Uint32Array([bound.length]);
  if (!expected || libc().getsockname(fd, bound, length) !== 0) return false;
  if (length[0] !== expected.length || !expected.every((byte, i) => byte === bound[i])) {
    return false;
  }
  const namespace = libc().ioctl(fd, SIOCGSKNS, new Uint8Array(8));
  if (namespace < 0) return false;
  const same = linkOf(`/proc/self/fd/${namespace}`) === linkOf("/proc/thread-self/ns/net");
  closeFd(namespace);
  return same;
}

function linkOf(path: string): string {
  const buffer = new Uint8Array(256);
  const n = Number(libc().readlink(cString(path), buffer, BigInt(buffer.length)));
  if (n < 0) throw errnoError(`read the link ${path}`, errno());
  return new TextDecoder().decode(buffer.subarray(0, n));
}
