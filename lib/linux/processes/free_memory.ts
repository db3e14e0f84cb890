/**
 * Memory that the process has freed and glibc keeps for itself.
 *
 * @module
 */
import { libc } from "../libc.ts";

/**
 * Gives back to the kernel what is free anywhere in the heap of C: by itself glibc gives back only what is free at its
 * end. Works beside the event loop, some 2 ms.
 */
export async function giveBackFreeMemory(): Promise<void> {
  await libc().malloc_trim(0n);
}
