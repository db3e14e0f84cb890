/**
 * How a child of this process ended that was started before the program began again (`begin_again.ts`): it stays a child,
 * and nobody else asks for its end. Sources: waitpid(2), <bits/waitstatus.h>.
 *
 * @module
 */
import { libc } from "../libc.ts";
import { SIGNALS } from "./process_table.ts";

const WNOHANG = 1;

/** How a process ended. */
export interface End {
  code: number;
  /** Name of the signal that ended it. */
  signal: string | null;
}

/** Asks for a child's end; `undefined` where it runs, or is no child of this process's, or was asked for before. */
export function reap(pid: number): End | undefined {
  const status = new Uint8Array(4);
  if (libc().waitpid(pid, status, WNOHANG) !== pid) return undefined;
  const word = new DataView(status.buffer).getInt32(0, true);
  const number = word & 0x7f;
  const name = Object.entries(SIGNALS).find(([, one]) => one === number)?.[0];
  if (number !== 0) return { code: 128 + number, signal: name ?? `signal ${number}` };
  return { code: (word >> 8) & 0xff, signal: null };
}
