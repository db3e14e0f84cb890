/**
 * Tells network namespaces apart, by the numbers the kernel gives them (namespaces(7)).
 *
 * @module
 */
import { closeFd, cString, ENOENT, errno, errnoWords, libc, tryOpenFd } from "../libc.ts";
import { inNamespace } from "./namespace.ts";
import { NetsvcError } from "../../api/errors.ts";

/** The number of the network namespace at a path; `undefined` when there is none. */
export function namespaceNumber(path: string): string | undefined {
  const buffer = new Uint8Array(64);
  try {
    // A path may be a mount of the namespace, whose link has no number in its name: enter it and look.
    const n = inNamespace(path, () =>
      Number(
        libc().readlink(cString("/proc/thread-self/ns/net"), buffer, BigInt(buffer.length)),
      ));
    return new TextDecoder().decode(buffer.subarray(0, Math.max(n, 0)))
      .match(/^net:\[(\d+)\]$/)?.[1];
  } catch {
    return undefined;
  }
}

/** The error of a container on the host's network: attaching it would attach the host. */
export function onHostNetwork(what: string): NetsvcError {
  return new NetsvcError(
    "invalid",
    `The ${what} has no network of its own, it is on its host's; nothing can be attached to it`,
  );
}

/**
 * Refuses a process whose network namespace can't be read, with the remedy.
 *
 * @throws {NetsvcError} `forbidden`
 */
export function refuseClosedNamespace(pid: number): void {
  const fd = tryOpenFd(`/proc/${pid}/ns/net`);
  if (fd !== undefined) return closeFd(fd);
  const code = errno();
  if (code === ENOENT) return; // The process has ended: the caller's next step reports that.
  throw new NetsvcError(
    "forbidden",
    `Cannot look into the network namespace of process ${pid}: ${errnoWords(code)}` +
      `; the daemon may not trace it (ptrace(2)): it is a process of the system's or of another ` +
      `sandbox, or the daemon lacks CAP_SYS_PTRACE`,
  );
}

/** Refuses this host's own namespace. @throws {NetsvcError} `invalid` */
export function refuseHostNamespace(what: string, path: string): void {
  if (namespaceNumber(path) === namespaceNumber("/proc/self/ns/net")) throw onHostNetwork(what);
}
