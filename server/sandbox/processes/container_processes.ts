/**
 * What is known of containers' processes by the files that their starters write.
 *
 * @module
 */
import { readFileSync } from "../../../lib/linux/libc.ts";
import {
  identify,
  isRunning,
  type ProcessIdentity,
} from "../../../lib/linux/processes/process_table.ts";
import type { ContainerRecord } from "../../model/container.ts";
import type { FileOf } from "./container_files.ts";

/** Looks at processes. */
export class ContainerProcesses {
  readonly #file: FileOf;

  constructor(file: FileOf) {
    this.#file = file;
  }

  /** The process of a container, if it lives: as recorded, or as its starter noted it. */
  running({ id, running }: ContainerRecord): ProcessIdentity | undefined {
    if (running) return isRunning(running) ? running : undefined;
    const pid = Number(this.#read(id, "pid"));
    const noted = pid > 1 ? identify(pid) : undefined;
    // The id may be another process's by now; the command line of ours names this directory.
    return noted && readFileSync(`/proc/${pid}/cmdline`).includes(this.#file(id, "status"))
      ? noted
      : undefined;
  }

  /** Exit status of a container's command, if it ended. */
  exitCode(id: string): number | undefined {
    const text = this.#read(id, "status");
    return text === undefined || text.trim() === "" ? undefined : Number(text);
  }

  /** Path of a detached container's output. */
  logPath(id: string): string {
    return this.#file(id, "log");
  }

  /** Forgets the process that has ended: another is about to be started. */
  async reset(id: string): Promise<void> {
    for (const name of ["pid", "status"]) {
      await Deno.remove(this.#file(id, name)).catch((error) => {
        if (!(error instanceof Deno.errors.NotFound)) throw error;
      });
    }
  }

  #read(id: string, name: string): string | undefined {
    try {
      return Deno.readTextFileSync(this.#file(id, name));
    } catch {
      return undefined;
    }
  }
}
