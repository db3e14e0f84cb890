/**
 * Paths inside a container's root: resolved so that no symbolic link of the root leads out of it.
 *
 * @module
 */
import { forOthers } from "./umask.ts";
import { NetsvcError } from "../wire/errors.ts";

/** As many as the kernel follows (path_resolution(7)). */
const MAX_LINKS = 40;

/**
 * The host's path of `path` inside `root`, following symbolic links as if `root` were `/`.
 *
 * @throws {NetsvcError} `invalid` after 40 links
 */
export async function resolveInRoot(root: string, path: string): Promise<string> {
  let rest = path.split("/").filter(Boolean);
  let at: string[] = [];
  let links = 0;
  while (rest.length > 0) {
    const [part, ...more] = rest as [string, ...string[]];
    rest = more;
    if (part === ".") continue;
    if (part === "..") {
      at.pop();
      continue;
    }
    const candidate = `${root}/${[...at, part].join("/")}`;
    const info = await Deno.lstat(candidate).catch(() => undefined);
    if (!info?.isSymlink) {
      at.push(part);
      continue;
    }
    if (++links > MAX_LINKS) {
      throw new NetsvcError("invalid", `Too many symbolic links in "${path}" of "${root}"`);
    }
    const target = await Deno.readLink(candidate);
    if (target.startsWith("/")) at = [];
    rest = [...target.split("/").filter(Boolean), ...rest];
  }
  return `${root}/${at.join("/")}`;
}

/**
 * The binds that put `files` (path inside the root to path on the host) over those of a root. In a
 * root of the user's, a missing target is made, empty, since a bind needs something to lie on; on
 * the host's own root it is left out.
 */
export async function planBinds(
  root: string,
  files: Record<string, string>,
): Promise<[string, string][]> {
  const binds: [string, string][] = [];
  for (const [inside, source] of Object.entries(files)) {
    const target = await resolveInRoot(root, inside);
    const exists = await Deno.stat(target).then(() => true, () => false);
    if (!exists) {
      if (root === "") continue;
      forOthers(() => {
        Deno.mkdirSync(target.slice(0, target.lastIndexOf("/")), { recursive: true });
        Deno.writeTextFileSync(target, "");
      });
    }
    binds.push([source, target]);
  }
  return binds;
}

/** Directories of a root that the container's init mounts on. */
const MOUNT_POINTS = ["proc", "sys", "dev"];

/** Makes the mount points that a root of the user's lacks; one that can't be written stays so. */
export function makeMountPoints(root: string): void {
  if (root === "") return;
  for (const name of MOUNT_POINTS) {
    try {
      forOthers(() => Deno.mkdirSync(`${root}/${name}`));
    } catch {
      // It is there, or can't be.
    }
  }
}

/** Checks `--rootfs`. @throws {NetsvcError} `invalid` */
export async function checkRootfs(path: string): Promise<string> {
  if (!path.startsWith("/")) {
    throw new NetsvcError("invalid", `The root "${path}" is no absolute path; start it with "/"`);
  }
  const info = await Deno.stat(path).catch(() => undefined);
  if (!info?.isDirectory) {
    throw new NetsvcError("invalid", `The root "${path}" is no directory of this machine`);
  }
  const real = await Deno.realPath(path);
  return real === "/" ? "" : real;
}
