/**
 * Offloads of a link, by the ioctl of ethtool (linux/ethtool.h, netdevice(7)): the tool itself isn't
 * on every host.
 *
 * @module
 */
import { deviceRequest, IFNAMSIZ } from "./netdevice.ts";

const SIOCETHTOOL = 0x8946n;
const ETHTOOL_STXCSUM = 0x17;

/**
 * Leaves the checksums of what a link sends to what is below it (`true`), or computes them before;
 * segmentation follows suit. A link of the calling thread's namespace.
 *
 * @throws {NetsvcError} `kernel`
 */
export function setChecksumOffload(name: string, on: boolean): void {
  const value = new Uint32Array([ETHTOOL_STXCSUM, on ? 1 : 0]); // struct ethtool_value
  const pointer = Deno.UnsafePointer.value(Deno.UnsafePointer.of(value));
  deviceRequest(name, {
    what: `turn checksum offload of "${name}" ${on ? "on" : "off"}`,
    code: SIOCETHTOOL,
    fill: (request) => request.setBigUint64(IFNAMSIZ, BigInt(pointer), true),
  });
}
