/**
 * execve(2).
 *
 * @module
 */
import { cString, errno, libc } from "../libc.ts";

const SYS_CLOSE_RANGE = 436n;
const CLOSE_RANGE_CLOEXEC = 4n;
const SIGPIPE = 13;
const SIG_DFL = 0n;

/** A command and its environment. */
export interface Execution {
  argv: readonly string[];
  env: Readonly<Record<string, string>>;
}

/** An array of pointers to strings, with a null at the end. */
function pointers(
  words: readonly string[],
): { array: BigUint64Array<ArrayBuffer>; kept: Uint8Array[] } {
  const kept = words.map(cString);
  const array = new BigUint64Array(kept.length + 1);
  kept.forEach((bytes, i) =>
    array[i] = BigInt(Deno.UnsafePointer.value(Deno.UnsafePointer.of(bytes)))
  );
  return { array, kept };
}

/**
 * Replaces this process with a program, which gets no descriptor but the standard ones: this program may have been
 * given others that its own runtime doesn't know of.
 *
 * @param paths tried in turn, until `isFinal` says so of what went wrong
 * @returns the last `errno` that counts: it only returns when all have failed
 */
export function execute(
  paths: readonly string[],
  { argv, env, isFinal = () => true }: Execution & { isFinal?: (code: number) => boolean },
): number | undefined {
  const { execve, signal, syscall5 } = libc();
  const words = pointers(argv);
  const variables = pointers(Object.entries(env).map(([key, value]) => `${key}=${value}`));
  signal(SIGPIPE, SIG_DFL); // This program's runtime ignores SIGPIPE.
  syscall5(SYS_CLOSE_RANGE, 3n, 0xffffffffn, CLOSE_RANGE_CLOEXEC, 0n, 0n);
  let failure: number | undefined;
  for (const path of paths) {
    execve(
      cString(path),
      new Uint8Array(words.array.buffer),
      new Uint8Array(variables.array.buffer),
    );
    failure = errno();
    if (isFinal(failure)) break;
  }
  return failure;
}
