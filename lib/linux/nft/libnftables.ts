/**
 * libnftables(3), the library of nft(8): a change by it takes a fraction of a millisecond, where a
 * process takes five, or fifteen if it deletes something, since the kernel closes no socket before the
 * objects that it deleted are freed.
 *
 * @module
 */
import { closeFd, cString, libc } from "../libc.ts";

const open = () =>
  Deno.dlopen("libnftables.so.1", {
    nft_ctx_new: { parameters: ["u32"], result: "pointer" },
    // Both may wait for the kernel.
    nft_ctx_free: { parameters: ["pointer"], result: "void", nonblocking: true },
    nft_run_cmd_from_buffer: {
      parameters: ["pointer", "buffer"],
      result: "i32",
      nonblocking: true,
    },
    nft_ctx_buffer_error: { parameters: ["pointer"], result: "i32" },
    nft_ctx_buffer_output: { parameters: ["pointer"], result: "i32" },
    nft_ctx_get_error_buffer: { parameters: ["pointer"], result: "pointer" },
  });

type Library = ReturnType<typeof open>["symbols"];

let library: Library | undefined;
let absent = false;

/** The library; `undefined` where this host has none. */
export function libnftables(): Library | undefined {
  if (absent) return undefined;
  try {
    return library ??= open().symbols;
  } catch {
    absent = true;
    return undefined;
  }
}

/** What the library keeps between commands; its socket belongs to the namespace that it was made in. */
export type NftHandle = Deno.PointerObject;

/** Makes a handle in the namespace that the caller is in; `undefined` where that can't be. */
export function openHandle(library: Library): NftHandle | undefined {
  const lowest = lowestFreeFd();
  const handle = library.nft_ctx_new(0);
  if (handle === null) return undefined;
  const isKept = library.nft_ctx_buffer_error(handle) === 0 &&
    library.nft_ctx_buffer_output(handle) === 0;
  if (isKept && keepFromChildren(lowest)) return handle;
  void library.nft_ctx_free(handle);
  return undefined;
}

/** Runs commands as one transaction. @returns the library's error message where it failed */
export async function runCommands(
  { library, handle }: { library: Library; handle: NftHandle },
  script: string,
): Promise<string | undefined> {
  // Of several lines the library shows the first one, whichever failed.
  const line = script.replaceAll("\n", ";");
  if (await library.nft_run_cmd_from_buffer(handle, cString(line)) === 0) return undefined;
  const text = library.nft_ctx_get_error_buffer(handle);
  return text === null ? "" : namingStatements(new Deno.UnsafePointerView(text).getCString());
}

/** Shortens errors in a long line, which the library marks by carets below it, to the marked statements. */
export function namingStatements(text: string): string {
  return text.replaceAll(/^(.*;.*)\n( *)\^+[ ^]*$/gm, (_, line: string, { length }: string) => {
    const end = line.indexOf(";", length);
    return line.slice(line.lastIndexOf(";", length) + 1, end < 0 ? undefined : end).trim();
  });
}

const F_GETFD = 1;
const F_SETFD = 2;
const FD_CLOEXEC = 1;
const F_DUPFD_CLOEXEC = 1030;
const SOL_SOCKET = 1;
const SO_PROTOCOL = 38;
const SO_DOMAIN = 39;
const AF_NETLINK = 16;
const NETLINK_NETFILTER = 12;
/** Descriptors among which the socket is searched: other threads open and close theirs meanwhile. */
const NEAR = 64;

function lowestFreeFd(): number {
  const fd = libc().fcntl(0, F_DUPFD_CLOEXEC, 0);
  if (fd >= 0) closeFd(fd);
  return Math.max(0, fd);
}

function socketOption(fd: number, option: number): number | undefined {
  const value = new Uint8Array(4);
  const length = new Uint8Array(new Uint32Array([4]).buffer);
  if (libc().getsockopt(fd, SOL_SOCKET, option, value, length) !== 0) return undefined;
  return new DataView(value.buffer).getUint32(0, true);
}

/**
 * Keeps the library's new socket from the processes that are started here: it would let containers change the
 * host's firewall, and the library doesn't see to it. Nothing is started before this returns.
 *
 * @returns whether it was found
 */
function keepFromChildren(from: number): boolean {
  const { fcntl } = libc();
  for (let fd = from; fd < from + NEAR; fd++) {
    const flags = fcntl(fd, F_GETFD, 0);
    if (flags < 0 || (flags & FD_CLOEXEC) !== 0) continue;
    if (socketOption(fd, SO_DOMAIN) !== AF_NETLINK) continue;
    if (socketOption(fd, SO_PROTOCOL) !== NETLINK_NETFILTER) continue;
    return fcntl(fd, F_SETFD, FD_CLOEXEC) === 0;
  }
  return false;
}
