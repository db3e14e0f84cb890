/**
 * The commands of other programs that run containers, for `run --runtime`.
 *
 * @module
 */
import { errorChain, NetsvcError } from "../server/wire/errors.ts";

/** Programs whose containers `run` can start. */
export type RuntimeName = "docker" | "podman";

/** A container that was told to start must run within this time, in milliseconds. */
const START_MS = 20_000, POLL_MS = 20;

function spawn(runtime: RuntimeName, args: string[], options: Deno.CommandOptions) {
  try {
    return new Deno.Command(runtime, { args, ...options }).spawn();
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    throw new NetsvcError(
      "unsupported",
      `The command "${runtime}" is missing; install it: apt-get install ` +
        (runtime === "docker" ? "docker.io" : "podman"),
      { cause: error },
    );
  }
}

/** What a runtime's command prints. @throws {NetsvcError} `invalid` in its words */
export async function runtimeOutput(runtime: RuntimeName, args: string[]): Promise<string> {
  const child = spawn(runtime, args, { stdin: "null", stdout: "piped", stderr: "piped" });
  const { success, stdout, stderr } = await child.output();
  const decoder = new TextDecoder();
  if (success) return decoder.decode(stdout);
  const said = decoder.decode(stderr).trim().split("\n").filter((line) => line !== "").join("; ");
  throw new NetsvcError("invalid", `${runtime} ${args[0]} failed: ${said.slice(0, 500)}`);
}

/** Starts a container with this program's own standard streams and gives its exit status. */
export async function startAttached(
  runtime: RuntimeName,
  id: string,
  hooks: { interactive: boolean; started: () => Promise<void> },
): Promise<number> {
  const args = ["start", "--attach", ...hooks.interactive ? ["--interactive"] : [], id];
  const child = spawn(runtime, args, {
    stdin: hooks.interactive ? "inherit" : "null",
    stdout: "inherit",
    stderr: "inherit",
  });
  // The runtime passes signals on to the container; this program only has to outlive it.
  const ignore = () => {};
  for (const signal of ["SIGINT", "SIGTERM"] as const) Deno.addSignalListener(signal, ignore);
  let ended = false;
  const status = child.status.finally(() => ended = true);
  try {
    if (await runs(runtime, id, () => ended)) {
      await hooks.started().catch((error) => {
        // A command that is over so soon needs no network any more.
        if (!ended) throw error;
      });
    }
  } catch (error) {
    await runtimeOutput(runtime, ["kill", id]).catch(() => {});
    await status;
    throw error;
  }
  return (await status).code;
}

/** Waits until a container runs; `false` when it is over already. */
async function runs(runtime: RuntimeName, id: string, over: () => boolean): Promise<boolean> {
  const deadline = performance.now() + START_MS;
  while (performance.now() < deadline) {
    const format = "{{.State.Running}}";
    const said = await runtimeOutput(runtime, ["inspect", "--format", format, id])
      .catch((error) => {
        if (over()) return "";
        throw new NetsvcError(
          "unavailable",
          `Cannot look at the container: ${errorChain(error)[0]}`,
        );
      });
    if (said.trim() === "true") return true;
    if (over()) return false;
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
  throw new NetsvcError("timeout", `The container doesn't run within ${START_MS / 1000} s`);
}
