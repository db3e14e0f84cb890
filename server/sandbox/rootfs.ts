/**
 * The directory that becomes a container's root, and what is bound over files of it.
 *
 * @module
 */
import { NetsvcError } from "../../lib/api/errors.ts";

/**
 * The binds that put `files` (path inside to path on the host) over those of a root. On the host's own
 * root one that isn't there is left out; in a root of the user's who enters it finds, or makes, what it
 * lies on.
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
