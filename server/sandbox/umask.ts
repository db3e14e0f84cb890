/**
 * Files that are for others. The daemon's own are nobody else's: it runs with the umask 077.
 *
 * @module
 */

/** The umask of containers' processes, and of what is theirs. */
export const CONTAINER_UMASK = 0o022;

/** Makes files with the usual umask; nothing else runs meanwhile. */
export function forOthers<T>(action: () => T): T {
  const before = Deno.umask(CONTAINER_UMASK);
  try {
    return action();
  } finally {
    Deno.umask(before);
  }
}
