/**
 * From the words of `ip`, `bridge` and `nft` to the kernel's error (errno(3)). The tools pass on either the
 * text of the number (strerror(3)), the kernel's own explanation, or what they found out before asking it. Pure.
 *
 * @module
 */

/** Errors of the kernel that netsvc distinguishes. */
export type Errno =
  | "EPERM"
  | "ENOENT"
  | "ESRCH"
  | "EBUSY"
  | "EEXIST"
  | "ENODEV"
  | "EINVAL"
  | "EOPNOTSUPP"
  | "EADDRINUSE";

/** Words, and what they stand for. */
const WORDS: readonly (readonly [RegExp, Errno])[] = [
  [/Operation not permitted/, "EPERM"],
  [/No such file or directory/, "ENOENT"],
  [/No such process/, "ESRCH"],
  [/Device or resource busy/, "EBUSY"],
  // For a tunnel the kernel reports this only in its own words.
  [/File exists|VXLAN device with the specified VNI already exists/, "EEXIST"],
  [/No such device|Cannot find device|[Dd]evice( "[^"]*")? does not exist/, "ENODEV"],
  [/Operation not supported|Unknown device type/, "EOPNOTSUPP"],
  [/Address already in use/, "EADDRINUSE"],
  [/Invalid argument/, "EINVAL"],
];

/** The first error that a tool reports; `undefined` for one that netsvc doesn't distinguish. */
export function errnoOf(stderr: string): Errno | undefined {
  let first: { at: number; errno: Errno } | undefined;
  for (const [words, errno] of WORDS) {
    const at = stderr.search(words);
    if (at >= 0 && at < (first?.at ?? Infinity)) first = { at, errno };
  }
  return first?.errno;
}
