/**
 * What netsvc does inside containers, as a process of its own that is started for one thing: the
 * program's `--inside`, which isn't for users.
 *
 * @module
 */
import { errorChain } from "../wire/errors.ts";
import { serveFiles } from "./files.ts";

/** Runs one of its tasks; the words are the daemon's. */
export async function runInside([task, ...words]: string[]): Promise<never> {
  try {
    if (task !== "files") throw new Error(`Unknown task "${task}"`);
    await serveFiles({ pid: Number(words[0]), start: words[1] ?? "" });
    Deno.exit(0);
  } catch (error) {
    console.error(errorChain(error).join(": "));
    Deno.exit(1);
  }
}
