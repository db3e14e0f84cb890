/**
 * The commands of other programs that run containers, for `run --runtime`.
 *
 * @module
 */
import { startChild } from "../../lib/linux/processes/child.ts";
import { errorChain, isNetsvcError, NetsvcError } from "../../lib/api/errors.ts";

/** Programs whose containers `run` can start. */
export type RuntimeName = "docker" | "podman";

/** A container that was told to start must run within this time, in milliseconds. */
const START_MS = 20_000;
const POLL_MS = 20;
/** A command that has ended is seen to have within this time, in milliseconds. */
const ENDED_MS = 1_000;
/** Length of the end of a command's standard error that is kept, in characters. */
const KEPT = 2_000;
/** Exit statuses of docker-run(1) and podman-run(1) for commands that can't be run. */
const NOT_FOUND = 127;
const NOT_EXECUTABLE = 126;

/** Exit status of a command that a runtime can't run, by the runtime's message. */
function statusOf(said: string): number | undefined {
  if (/executable file not found|no such file or directory: unknown/.test(said)) return NOT_FOUND;
  return /permission denied|is a directory/.test(said) ? NOT_EXECUTABLE : undefined;
}

/** A container that has ended needs no network any more. */
export function unlessEnded(error: unknown): void {
  if (!isNetsvcError(error) || error.code !== "not_found") throw error;
}

/** A runtime's command. */
export class RuntimeCommand {
  readonly #name: RuntimeName;
  readonly #words: string[];

  /** @param socket of the engine, where it isn't the command's own choice */
  constructor(name: RuntimeName, socket: string | undefined) {
    this.#name = name;
    this.#words = socket === undefined ? [] : ["--host", `unix://${socket}`];
  }

  #spawn(args: string[], options: Deno.CommandOptions): Deno.ChildProcess {
    try {
      return startChild(this.#name, {
        args: [...this.#words, ...args],
        inherit: /./, // It is the user's own program, and has settings of its own there.
        ...options,
      });
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
      throw new NetsvcError(
        "unsupported",
        `The command "${this.#name}" is missing; install it: apt-get install ` +
          (this.#name === "docker" ? "docker.io" : "podman"),
        { cause: error },
      );
    }
  }

  /** What it prints. @throws {NetsvcError} `invalid` in its words */
  async output(args: string[]): Promise<string> {
    const child = this.#spawn(args, { stdin: "null", stdout: "piped", stderr: "piped" });
    const { success, stdout, stderr } = await child.output();
    const decoder = new TextDecoder();
    if (success) return decoder.decode(stdout);
    const said = decoder.decode(stderr).trim().split("\n").filter(Boolean).join("; ");
    const exitCode = statusOf(said);
    throw new NetsvcError("invalid", `${this.#name} ${args[0]} failed: ${said.slice(0, 500)}`, {
      ...exitCode !== undefined && { exitCode },
    });
  }

  /**
   * Starts a container with this program's own standard streams. @returns its exit status
   *
   * @param hooks `started`, if any, is called when it runs; a failure of it ends the container
   */
  async startAttached(
    id: string,
    { interactive, started }: { interactive: boolean; started?: () => Promise<void> },
  ): Promise<number> {
    const args = ["start", "--attach", ...interactive ? ["--interactive"] : [], id];
    const child = this.#spawn(args, {
      stdin: interactive ? "inherit" : "null",
      stdout: "inherit",
      stderr: "piped",
    });
    // The runtime passes signals on to the container; this program only has to outlive it.
    const ignore = () => {};
    for (const signal of ["SIGINT", "SIGTERM"] as const) Deno.addSignalListener(signal, ignore);
    let ended = false;
    const said = passOn(child.stderr);
    const status = child.status.finally(() => ended = true);
    const isOver = async () => {
      const deadline = performance.now() + ENDED_MS;
      while (!ended && performance.now() < deadline) await pause(POLL_MS);
      return ended;
    };
    let ran = started === undefined;
    try {
      if (started && (ran = await this.#runs(id, () => ended))) {
        await started().catch(async (error) => {
          if (!await isOver()) throw error;
          unlessEnded(error);
        });
      }
    } catch (error) {
      await this.output(["kill", id]).catch(() => {});
      await status;
      throw error;
    }
    const { code } = await status;
    return (ran || code === 0 ? undefined : statusOf(await said)) ?? code;
  }

  /** Waits until a container runs; `false` when it has ended already. */
  async #runs(id: string, over: () => boolean): Promise<boolean> {
    const deadline = performance.now() + START_MS;
    while (performance.now() < deadline) {
      const said = await this.output(["inspect", "--format", "{{.State.Running}}", id])
        .catch((error) => {
          if (over()) return "";
          throw new NetsvcError(
            "unavailable",
            `Cannot look at the container: ${errorChain(error)[0]}`,
          );
        });
      if (said.trim() === "true") return true;
      if (over()) return false;
      await pause(POLL_MS);
    }
    throw new NetsvcError("timeout", `The container did not start within ${START_MS / 1000} s`);
  }
}

/** Copies a stream to standard error. @returns the end of its text */
async function passOn(stream: ReadableStream<Uint8Array>): Promise<string> {
  const decoder = new TextDecoder();
  let kept = "";
  for await (const chunk of stream) {
    for (let at = 0; at < chunk.length;) at += Deno.stderr.writeSync(chunk.subarray(at));
    kept = (kept + decoder.decode(chunk, { stream: true })).slice(-KEPT);
  }
  return kept;
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
