/**
 * An image for container engines: busybox, as a tar archive to import.
 *
 * @module
 */
import { ok, until } from "./command.ts";

/** Makes the archive in a directory and gives its path. */
export async function makeImage(directory: string): Promise<string> {
  const root = `${directory}/image`, archive = `${directory}/image.tar`;
  await Deno.mkdir(`${root}/bin`, { recursive: true });
  await ok(["cp", await ok(["sh", "-c", "command -v busybox"]), `${root}/bin/busybox`]);
  const applets = (await ok(["busybox", "--list"])).split("\n");
  for (const name of applets) {
    if (name !== "busybox") await Deno.symlink("busybox", `${root}/bin/${name}`);
  }
  await ok(["tar", "-C", root, "-cf", archive, "."]);
  return archive;
}

/** Removes a directory that may still have mounts in it. */
export async function removeTree(directory: string): Promise<void> {
  const mounts = (await Deno.readTextFile("/proc/self/mountinfo")).split("\n")
    .map((line) => line.split(" ")[4] ?? "").filter((path) => path.startsWith(`${directory}/`));
  for (const mount of mounts.reverse()) await ok(["umount", "-l", mount]);
  // What cleans up after the containers may still be at it.
  await until("the directory is gone", async () => {
    await Deno.remove(directory, { recursive: true }).catch(() => {});
    return !await Deno.stat(directory).then(() => true, () => false);
  });
}
