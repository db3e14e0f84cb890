/**
 * What a machine lacks for WireGuard.
 *
 * @module
 */
import { existsSync } from "node:fs";
import { readFileSync } from "../libc.ts";
import { findProgram, installHint, WIREGUARD_PROGRAM } from "../tools/tools.ts";

/** Something that is missing, and what to do. */
export interface Missing {
  message: string;
  remedy: string;
}

/** What is missing; nothing where a device can be made. */
export function missingForWireguard(): Missing[] {
  const missing: Missing[] = [];
  if (findProgram("wg") === undefined) {
    missing.push({
      message: `This host can't be on encrypted networks: the tool "wg" is missing`,
      remedy: installHint("wg"),
    });
  }
  if (findProgram(WIREGUARD_PROGRAM) === undefined && !kernelHasWireguard()) {
    missing.push({
      message:
        `This host can't be on encrypted networks: its kernel has no WireGuard, and the program "${WIREGUARD_PROGRAM}" ` +
        `is missing`,
      remedy: `modprobe wireguard, or apt-get install ${WIREGUARD_PROGRAM}`,
    });
  }
  return missing;
}

/** Whether the kernel has it, or has a module that it loads with the first device. */
function kernelHasWireguard(): boolean {
  if (existsSync("/sys/module/wireguard")) return true;
  try {
    const release = readFileSync("/proc/sys/kernel/osrelease").trim();
    return ["modules.dep", "modules.builtin"].some((list) =>
      /\/wireguard\.ko/.test(Deno.readTextFileSync(`/lib/modules/${release}/${list}`))
    );
  } catch {
    return false;
  }
}
