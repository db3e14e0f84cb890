/**
 * The directory that becomes a container's root, and the files bound over its own.
 *
 * @module
 */
import { NetsvcError } from "../../lib/api/errors.ts";

/**
 * The binds that put `files` (path inside to path on the host) over those of a root. On the host's own root a
 * missing target is skipped; in a root of the user's, the process that enters it finds or makes the target.
 */
export async function planBinds(
  root: string,
  files: Record<string, string>,
): Promise<[source: string, target: string][]> {
  const binds: [string, string][] = [];
  for (const [inside, source] of Object.entries(files)) {
    if (root !== "") binds.push([source, inside]);
    else {
      const target = await Deno.realPath(inside).catch(() => undefined);
      if (target !== undefined) binds.push([source, target]);
    }
  }
  return binds;
}

/** Checks `--rootfs`. @throws {NetsvcError} `invalid` */
export async function checkRootfs(path: string): Promise<string> {
  if (!path.startsWith("/")) {
    throw new NetsvcError(
      "invalid",
      `The root "${path}" is not an absolute path; start it with "/"`,
    );
  }
  const info = await Deno.stat(path).catch(() => undefined);
  if (!info?.isDirectory) {
    throw new NetsvcError("invalid", `The root "${path}" is not a directory of this machine`);
  }
  const real = await Deno.realPath(path);
  return real === "/" ? "" : real;
}
