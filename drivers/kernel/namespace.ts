/**
 * Network namespaces: enter one for the length of a synchronous call, make one, pin it to a path.
 * Sources: namespaces(7), network_namespaces(7), setns(2).
 *
 * @module
 */
import { CLONE_NEWNET, closeFd, errnoError, libc, openFd } from "./libc.ts";

/**
 * Runs `action` with the calling thread inside the network namespace at `path`, and comes back.
 * Sockets opened and processes spawned in it stay there. `action` must not be async: whatever runs
 * between its first `await` and its end would be in the daemon's own namespace, and worse, other
 * work of the event loop could run in the sandbox's.
 *
 * @throws {NetsvcError} `kernel` when the path is no network namespace (any more)
 */
export function inNamespace<T>(path: string, action: () => T): T {
  const { setns } = libc();
  const target = openFd(path);
  try {
    const home = openFd("/proc/thread-self/ns/net");
    try {
      if (setns(target, CLONE_NEWNET) !== 0) throw errnoError(`enter the namespace "${path}"`);
      try {
        return action();
      } finally {
        if (setns(home, CLONE_NEWNET) !== 0) {
          // Going on in a sandbox's namespace would program the wrong host: there is no way back.
          console.error(`netsvc: ${errnoError("return to the host's namespace").message}`);
          Deno.exit(70);
        }
      }
    } finally {
      closeFd(home);
    }
  } finally {
    closeFd(target);
  }
}

/**
 * Makes a new network namespace and calls `pin` inside it; `pin` must make something hold it (a
 * bind mount of `/proc/thread-self/ns/net`), or it is gone when this returns.
 */
export function createNamespace<T>(pin: () => T): T {
  const { setns, unshare } = libc();
  const home = openFd("/proc/thread-self/ns/net");
  try {
    if (unshare(CLONE_NEWNET) !== 0) throw errnoError("make a network namespace");
    try {
      return pin();
    } finally {
      if (setns(home, CLONE_NEWNET) !== 0) {
        console.error(`netsvc: ${errnoError("return to the host's namespace").message}`);
        Deno.exit(70);
      }
    }
  } finally {
    closeFd(home);
  }
}
