/**
 * Offloads of a link, by the ioctl of ethtool (linux/ethtool.h, netdevice(7)): the tool itself isn't
 * on every host.
 *
 * @module
 */
import { cString, errnoError, libc } from "./libc.ts";

const AF_INET = 2, SOCK_DGRAM = 2, SOCK_CLOEXEC = 0o2000000;
const SIOCETHTOOL = 0x8946n;
const ETHTOOL_STXCSUM = 0x17;
/** Of a link's name, with the final NUL. */
const IFNAMSIZ = 16;
/** `struct ifreq`: the name, then a union of 24 bytes. */
const IFREQ_SIZE = 40;

/**
 * Leaves the checksums of what a link sends to what is below it (`true`), or reckons them before;
 * segmentation follows suit. A link of the calling thread's namespace.
 *
 * @throws {NetsvcError} `kernel`
 */
export function setChecksumOffload(name: string, on: boolean): void {
  const { socket, ioctl, close } = libc();
  const value = new Uint32Array([ETHTOOL_STXCSUM, on ? 1 : 0]); // struct ethtool_value
  const request = new Uint8Array(IFREQ_SIZE);
  request.set(cString(name).subarray(0, IFNAMSIZ));
  const pointer = Deno.UnsafePointer.value(Deno.UnsafePointer.of(value));
  new DataView(request.buffer).setBigUint64(IFNAMSIZ, BigInt(pointer), true);
  const fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) throw errnoError("open a socket");
  try {
    if (ioctl(fd, SIOCETHTOOL, request) !== 0) {
      throw errnoError(`turn checksum offload of "${name}" ${on ? "on" : "off"}`);
    }
  } finally {
    close(fd);
  }
}
