/**
 * Ends connections from below. Deno keeps a TLS connection whose handshake hasn't ended open after
 * `close()`: it goes on with the handshake so as to say goodbye. Deno closes a connection that the kernel
 * has shut down.
 *
 * @module
 */
import { closeFd, libc, openFd } from "../libc.ts";

const AF_INET = 2;
const AF_INET6 = 10;
const SHUT_RDWR = 2;
/** Room for a `sockaddr_in6`, in bytes. */
const MAX_SOCKADDR = 28;
/** Room for entries of a directory, in bytes. */
const DIRECTORY_BUFFER = 32 * 1024;
/** Offset of an entry's length in `struct linux_dirent64` (getdents64(2)). */
const RECORD_LENGTH_AT = 16;
/** Offset of an entry's name in `struct linux_dirent64`. */
const NAME_AT = 19;
/** Prefix of an IPv4-mapped address (RFC 4291, 2.5.5.2), as hex. */
const MAPPED = "00000000000000000000ffff";

/** Both ends of a connection, as text. */
export interface Ends {
  local: { ip: Uint8Array; port: number };
  remote: { ip: Uint8Array; port: number };
}

function endKey(ip: Uint8Array, port: number): string {
  const hex = ip.toHex();
  return `${hex.startsWith(MAPPED) ? hex.slice(MAPPED.length) : hex}/${port}`;
}

/** The descriptors of this process. */
function descriptors(): number[] {
  const directory = openFd("/proc/self/fd");
  try {
    const buffer = new Uint8Array(DIRECTORY_BUFFER);
    const view = new DataView(buffer.buffer);
    const found: number[] = [];
    for (let n; (n = Number(libc().getdents64(directory, buffer, BigInt(buffer.length)))) > 0;) {
      for (let at = 0; at < n; at += view.getUint16(at + RECORD_LENGTH_AT, true)) {
        const name = buffer.subarray(at + NAME_AT, buffer.indexOf(0, at + NAME_AT));
        const fd = Number(new TextDecoder().decode(name));
        if (Number.isInteger(fd) && fd !== directory) found.push(fd);
      }
    }
    return found;
  } finally {
    closeFd(directory);
  }
}

type Ask = (
  fd: number,
  address: Uint8Array<ArrayBuffer>,
  length: Uint32Array<ArrayBuffer>,
) => number;

function end(ask: Ask, fd: number): string | undefined {
  const address = new Uint8Array(MAX_SOCKADDR);
  const length = new Uint32Array([MAX_SOCKADDR]);
  if (ask(fd, address, length) !== 0) return undefined;
  const view = new DataView(address.buffer);
  const family = view.getUint16(0, true);
  const port = view.getUint16(2);
  if (family === AF_INET) return endKey(address.subarray(4, 8), port);
  return family === AF_INET6 ? endKey(address.subarray(8, 24), port) : undefined;
}

/** Shuts down the TCP connections that have these ends. @returns how many there were */
export function shutDown(connections: Ends[]): number {
  if (connections.length === 0) return 0;
  const { getpeername, getsockname, shutdown } = libc();
  const wanted = new Set(
    connections.map(({ local, remote }) =>
      `${endKey(remote.ip, remote.port)} ${endKey(local.ip, local.port)}`
    ),
  );
  let found = 0;
  for (const fd of descriptors()) {
    const remote = end(getpeername, fd);
    if (remote === undefined || !wanted.has(`${remote} ${end(getsockname, fd)}`)) continue;
    shutdown(fd, SHUT_RDWR);
    found++;
  }
  return found;
}
