/**
 * Announces to the neighbours on a link which MAC has an address now, so that none keeps sending to the
 * previous one: ARP announcements (RFC 5227, 2.3) and unsolicited neighbour advertisements
 * (RFC 4861, 7.2.6). Sent by a packet(7) socket of the namespace that the caller is in.
 *
 * @module
 */
import { closeFdLater, errnoError, libc } from "../libc.ts";
import { internetChecksum } from "./checksum.ts";
import { linkIndex } from "../net/netdevice.ts";

const AF_PACKET = 17;
const SOCK_RAW = 3;
const SOCK_NONBLOCK = 0o4000;
const SOCK_CLOEXEC = 0o2000000;
const ETHER_ARP = 0x0806;
const ETHER_IPV6 = 0x86dd;
const ICMPV6 = 58;
const BROADCAST = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff];
/** All nodes: ff02::1, and its MAC (RFC 2464, 7). */
const ALL_NODES = [0xff, 2, ...Array<number>(13).fill(0), 1],
  ALL_NODES_MAC = [0x33, 0x33, 0, 0, 0, 1];

/** The holder of an address. */
export interface Holder {
  /** Lower case, colons. */
  mac: string;
  /** As bytes: 4 or 16. */
  address: Uint8Array;
}

function arpFrame(mac: number[], address: number[]): number[] {
  const arp = [0, 1, 8, 0, 6, 4, 0, 1, ...mac, ...address, 0, 0, 0, 0, 0, 0, ...address];
  return [...BROADCAST, ...mac, ETHER_ARP >> 8, ETHER_ARP & 0xff, ...arp];
}

function advertisementFrame(mac: number[], address: number[]): number[] {
  // Override, not solicited; the option is the target's link-layer address.
  const body = [136, 0, 0, 0, 0x20, 0, 0, 0, ...address, 2, 1, ...mac];
  const pseudo = [...address, ...ALL_NODES, 0, 0, 0, body.length, 0, 0, 0, ICMPV6];
  const sum = internetChecksum(Uint8Array.from([...pseudo, ...body]));
  body[2] = sum >> 8;
  body[3] = sum & 0xff;
  const header = [0x60, 0, 0, 0, 0, body.length, ICMPV6, 255, ...address, ...ALL_NODES];
  return [...ALL_NODES_MAC, ...mac, ETHER_IPV6 >> 8, ETHER_IPV6 & 0xff, ...header, ...body];
}

/** The frame that announces a holder. */
export function announcement({ mac, address }: Holder): Uint8Array<ArrayBuffer> {
  const bytes = mac.split(":").map((digits) => parseInt(digits, 16));
  const frame = address.length === 4 ? arpFrame : advertisementFrame;
  return Uint8Array.from(frame(bytes, [...address]));
}

/** Announcements under way. */
export interface Sending {
  /** When all are on the link. */
  all: Promise<void>;
  /** When their socket is closed, too. */
  closed: Promise<void>;
}

/**
 * Opens a socket for announcements out by a link of the namespace that the caller is in; for none where there is no
 * such link. What is returned sends them, and has to be called when the caller is back: sending takes the kernel the
 * longer the more members a bridge has, closing such a socket waits for the whole kernel, and both must happen on
 * threads of the caller's own namespace.
 *
 * @throws {Error} when the kernel refuses
 */
export function announce(link: string, holders: Holder[]): () => Sending {
  const index = linkIndex(link);
  if (index === undefined || holders.length === 0) {
    return () => ({ all: Promise.resolve(), closed: Promise.resolve() });
  }
  const fd = libc().socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) throw errnoError("open a packet socket");
  return () => {
    const all = send(fd, index, holders);
    return { all, closed: all.finally(() => closeFdLater(fd)) };
  };
}

async function send(fd: number, index: number, holders: Holder[]): Promise<void> {
  // sockaddr_ll: family, protocol, index, type of hardware, type of packet, length of address.
  const to = new DataView(new ArrayBuffer(20));
  to.setUint16(0, AF_PACKET, true);
  to.setInt32(4, index, true);
  to.setUint8(11, 6);
  for (const holder of holders) {
    const frame = announcement(holder);
    to.setUint16(2, holder.address.length === 4 ? ETHER_ARP : ETHER_IPV6);
    // A full queue drops one: neighbours that need it send a request.
    await libc().sendto_later(fd, frame, BigInt(frame.length), 0, new Uint8Array(to.buffer), 20);
  }
}
