/**
 * Checks of requests for containers that need the request alone.
 *
 * @module
 */
import { NetsvcError } from "../../../lib/api/errors.ts";
import type { CreateContainer } from "../../../lib/api/types.ts";
import { signalNumber } from "../../../lib/linux/processes/process_table.ts";
import { checkRootfs } from "../../sandbox/rootfs.ts";
import { parseRestart } from "./restart/restart_policy.ts";

/** Names of environment variables that env(1) accepts. */
const ENV_NAME = /^[A-Za-z_][A-Za-z0-9_.-]*$/;

/** @throws {NetsvcError} `invalid` */
export async function checkRequest(request: CreateContainer): Promise<void> {
  const { hostname, restart, autoRemove, stopSignal, process } = request;
  if (hostname !== undefined && !/^[A-Za-z0-9._-]{1,64}$/.test(hostname)) {
    throw new NetsvcError(
      "invalid",
      `Invalid host name ${JSON.stringify(hostname)}: use 1 to 64 letters, digits, ` +
        `".", "_" and "-"`,
    );
  }
  if (restart !== undefined && parseRestart(restart) && autoRemove) {
    throw new NetsvcError(
      "invalid",
      `A container with --rm isn't started again: leave out --rm, or --restart ${restart}`,
    );
  }
  if (stopSignal !== undefined) signalNumber(stopSignal);
  checkEnvironment(process?.env);
  if (process?.workdir !== undefined) checkWorkdir(process.workdir);
  if (process?.rootfs !== undefined) await checkRootfs(process.rootfs);
}

/** Checks the names of environment variables. @throws {NetsvcError} `invalid` */
export function checkEnvironment(env: Record<string, string> = {}): void {
  for (const name of Object.keys(env)) {
    if (ENV_NAME.test(name)) continue;
    throw new NetsvcError(
      "invalid",
      `Invalid environment variable ${JSON.stringify(name)}; write NAME=VALUE`,
    );
  }
}

/** Checks a working directory. @throws {NetsvcError} `invalid` */
export function checkWorkdir(path: string): void {
  if (path.startsWith("/") && !path.includes("\0")) return;
  throw new NetsvcError("invalid", `The directory ${JSON.stringify(path)} is not an absolute path`);
}
