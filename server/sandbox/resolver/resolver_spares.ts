/**
 * Keeps the spare sockets of sandboxes' resolvers while no daemon runs, however it ended: in one `sleep` process
 * for all of them, which has only these descriptors open. The next daemon takes them from there (pidfd_getfd(2))
 * and answers the queries that arrived meanwhile; where that fails, it answers only queries that arrive from then
 * on, as without spares.
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
import { closeFd } from "../../../lib/linux/libc.ts";
import { setInherited, setReusable, takeFd } from "../../../lib/linux/sockets/spare_socket.ts";
import { startChild } from "../../../lib/linux/processes/child.ts";
import { errorChain } from "../../../lib/api/errors.ts";
import {
  identify,
  isRunning,
  type ProcessIdentity,
  signal,
  SIGNALS,
} from "../../../lib/linux/processes/process_table.ts";

const log = getLogger(["netsvc", "sandbox"]);
/** Delay between a change and the replacement of the process, in milliseconds: changes come in bursts. */
const SETTLE_MS = 500;
/** How long a killed process may take to be gone, in milliseconds. */
const END_TRIES = 200;

/** How often a new process checks for its file, 0.2 s apart. */
const LOOKS = 25;
/**
 * The program of the process: it stays once the file names it. Otherwise, where the daemon was killed before it
 * wrote the file, no daemon would know of the process, and the sockets that it holds would block the address for
 * good.
 */
const HOLDER = `
while [ "$2" -gt 0 ] && [ -d "\${1%/*}" ]; do
  case "$(cat "$1" 2>/dev/null)" in *"\\"pid\\":$$,"*) exec sleep infinity ;; esac
  sleep 0.2
  set -- "$1" $(($2 - 1))
done
`;

/**
 * Starts a process that inherits the descriptors that are inheritable now.
 *
 * @param file has to name the process, or the process ends
 */
export function startHolder(file: string, looks: number = LOOKS): Deno.ChildProcess {
  return startChild("setsid", {
    args: ["sh", "-c", HOLDER, "sh", file, String(looks)],
    cwd: "/",
    stdin: "null",
    stdout: "null",
    stderr: "null",
  });
}

/** The file's content in the run directory: the process, and its descriptors by container. */
interface Kept {
  process: ProcessIdentity;
  sockets: Record<string, number>;
}

/** The spare sockets of all sandboxes on a host. */
export class ResolverSpares {
  readonly #file: string;
  readonly #sockets = new Map<string, number>();
  #kept: Kept | undefined;
  #timer: number | undefined;

  /** @param runDir an existing directory */
  constructor(runDir: string) {
    this.#file = `${runDir}/resolvers`;
    this.#kept = this.#read();
    if (this.#kept) this.#soon();
  }

  #read(): Kept | undefined {
    try {
      const kept: Kept = JSON.parse(Deno.readTextFileSync(this.#file));
      return isRunning(kept.process) ? kept : undefined;
    } catch {
      return undefined;
    }
  }

  /** Returns the spare that an earlier daemon left for a container; the caller has to close it. */
  take(id: string): number | undefined {
    const fd = this.#kept?.sockets[id];
    if (fd === undefined || this.#sockets.has(id)) return undefined;
    const taken = takeFd(this.#kept!.process.pid, fd);
    // A spare that can't be taken would block the address of the new socket.
    if (taken === undefined) this.#abandon();
    return taken;
  }

  /** Ends the process of an earlier daemon, and waits for its end. */
  #abandon(): void {
    const { process } = this.#kept!;
    this.#kept = undefined;
    if (isRunning(process)) signal(process.pid, SIGNALS["SIGKILL"]!);
    const moment = new Int32Array(new SharedArrayBuffer(4));
    for (let i = 0; i < END_TRIES && isRunning(process); i++) Atomics.wait(moment, 0, 0, 1);
  }

  /** Keeps a container's spare from now on, in place of its earlier one. */
  keep(id: string, fd: number): void {
    const last = this.#sockets.get(id);
    if (last !== undefined) this.#drop(last);
    this.#sockets.set(id, fd);
    this.#soon();
  }

  /** Closes the spare of a container. */
  forget(id: string): void {
    const fd = this.#sockets.get(id);
    if (fd === undefined) return;
    this.#sockets.delete(id);
    this.#drop(fd);
    // After the last one the process ends at once, so that none is left behind.
    if (this.#sockets.size === 0) this.#settle();
    else this.#soon();
  }

  /** Closes a socket that the process still holds for a moment: makes it permit others to bind beside it. */
  #drop(fd: number): void {
    setReusable(fd, true);
    closeFd(fd);
  }

  #soon(): void {
    this.#timer ??= setTimeout(() => this.#settle(), SETTLE_MS);
  }

  /** Replaces the process with one that holds the current sockets, and that runs before the old one ends. */
  #settle(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const last = this.#kept;
    try {
      this.#kept = this.#sockets.size > 0 ? this.#hold() : this.#release();
    } catch (error) {
      log.warn("Queries to resolvers won't wait for the next daemon: {cause}", {
        cause: errorChain(error).join(": "),
      });
    }
    if (last && last !== this.#kept && isRunning(last.process)) {
      signal(last.process.pid, SIGNALS["SIGKILL"]!);
    }
  }

  /** Ends the process: there are no sockets to keep. */
  #release(): undefined {
    if (this.#kept) Deno.removeSync(this.#file);
  }

  #hold(): Kept {
    const fds = [...this.#sockets.values()];
    for (const fd of fds) setInherited(fd, true);
    let child: Deno.ChildProcess;
    try {
      child = startHolder(this.#file);
    } finally {
      for (const fd of fds) setInherited(fd, false);
    }
    child.unref();
    child.status.catch(() => {}); // Reaps the process.
    const process = identify(child.pid);
    if (!process) throw new Error("sleep ended");
    const kept = { process, sockets: Object.fromEntries(this.#sockets) };
    Deno.writeTextFileSync(`${this.#file}.new`, JSON.stringify(kept));
    Deno.renameSync(`${this.#file}.new`, this.#file);
    return kept;
  }

  /** Prepares for the daemon's end: has the process hold the current sockets. */
  close(): void {
    if (this.#timer !== undefined) this.#settle();
    for (const fd of this.#sockets.values()) closeFd(fd);
    this.#sockets.clear();
  }
}
