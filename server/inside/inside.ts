/**
 * What netsvc does inside containers, in a process started for a single task: the program's `--inside`, which isn't
 * for users.
 *
 * @module
 */
import { errorChain, isNetsvcError } from "../../lib/api/errors.ts";
import { serveFiles } from "./files.ts";
import { exec, run } from "./run.ts";

/** Exit status of netsvc's own failures, as in `docker run`. */
const OWN_FAILURE = 125;

/** Runs one of the tasks; the daemon gives the words. */
export async function runInside([task, ...words]: string[]): Promise<never> {
  try {
    if (task === "run") run();
    if (task === "exec") exec();
    if (task !== "files") throw new Error(`Unknown task "${task}"`);
    await serveFiles({ pid: Number(words[0]), start: words[1] ?? "" });
    Deno.exit(0);
  } catch (error) {
    const own = isNetsvcError(error) && error.exitCode !== 1 ? error.exitCode : OWN_FAILURE;
    console.error(`netsvc: ${errorChain(error).join(": ")}`);
    Deno.exit(task === "files" ? 1 : own);
  }
}
