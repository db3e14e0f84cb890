/**
 * What the launch of a process finds on the disk: the init's script, so that `ps` shows its name and not
 * its text; and the two programs that run the user's command under the name `netsvc`, since they
 * begin their messages with the name by which they were called.
 *
 * @module
 */
import { createHash } from "node:crypto";
import type { LaunchPaths } from "../wire/types.ts";

/** The files, in a directory of the daemon's. */
export class LaunchFiles {
  readonly #directory: string;
  readonly #script: string;

  constructor(directory: string, script: string) {
    this.#directory = directory;
    this.#script = script;
  }

  /** The paths; what isn't there is made. */
  paths(): LaunchPaths {
    Deno.mkdirSync(this.#directory, { recursive: true, mode: 0o755 });
    return {
      init: this.#init(),
      unshare: this.#named("/usr/bin/unshare"),
      nsenter: this.#named("/usr/bin/nsenter"),
    };
  }

  /** A shell reads its script as it goes: another daemon's has another name. */
  #init(): string {
    const hash = createHash("sha256").update(this.#script).digest("hex").slice(0, 8);
    const path = `${this.#directory}/init-${hash}`;
    if (isThere(path)) return path;
    const draft = `${path}.${Deno.pid}`;
    Deno.writeTextFileSync(draft, this.#script);
    Deno.chmodSync(draft, 0o644); // Whatever the umask.
    Deno.renameSync(draft, path);
    return path;
  }

  #named(program: string): string {
    const name = program.slice(program.lastIndexOf("/") + 1);
    const path = `${this.#directory}/${name}/netsvc`;
    if (isThere(path)) return path;
    // One program that is many (busybox) goes by its name.
    if (!Deno.realPathSync(program).endsWith(`/${name}`)) return program;
    Deno.mkdirSync(`${this.#directory}/${name}`, { recursive: true, mode: 0o755 });
    try {
      Deno.symlinkSync(program, path);
    } catch (error) {
      if (!(error instanceof Deno.errors.AlreadyExists)) throw error;
    }
    return path;
  }
}

function isThere(path: string): boolean {
  try {
    Deno.lstatSync(path);
    return true;
  } catch {
    return false;
  }
}
