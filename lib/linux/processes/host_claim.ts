/**
 * A daemon's claim to its run directory and to its network namespace. Two daemons on one of them
 * would each remove what it doesn't know: everything of the other's. Both claims end with the
 * process, by SIGKILL too.
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
import { existsSync } from "node:fs";
import { bindAbstract, closeFd, EADDRINUSE, libc } from "../libc.ts";
import { namespaceNumber } from "../namespaces/namespace_identity.ts";
import { errorChain, NetsvcError } from "../../api/errors.ts";

const log = getLogger(["netsvc", "daemon"]);

/** Where daemons of all run directories meet: a file per network namespace, by its number. */
const NAMESPACES = "/run/netsvc-namespaces";
/** Socket that daemons of other mount namespaces see, too. */
const ABSTRACT_NAME = "netsvc-daemon";

/** The file that notes the owner of this network namespace; on a tmpfs, so that a reboot clears it. */
export function namespaceNote(): string {
  return `${NAMESPACES}/${namespaceNumber("/proc/self/ns/net")}`;
}

/**
 * Claims both.
 *
 * @throws {NetsvcError} `in_use` when another daemon has one of them, `unavailable` when the
 * directory can't be used
 */
export function claimHost(runDir: string): Disposable {
  using stack = new DisposableStack();
  stack.adopt(claimDirectory(runDir), (lock) => lock.close());
  const lock = stack.adopt(claimNamespace(), (file) => file?.close());
  stack.adopt(claimName(lock !== undefined), (fd) => fd !== undefined && closeFd(fd));
  return stack.move();
}

/** Checks whether another daemon has one of them, and creates nothing. @throws {NetsvcError} `in_use` */
export function refuseRunning(runDir: string): void {
  using stack = new DisposableStack();
  if (existsSync(runDir)) stack.adopt(claimDirectory(runDir), (lock) => lock.close());
  stack.adopt(claimNamespace(), (file) => file?.close());
}

/** The daemon programs the kernel. @throws {NetsvcError} `forbidden` to all but root */
export function requireRoot(): void {
  if (libc().geteuid() === 0) return;
  throw new NetsvcError("forbidden", "The daemon needs root; start it with sudo");
}

function inUse(): NetsvcError {
  return new NetsvcError(
    "in_use",
    "Another netsvc daemon runs in this network namespace; stop it, or start this one in a " +
      "namespace of its own",
  );
}

/** A lock in a directory that only root can write; `undefined` where there can be no such directory. */
function claimNamespace(): Deno.FsFile | undefined {
  let file: Deno.FsFile;
  try {
    Deno.mkdirSync(NAMESPACES, { recursive: true, mode: 0o700 });
    const { isDirectory, uid } = Deno.lstatSync(NAMESPACES);
    if (!isDirectory || uid !== 0) throw new Error(`"${NAMESPACES}" isn't root's directory`);
    file = Deno.openSync(namespaceNote(), { create: true, write: true, mode: 0o600 });
  } catch (error) {
    log.warn("Cannot keep other daemons out of this network namespace: {cause}", {
      cause: errorChain(error)[0],
    });
    return undefined;
  }
  if (file.tryLockSync(true)) return file;
  file.close();
  throw inUse();
}

/**
 * The abstract name that earlier versions took in place of the lock, and that daemons with a `/run` of their
 * own see, too. Any user can take the name, so a daemon that holds the lock starts without it.
 */
function claimName(locked: boolean): number | undefined {
  try {
    return bindAbstract(ABSTRACT_NAME);
  } catch (error) {
    if ((error as { errno?: number }).errno !== EADDRINUSE) throw error;
    if (!locked) throw inUse();
    log.warn(
      'Something else has the abstract socket "{name}"; if that is a daemon of netsvc, stop it',
      { name: ABSTRACT_NAME },
    );
    return undefined;
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
