/**
 * How soon the scheduler lets a thread run: sched_setattr(2), and the kernel's documentation of EEVDF.
 *
 * @module
 */
import { libc } from "../libc.ts";

/** Number of the system call, which libc has no function for before glibc 2.41. */
const SYS_SCHED_SETATTR = { x86_64: 314n, aarch64: 274n }[Deno.build.arch];
/** Size of the first version of `struct sched_attr`. */
const SIZE = 48;
/** Offset of `sched_runtime`, in nanoseconds. */
const RUNTIME_AT = 24;

/**
 * Asks for short stretches of the processor for the calling thread, which then gets them sooner after it has waited,
 * and no more of them: since Linux 6.12. Before it, or where the kernel refuses, nothing changes.
 *
 * @param ms length of a stretch, from 0.1 to 100
 */
export function runPromptly(ms: number): void {
  if (SYS_SCHED_SETATTR === undefined) return;
  const attributes = new DataView(new ArrayBuffer(SIZE));
  attributes.setUint32(0, SIZE, true);
  attributes.setBigUint64(RUNTIME_AT, BigInt(Math.round(ms * 1e6)), true);
  libc().sched_setattr(SYS_SCHED_SETATTR, 0, new Uint8Array(attributes.buffer), 0);
}
