/**
 * Links of the calling thread's network namespace, without a process of a tool: netdevice(7).
 *
 * @module
 */
import {
  closeFd,
  cString,
  ENOENT,
  errno,
  errnoError,
  libc,
  readFileSync,
  tryOpenFd,
} from "../libc.ts";

const AF_INET = 2;
const SOCK_DGRAM = 2;
const SOCK_CLOEXEC = 0o2000000;
/** Of a link's name, with the final NUL. */
export const IFNAMSIZ = 16;
/** `struct ifreq`: the name, then a union of 24 bytes. */
const IFREQ_SIZE = 40;
const SIOCGIFFLAGS = 0x8913n;
const SIOCSIFFLAGS = 0x8914n;
/** `errno` of a missing link. */
const ENXIO = 6;
const IFF_UP = 1;

/** An ioctl about a link. */
export interface DeviceRequest {
  /** What it does, for the error. */
  what: string;
  code: bigint;
  /** Writes what the request needs after the name. */
  fill?: (request: DataView) => void;
}

/**
 * Asks about a link, or changes it, by an ioctl of netdevice(7).
 *
 * @returns the request as the kernel left it
 * @throws {NetsvcError} `kernel`
 */
export function deviceRequest(
  name: string,
  { what, code, fill = () => {} }: DeviceRequest,
): DataView {
  const { socket, ioctl } = libc();
  const request = new Uint8Array(IFREQ_SIZE);
  request.set(cString(name).subarray(0, IFNAMSIZ));
  const view = new DataView(request.buffer);
  fill(view);
  const fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) throw errnoError("open a socket");
  try {
    if (ioctl(fd, code, request) !== 0) throw errnoError(what);
    return view;
  } finally {
    closeFd(fd);
  }
}

/**
 * Whether there is a link of this name, or was until a moment ago. Each has settings in
 * `/proc/sys/net/ipv4/conf`; an ioctl with the name of a missing link makes the kernel look for a module.
 */
function hasSettings(name: string): boolean {
  const path = `/proc/sys/net/ipv4/conf/${name}/forwarding`;
  const fd = tryOpenFd(path);
  if (fd !== undefined) closeFd(fd);
  else if (errno() !== ENOENT) throw errnoError(`open "${path}"`);
  return fd !== undefined;
}

/** Index of a link; `undefined` when there is none. */
export function linkIndex(name: string): number | undefined {
  return (hasSettings(name) && libc().if_nametoindex(cString(name))) || undefined;
}

/** Whether there is a link of this index (if_indextoname(3)). @throws {NetsvcError} `kernel` */
export function hasLinkIndex(index: number): boolean {
  if (libc().if_indextoname(index, new Uint8Array(IFNAMSIZ)) !== null) return true;
  if (errno() === ENXIO) return false;
  throw errnoError(`look for the link ${index}`);
}

/** Brings a link up that isn't. @throws {NetsvcError} `kernel` */
export function bringUp(name: string): void {
  const shown = deviceRequest(name, { what: `look at the link "${name}"`, code: SIOCGIFFLAGS });
  const flags = shown.getUint16(IFNAMSIZ, true);
  if ((flags & IFF_UP) !== 0) return;
  deviceRequest(name, {
    what: `bring up the link "${name}"`,
    code: SIOCSIFFLAGS,
    fill: (request) => request.setUint16(IFNAMSIZ, flags | IFF_UP, true),
  });
}

/** Names of all links, as `/proc/net/dev` shows them (proc_pid_net(5)): after two lines of headings. */
export function linkNames(): string[] {
  return readFileSync("/proc/thread-self/net/dev").split("\n").slice(2)
    .map((line) => line.slice(0, line.indexOf(":")).trim()) // No name has a colon.
    .filter((name) => name !== "");
}
