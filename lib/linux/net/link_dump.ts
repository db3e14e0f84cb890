/**
 * Links of the calling thread's network namespace with their addresses, asked of the kernel itself: a start looks into
 * every sandbox, and a process of `ip` for each takes fifty times as long. Sources: netlink(7), rtnetlink(7).
 *
 * @module
 */
import { formatIp } from "../../ip/cidr.ts";
import { closeFd, errnoError, libc } from "../libc.ts";
import type { ObservedLink } from "./observe.ts";

const AF_NETLINK = 16;
const SOCK_RAW_CLOEXEC = 3 | 0o2000000;
const NETLINK_ROUTE = 0;
const SOL_SOCKET = 1;
const SO_RCVTIMEO = 20;
const NLM_F_REQUEST = 1;
const NLM_F_DUMP = 0x300;
/** What was dumped changed meanwhile. */
const NLM_F_DUMP_INTR = 0x10;
const NLMSG_ERROR = 2;
const NLMSG_DONE = 3;
const RTM_NEWLINK = 16;
const RTM_GETLINK = 18;
const RTM_NEWADDR = 20;
const RTM_GETADDR = 22;
/** Length of `struct nlmsghdr`, of `struct ifinfomsg`, and of `struct ifaddrmsg`, in bytes. */
const HEADER = 16, LINK = 16, ADDRESS = 8;
/** Attributes (linux/if_link.h, linux/if_addr.h). */
const IFLA_ADDRESS = 1, IFLA_IFNAME = 3, IFLA_MTU = 4, IFLA_MASTER = 10, IFLA_OPERSTATE = 16;
const IFLA_LINKINFO = 18, IFLA_IFALIAS = 20, IFLA_EXT_MASK = 29;
const IFLA_INFO_KIND = 1, IFLA_INFO_DATA = 2, IFLA_BR_MCAST_SNOOPING = 23;
const IFA_ADDRESS = 1, IFA_LOCAL = 2;
/** Has the kernel leave out the counters, two thirds of what it would send. */
const RTEXT_FILTER_SKIP_STATS = 8;
/** The flags that are read (netdevice(7)). */
const FLAGS = { UP: 0x1, NOARP: 0x80 };
/** `operstate`, as ip-link(8) names it. */
const STATES = ["UNKNOWN", "NOTPRESENT", "DOWN", "LOWERLAYERDOWN", "TESTING", "DORMANT", "UP"];
/** Scopes of addresses (rtnetlink(7)), as ip-address(8) names them. */
const SCOPES: Record<number, string> = {
  0: "global",
  200: "site",
  253: "link",
  254: "host",
  255: "nowhere",
};
const AF_INET = 2;
const AF_INET6 = 10;
/** Of one read: the kernel sends no larger part of a dump (NLMSG_GOODSIZE, and 32 KiB where it is let). */
const BUFFER = 32 * 1024;
/** Dumps that may be cut by a change before the last one counts as it is. */
const ATTEMPTS = 5;

/** One for all reads: they don't interleave, since each dump is read to its end at once. */
const buffer = new Uint8Array(BUFFER);

/** A link with what of it is read in a start; of `flags` and `linkinfo` no more than that. */
export type DumpedLink = Omit<ObservedLink, "link" | "link_index" | "link_netnsid">;

/** A link, with the index of its master in place of the name. */
type Raw = Omit<DumpedLink, "master"> & { master?: number };

/** A message of a dump. */
interface Message {
  type: number;
  flags: number;
  body: DataView;
}

/** The messages of one read. Pure. */
export function* messagesOf(bytes: Uint8Array): Generator<Message> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 0; at + HEADER <= bytes.length;) {
    const length = view.getUint32(at, true);
    if (length < HEADER || at + length > bytes.length) return;
    yield {
      type: view.getUint16(at + 4, true),
      flags: view.getUint16(at + 6, true),
      body: new DataView(bytes.buffer, bytes.byteOffset + at + HEADER, length - HEADER),
    };
    at += (length + 3) & ~3;
  }
}

/** Attributes by their number (rtnetlink(7)), behind the fixed part of a message. Pure. */
function attributesOf(body: DataView, fixed = 0): Map<number, DataView> {
  const found = new Map<number, DataView>();
  for (let at = fixed; at + 4 <= body.byteLength;) {
    const length = body.getUint16(at, true);
    if (length < 4 || at + length > body.byteLength) break;
    const value = new DataView(body.buffer, body.byteOffset + at + 4, length - 4);
    found.set(body.getUint16(at + 2, true) & 0x3fff, value);
    at += (length + 3) & ~3;
  }
  return found;
}

function bytesOf(view: DataView): Uint8Array {
  return new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
}

const decoder = new TextDecoder();

/** Text that ends with a NUL. */
function textOf(view: DataView | undefined): string | undefined {
  return view && decoder.decode(bytesOf(view)).replace(/\0$/, "");
}

function linkInfo(view: DataView): NonNullable<DumpedLink["linkinfo"]> {
  const info = attributesOf(view);
  const kind = textOf(info.get(IFLA_INFO_KIND));
  const data = kind === "bridge" ? info.get(IFLA_INFO_DATA) : undefined;
  const snooping = data && attributesOf(data).get(IFLA_BR_MCAST_SNOOPING)?.getUint8(0);
  return {
    ...kind !== undefined && { info_kind: kind },
    ...snooping !== undefined && { info_data: { mcast_snooping: snooping } },
  };
}

