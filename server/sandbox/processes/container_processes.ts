/**
 * Finds out about containers' processes, from the files that their starters write.
 *
 * @module
 */
import { readFileSync, readIfThere } from "../../../lib/linux/libc.ts";
import {
  identify,
  isRunning,
  type ProcessIdentity,
} from "../../../lib/linux/processes/process_table.ts";
import type { ContainerRecord } from "../../model/container.ts";
import type { FileOf } from "./container_files.ts";

export class ContainerProcesses {
  readonly #file: FileOf;

  constructor(file: FileOf) {
    this.#file = file;
  }

  /** The process of a container, if it is alive: from the record, or from its starter's file. */
  running({ id, running }: ContainerRecord): ProcessIdentity | undefined {
    if (running) return isRunning(running) ? running : undefined;
    const pid = Number(this.#read(id, "pid"));
    const noted = pid > 1 ? identify(pid) : undefined;
    // The pid may be another process's by now; the command line of our starter names this directory.
    return noted && readFileSync(`/proc/${pid}/cmdline`).includes(this.#file(id, "status"))
      ? noted
      : undefined;
  }

  /** Exit status of a container's command, if it has ended. */
  exitCode(id: string): number | undefined {
    const text = this.#read(id, "status");
    return text === undefined || text.trim() === "" ? undefined : Number(text);
  }

  /** Path of a detached container's output. */
  logPath(id: string): string {
    return this.#file(id, "log");
  }

  /** Removes the files of the process that has ended, before another is started. */
  async reset(id: string): Promise<void> {
    for (const name of ["pid", "status"]) {
      await Deno.remove(this.#file(id, name)).catch((error) => {
        if (!(error instanceof Deno.errors.NotFound)) throw error;
      });
    }
  }

  #read(id: string, name: string): string | undefined {
    return readIfThere(this.#file(id, name));
  }
}
