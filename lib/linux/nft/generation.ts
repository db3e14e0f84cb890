/**
 * The generation of nftables' rules: a number that every change of any table moves on, of iptables' where
 * that is nftables' own as well. Asking costs a system call or four, and reads no rules.
 *
 * @module
 */
import { closeFd, libc } from "../libc.ts";

const AF_NETLINK = 16;
const SOCK_RAW = 3;
const SOCK_CLOEXEC = 0o2000000;
const NETLINK_NETFILTER = 12;
const SOL_SOCKET = 1;
const SO_RCVTIMEO = 20;
/** `NFNL_SUBSYS_NFTABLES << 8` (linux/netfilter/nfnetlink.h). */
const NFTABLES = 10 << 8;
/** `NFT_MSG_GETGEN` (linux/netfilter/nf_tables.h). */
const GETGEN = NFTABLES | 16;
/** `NFT_MSG_NEWGEN`, the answer. */
const NEWGEN = NFTABLES | 15;
const NLM_F_REQUEST = 1;
const NFTA_GEN_ID = 1;
/** Length of `struct nlmsghdr`, in bytes (netlink(7)). */
const HEADER = 16;
/** Length of `struct nfgenmsg`, in bytes. */
const GENERIC = 4;

/**
 * The generation in the thread's network namespace; `undefined` where the kernel doesn't tell, as one without
 * nftables.
 */
export function nftGeneration(): number | undefined {
  const { socket, sendto, recv, setsockopt } = libc();
  const fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);
  if (fd < 0) return undefined;
  try {
    // The kernel answers within the send; a longer wait here would block the whole event loop.
    const second = new BigInt64Array([1n, 0n]);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, new Uint8Array(second.buffer), second.byteLength);
    const request = new DataView(new ArrayBuffer(HEADER + GENERIC));
    request.setUint32(0, request.byteLength, true);
    request.setUint16(4, GETGEN, true);
    request.setUint16(6, NLM_F_REQUEST, true);
    const kernel = new Uint8Array(12);
    kernel[0] = AF_NETLINK;
    const bytes = new Uint8Array(request.buffer);
    if (sendto(fd, bytes, BigInt(bytes.length), 0, kernel, kernel.length) < 0n) return undefined;
    const buffer = new Uint8Array(512);
    const length = Number(recv(fd, buffer, BigInt(buffer.length), 0));
    return readGeneration(buffer.subarray(0, Math.max(0, length)));
  } finally {
    closeFd(fd);
  }
}

/** The generation in the kernel's answer. */
export function readGeneration(bytes: Uint8Array): number | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < HEADER + GENERIC || view.getUint16(4, true) !== NEWGEN) return undefined;
  for (let at = HEADER + GENERIC; at + 8 <= bytes.length;) {
    const length = view.getUint16(at, true);
    if (length < 4) return undefined;
    // Attributes of netfilter are in network order.
    if (view.getUint16(at + 2, true) === NFTA_GEN_ID) return view.getUint32(at + 4);
    at += (length + 3) & ~3;
  }
  return undefined;
}
