/**
 * The mount namespace in which network namespaces are pinned.
 *
 * A daemon started by `ip netns exec` or by a service manager has a mount namespace of its own, which ends with it,
 * and with it every mount: a bare sandbox would end, too. In that case mounts are made in the mount namespace of a
 * process that lives longer: process 1 or, where that can't be entered (in a container, on a locked-down machine),
 * one `sleep` that runs while there are sandboxes. They are opened through `/proc/PID/root`, from any mount
 * namespace.
 *
 * @module
 */
import { startChild } from "../../lib/linux/processes/child.ts";
import { cString, errnoError, libc, readFileSync } from "../../lib/linux/libc.ts";
import { NetsvcError } from "../../lib/api/errors.ts";
import {
  identify,
  isRunning,
  parentOf,
  type ProcessIdentity,
  signal,
  SIGNALS,
} from "../../lib/linux/processes/process_table.ts";

/** Time limit of a tool, in milliseconds. */
const TIMEOUT_MS = 10_000;

/** Identity of a process's mount namespace; `undefined` where it isn't visible. */
function mountNamespace(pid: number | "self"): string | undefined {
  const buffer = new Uint8Array(64);
  const path = cString(`/proc/${pid}/ns/mnt`);
  const n = Number(libc().readlink(path, buffer, BigInt(buffer.length)));
  return n < 0 ? undefined : new TextDecoder().decode(buffer.subarray(0, n));
}

/** Whether the daemon is in the machine's mount namespace, as far as that is visible. */
function livesInTheMachines(): boolean {
  const own = mountNamespace("self");
  const first = mountNamespace(1);
  if (first !== undefined) return own === first;
  const parent = parentOf(Deno.pid);
  return parent !== undefined && parent > 1 && mountNamespace(parent) === own;
}

/** Whether both paths lead to the same directory: a file made in one appears in the other. */
function sameDirectory(here: string, there: string): boolean {
  const probe = `.probe-${crypto.randomUUID()}`;
  Deno.writeTextFileSync(`${here}/${probe}`, "");
  try {
    readFileSync(`${there}/${probe}`);
    return true;
  } catch {
    return false;
  } finally {
    Deno.removeSync(`${here}/${probe}`);
  }
}

/** The mount namespace for pins of one run directory. */
export class Anchor {
  readonly #file: string;
  /** The process with that mount namespace; `undefined`: the daemon's own serves. */
  #process: ProcessIdentity | undefined;
  readonly #needed: boolean;

  /** @param runDir an existing directory */
  constructor(runDir: string) {
    this.#file = `${runDir}/anchor`;
    this.#needed = !livesInTheMachines();
    const kept = this.#read();
    if (kept && isRunning(kept)) this.#process = kept;
    else if (this.#needed && sameDirectory(runDir, `/proc/1/root${runDir}`)) {
      this.#process = identify(1);
    }
  }

  #read(): ProcessIdentity | undefined {
    try {
      return JSON.parse(Deno.readTextFileSync(this.#file));
    } catch {
      return undefined;
    }
  }

  /** The path by which a path in the anchor is opened from any mount namespace. */
  path(path: string): string {
    return this.#process ? `/proc/${this.#process.pid}/root${path}` : path;
  }

  /** The pid of the process with that mount namespace. */
  get pid(): string {
    return this.#process ? String(this.#process.pid) : "self";
  }

  /** Whether plain system calls can make mounts. */
  get direct(): boolean {
    return !this.#process || mountNamespace(this.#process.pid) === mountNamespace("self");
  }

  /** Starts a process that outlives the daemon, where one is needed. */
  ensure(): void {
    if (!this.#needed || this.#process) return;
    const child = startChild("setsid", {
      args: ["sleep", "infinity"],
      cwd: "/",
      stdin: "null",
      stdout: "null",
      stderr: "null",
    });
    child.unref();
    child.status.catch(() => {}); // Reaps it.
    const record = identify(child.pid);
    if (!record) throw new NetsvcError("kernel", "Cannot keep a mount namespace: sleep ended");
    Deno.writeTextFileSync(this.#file, JSON.stringify(record));
    this.#process = record;
  }

  /** Ends that process: no mounts are left. */
  release(): void {
    const kept = this.#read();
    if (!kept) return;
    if (isRunning(kept)) signal(kept.pid, SIGNALS["SIGKILL"]!);
    Deno.removeSync(this.#file);
    this.#process = undefined;
  }

  /** Whether a path is a mount point in the anchor (proc_pid_mountinfo(5)). */
  isMounted(path: string): boolean {
    const escaped = path.replaceAll("\\", "\\134").replaceAll(" ", "\\040");
    return readFileSync(`/proc/${this.pid}/mountinfo`).includes(` ${escaped} `);
  }

  /** Mounts in the daemon's own mount namespace. */
  mount(source: string, target: string, flags: number): void {
    const { mount } = libc();
    if (mount(cString(source), cString(target), cString("none"), BigInt(flags), null) !== 0) {
      throw errnoError(`mount "${source}" on "${target}"`);
    }
  }

  /** Runs mount(8) or umount(8) in the anchor's mount namespace. */
  async run(...command: string[]): Promise<void> {
    const { success, stderr } = await startChild("nsenter", {
      args: [`--target=${this.pid}`, "--mount", "--", ...command],
      stdin: "null",
      stdout: "null",
      stderr: "piped",
      signal: AbortSignal.timeout(TIMEOUT_MS),
    }).output();
    if (success) return;
    throw new NetsvcError("kernel", `Cannot run ${command[0]} for a sandbox`, {
      cause: new Error(new TextDecoder().decode(stderr).trim()),
    });
  }
}
