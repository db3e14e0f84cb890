/**
 * Network namespaces: enter one for the length of a synchronous call, make one, pin it to a path.
 * Sources: namespaces(7), network_namespaces(7), setns(2).
 *
 * @module
 */
import { CLONE_NEWNET, closeFd, errnoError, libc, openFd } from "../libc.ts";

/** Calls `action` when `enter` has moved the calling thread into a namespace, and comes back. */
function andBack<T>(what: string, enter: () => number, action: () => T): T {
  const { setns } = libc();
  const home = openFd("/proc/thread-self/ns/net");
  try {
    if (enter() !== 0) throw errnoError(what);
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
}

/**
 * Runs `action` with the calling thread inside the network namespace at `path`, and comes back.
 * Sockets opened and processes spawned in it stay there. `action` must not be async: whatever runs
 * between its first `await` and its end would be in the daemon's own namespace, and worse, other
 * work of the event loop could run in the sandbox's.
 *
 * @throws {NetsvcError} `kernel` when the path is not a network namespace (any more)
 */
export function inNamespace<T>(path: string, action: () => T): T {
  const target = openFd(path);
  try {
    const enter = () => libc().setns(target, CLONE_NEWNET);
    return andBack(`enter the namespace "${path}"`, enter, action);
  } finally {
    closeFd(target);
  }
}

/**
 * Makes a new network namespace and calls `pin` inside it; `pin` must make something hold it (a
 * bind mount of `/proc/thread-self/ns/net`), or it is gone when this returns.
 */
export function createNamespace<T>(pin: () => T): T {
  return andBack("make a network namespace", () => libc().unshare(CLONE_NEWNET), pin);
}
