/**
 * A new start of this program in the same process: what supervises it (systemd, a shell) sees no end, and its children
 * stay its children. Everything that was opened has to be closed before.
 *
 * @module
 */
import { errnoError, readFileSync } from "../libc.ts";
import { execute } from "./execute.ts";

/** Doesn't return. @throws {NetsvcError} when the program can't be started */
export function beginAgain(): never {
  const argv = readFileSync("/proc/self/cmdline").split("\0").slice(0, -1);
  // An upgrade has put another file in its place: that one, then.
  const path = Deno.execPath().replace(/ \(deleted\)$/, "");
  throw errnoError(
    `start ${JSON.stringify(path)} again`,
    execute([path], { argv, env: Deno.env.toObject() }),
  );
}
