/**
 * Which address of this machine packets to another have, by the routes of the moment (connect(2), of a datagram socket:
 * nothing is sent).
 *
 * @module
 */
import { closeFd, libc } from "../libc.ts";
import { AF_INET6, socketAddress } from "../sockets/socket_address.ts";

const SOCK_DGRAM_CLOEXEC = 2 | 0o2000000;
/** Of the address: after family, port and, with IPv6, the flow. */
const AT = { 4: [4, 8], 6: [8, 24] } as const;

/** The address as hex digits, in the calling thread's namespace; `undefined` where no route leads there. */
export function sourceTo(literal: string, port: number): string | undefined {
  const address = socketAddress(literal, port);
  if (!address) return undefined;
  const { socket, connect, getsockname } = libc();
  const fd = socket(address.family, SOCK_DGRAM_CLOEXEC, 0);
  if (fd < 0) return undefined;
  try {
    if (connect(fd, address.bytes, address.bytes.length) !== 0) return undefined;
    const name = new Uint8Array(28);
    if (getsockname(fd, name, new Uint32Array([name.length])) !== 0) return undefined;
    const [from, to] = AT[address.family === AF_INET6 ? 6 : 4];
    return name.slice(from, to).toHex();
  } finally {
    closeFd(fd);
  }
}