/** A link of RTM_NEWLINK. Pure. */
export function linkOf(body: DataView): Raw | undefined {
  if (body.byteLength < LINK) return undefined;
  const attributes = attributesOf(body, LINK);
  const ifname = textOf(attributes.get(IFLA_IFNAME));
  if (ifname === undefined) return undefined;
  const flags = body.getUint32(8, true);
  const mac = attributes.get(IFLA_ADDRESS);
  const alias = textOf(attributes.get(IFLA_IFALIAS));
  const master = attributes.get(IFLA_MASTER)?.getUint32(0, true);
  const info = attributes.get(IFLA_LINKINFO);
  return {
    ifname,
    ifindex: body.getInt32(4, true),
    mtu: attributes.get(IFLA_MTU)?.getUint32(0, true) ?? 0,
    operstate: STATES[attributes.get(IFLA_OPERSTATE)?.getUint8(0) ?? 0] ?? "UNKNOWN",
    flags: Object.entries(FLAGS).flatMap(([name, bit]) => (flags & bit) === 0 ? [] : [name]),
    ...mac && { address: bytesOf(mac).toHex().replaceAll(/..(?!$)/g, "$&:") },
    ...alias !== undefined && { ifalias: alias },
    ...master !== undefined && { master },
    ...info && { linkinfo: linkInfo(info) },
    addr_info: [],
  };
}

/** An address of RTM_NEWADDR, with the index of its link. Pure. */
export function addressOf(
  body: DataView,
): DumpedLink["addr_info"][number] & { ifindex: number } | undefined {
  if (body.byteLength < ADDRESS) return undefined;
  const attributes = attributesOf(body, ADDRESS);
  // With IPv4, and where there is a peer, the other attribute is the peer's.
  const address = attributes.get(IFA_LOCAL) ?? attributes.get(IFA_ADDRESS);
  const size = { [AF_INET]: 4, [AF_INET6]: 16 }[body.getUint8(0)];
  if (address === undefined || address.byteLength !== size) return undefined;
  const scope = body.getUint8(3);
  return {
    ifindex: body.getUint32(4, true),
    local: size === 4
      ? bytesOf(address).join(".")
      : formatIp({ family: 6, value: BigInt(`0x${bytesOf(address).toHex()}`) }),
    prefixlen: body.getUint8(1),
    scope: SCOPES[scope] ?? String(scope),
  };
}

/** The two requests for dumps. */
function requestFor(type: number): Uint8Array<ArrayBuffer> {
  const ofLinks = type === RTM_GETLINK;
  const bytes = new Uint8Array(HEADER + (ofLinks ? LINK + 8 : ADDRESS));
  const view = new DataView(bytes.buffer);
  view.setUint32(0, bytes.length, true);
  view.setUint16(4, type, true);
  view.setUint16(6, NLM_F_REQUEST | NLM_F_DUMP, true);
  if (!ofLinks) return bytes;
  view.setUint16(HEADER + LINK, 8, true);
  view.setUint16(HEADER + LINK + 2, IFLA_EXT_MASK, true);
  view.setUint32(HEADER + LINK + 4, RTEXT_FILTER_SKIP_STATS, true);
  return bytes;
}

/** Sends a request for a dump, and gives each message of the answer; tells whether it is whole. */
function dump(fd: number, type: number, each: (message: Message) => void): boolean {
  const { sendto, recv } = libc();
  const request = requestFor(type);
  const kernel = new Uint8Array(12);
  kernel[0] = AF_NETLINK;
  if (sendto(fd, request, BigInt(request.length), 0, kernel, kernel.length) < 0n) {
    throw errnoError("ask for links");
  }
  for (let whole = true;;) {
    const length = Number(recv(fd, buffer, BigInt(buffer.length), 0));
    if (length < 0) throw errnoError("read links");
    for (const message of messagesOf(buffer.subarray(0, length))) {
      if ((message.flags & NLM_F_DUMP_INTR) !== 0) whole = false;
      if (message.type === NLMSG_DONE) return whole;
      if (message.type === NLMSG_ERROR) {
        throw errnoError("read links", -message.body.getInt32(0, true));
      }
      each(message);
    }
  }
}

/** All links, with their addresses; and whether nothing changed meanwhile. */
function dumpOnce(fd: number): { links: DumpedLink[]; whole: boolean } {
  const raw = new Map<number, Raw>();
  const whole = [
    dump(fd, RTM_GETLINK, ({ type, body }) => {
      const link = type === RTM_NEWLINK ? linkOf(body) : undefined;
      if (link) raw.set(link.ifindex, link);
    }),
    dump(fd, RTM_GETADDR, ({ type, body }) => {
      const found = type === RTM_NEWADDR ? addressOf(body) : undefined;
      if (!found) return;
      const { ifindex, ...address } = found;
      raw.get(ifindex)?.addr_info.push(address);
    }),
  ];
  const links = [...raw.values()].map(({ master, ...link }) => {
    const name = master === undefined ? undefined : raw.get(master)?.ifname;
    return { ...link, ...name !== undefined && { master: name } };
  });
  return { links, whole: whole.every(Boolean) };
}

/**
 * All links of the thread's namespace, with their addresses.
 *
 * @throws {NetsvcError} `kernel`
 */
export function dumpLinks(): DumpedLink[] {
  const { socket, setsockopt } = libc();
  const fd = socket(AF_NETLINK, SOCK_RAW_CLOEXEC, NETLINK_ROUTE);
  if (fd < 0) throw errnoError("ask for links");
  try {
    // The kernel answers within the send; a longer wait here would block the whole event loop.
    const second = new Uint8Array(new BigInt64Array([1n, 0n]).buffer);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, second, second.length);
    for (let attempt = 1;; attempt++) {
      const { links, whole } = dumpOnce(fd);
      if (whole || attempt >= ATTEMPTS) return links;
    }
  } finally {
    closeFd(fd);
  }
}
