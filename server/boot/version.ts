/**
 * The program's version.
 *
 * @module
 */
import deno from "../../deno.json" with { type: "json" };
import type { VersionInfo } from "../../lib/api/types.ts";

/** Versions of the program and of the system that it runs on. */
export function versionInfo(defaultNetwork: string): VersionInfo {
  return {
    version: deno.version,
    deno: Deno.version.deno,
    os: Deno.build.os,
    arch: Deno.build.arch,
    kernel: Deno.osRelease(),
    defaultNetwork,
  };
}
