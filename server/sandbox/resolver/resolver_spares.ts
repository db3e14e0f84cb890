/**
 * Keeps the spare sockets of sandboxes' resolvers while no daemon runs, however it ended: beside one
 * `sleep` for all of them, which has nothing but these descriptors. A daemon that starts takes them from
 * there (pidfd_getfd(2)) and answers what has come meanwhile; where it can't, names are answered from
 * then on, as if there were none.
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
/** The process is replaced so long after a change, in milliseconds: changes come in bursts. */
const SETTLE_MS = 500;
/** Milliseconds in which a process that is killed is gone. */
const END_TRIES = 200;

/** Looks of a new process at the file, 0.2 s apart. */
const LOOKS = 25;
/**
 * What the process runs: it stays once the file names it. Where the daemon was killed before it wrote that,
 * nobody would know of the process, and what it holds would be in the way for good.
 */
const HOLDER = `
while [ "$2" -gt 0 ] && [ -d "\${1%/*}" ]; do
  case "$(cat "$1" 2>/dev/null)" in *"\\"pid\\":$$,"*) exec sleep infinity ;; esac
  sleep 0.2
  set -- "$1" $(($2 - 1))
done
`;

/** Starts a process that has what is inherited now. @param file where it has to be named */
export function startHolder(file: string, looks: number = LOOKS): Deno.ChildProcess {
  return startChild("setsid", {
    args: ["sh", "-c", HOLDER, "sh", file, String(looks)],
    cwd: "/",
    stdin: "null",
    stdout: "null",
    stderr: "null",
  });
}

/** What is written in the run directory: the process, and its descriptors by container. */
interface Kept {
  process: ProcessIdentity;
  sockets: Record<string, number>;
}

/** The spare sockets of all sandboxes of a host. */
export class ResolverSpares {
  readonly #file: string;
  readonly #sockets = new Map<string, number>();
  #kept: Kept | undefined;
  #timer: number | undefined;

  /** @param runDir a directory that is there */
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

  /** The spare that an earlier daemon left for a container: the caller's. */
  take(id: string): number | undefined {
    const fd = this.#kept?.sockets[id];
    if (fd === undefined || this.#sockets.has(id)) return undefined;
    const taken = takeFd(this.#kept!.process.pid, fd);
    // What can't be taken is in the way of what is to be bound.
    if (taken === undefined) this.#abandon();
    return taken;
  }

  /** Ends the process of an earlier daemon, and waits for it. */
  #abandon(): void {
    const { process } = this.#kept!;
    this.#kept = undefined;
    if (isRunning(process)) signal(process.pid, SIGNALS["SIGKILL"]!);
    const moment = new Int32Array(new SharedArrayBuffer(4));
    for (let i = 0; i < END_TRIES && isRunning(process); i++) Atomics.wait(moment, 0, 0, 1);
  }

  /** Keeps the spare of a container from now on, in place of another one. */
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
    // The last goes at once: nothing is left behind.
    if (this.#sockets.size === 0) this.#settle();
    else this.#soon();
  }

  /** The process has it for a moment longer: others may be bound there from now on. */
  #drop(fd: number): void {
    setReusable(fd, true);
    closeFd(fd);
  }

  #soon(): void {
    this.#timer ??= setTimeout(() => this.#settle(), SETTLE_MS);
  }

  /** Has the process hold what there is now: another one, which is there before the last one ends. */
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

  /** Nothing is held any more. */
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
    child.status.catch(() => {}); // Reaps it.
    const process = identify(child.pid);
    if (!process) throw new Error("sleep ended");
    const kept = { process, sockets: Object.fromEntries(this.#sockets) };
    Deno.writeTextFileSync(`${this.#file}.new`, JSON.stringify(kept));
    Deno.renameSync(`${this.#file}.new`, this.#file);
    return kept;
  }

  /** This daemon ends: the process has what there is. */
  close(): void {
    if (this.#timer !== undefined) this.#settle();
    for (const fd of this.#sockets.values()) closeFd(fd);
    this.#sockets.clear();
  }
}
