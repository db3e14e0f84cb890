/**
 * A daemon's claim to its run directory and to its network namespace. Two daemons on one of them
 * would each remove what it doesn't know, which is all that the other has. Both claims end with the
 * process, whatever ends it.
 *
 * @module
 */
import { bindAbstract, closeFd, EADDRINUSE, libc } from "../drivers/kernel/libc.ts";
import { errorChain, NetsvcError } from "./wire/errors.ts";

/** Name of the socket that a network namespace has one of. */
const NAMESPACE_CLAIM = "netsvc-daemon";

/**
 * Claims both.
 *
 * @throws {NetsvcError} `in_use` when another daemon has one of them, `unavailable` when the
 * directory can't be used
 */
export function claimHost(runDir: string): Disposable {
  using stack = new DisposableStack();
  stack.adopt(claimDirectory(runDir), (lock) => lock.close());
  stack.adopt(claimNamespace(), closeFd);
  return stack.move();
}

/** The daemon programs the kernel. @throws {NetsvcError} `forbidden` to all but root */
export function requireRoot(): void {
  if (libc().geteuid() === 0) return;
  throw new NetsvcError("forbidden", "The daemon needs root; start it with sudo");
}

function claimNamespace(): number {
  try {
    return bindAbstract(NAMESPACE_CLAIM);
  } catch (error) {
    if ((error as { errno?: number }).errno !== EADDRINUSE) throw error;
    throw new NetsvcError(
      "in_use",
      "Another netsvc daemon runs in this network namespace; stop it, or start this one in a " +
        "namespace of its own",
    );
  }
}

function claimDirectory(runDir: string): Deno.FsFile {
  let lock: Deno.FsFile;
  try {
    Deno.mkdirSync(runDir, { recursive: true, mode: 0o755 });
    lock = Deno.openSync(`${runDir}/lock`, { create: true, write: true, mode: 0o600 });
  } catch (error) {
    throw new NetsvcError(
      "unavailable",
      `Cannot use the run directory "${runDir}": ${errorChain(error)[0]}`,
      { cause: error },
    );
  }
  if (lock.tryLockSync(true)) return lock;
  lock.close();
  throw new NetsvcError(
    "in_use",
    `The run directory "${runDir}" is used by another netsvc daemon; stop it or choose another ` +
      `--run-dir`,
  );
}
