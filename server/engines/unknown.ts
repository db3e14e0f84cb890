/**
 * Errors about containers that don't exist, in the terms of the reference.
 *
 * @module
 */
import { readFileSync } from "../../lib/linux/libc.ts";
import { NetsvcError } from "../../lib/api/errors.ts";

const HINTS: Record<string, string> = {
  docker: "docker ps -a",
  podman: "podman ps -a",
};

function exists(path: string): boolean {
  try {
    Deno.lstatSync(path);
    return true;
  } catch (error) {
    return !(error instanceof Deno.errors.NotFound);
  }
}

/** Whether a process has ended and its parent hasn't waited for it yet (proc_pid_status(5)). */
function isZombie(pid: string): boolean {
  try {
    return /^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`));
  } catch {
    return false;
  }
}

/**
 * The error about a reference that no engine has a container for; `undefined` for a plain name or id, which
 * the caller reports itself.
 */
export function noSuch(reference: string): NetsvcError | undefined {
  const [, kind, rest = ""] = reference.match(/^(pid|netns|docker|podman):(.*)$/s) ?? [];
  const not = (message: string) => new NetsvcError("not_found", message);
  switch (kind) {
    case undefined:
      return undefined;
    case "pid":
      return not(
        isZombie(rest)
          ? `The process ${rest} has ended`
          : `No such process: ${rest}; give the id that it has on this host, outside of its container`,
      );
    case "netns":
      return not(
        exists(rest)
          ? `${
            JSON.stringify(rest)
          } is not a network namespace; "ip netns list" names those of /run/netns`
          : `No such network namespace: ${JSON.stringify(rest)}; "ip netns list" names those of ` +
            `/run/netns`,
      );
    default:
      return not(
        `No such container of ${kind}'s: ${JSON.stringify(rest)}; "${HINTS[kind]}" lists them`,
      );
  }
}
