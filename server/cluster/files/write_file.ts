/**
 * Writes files so that a crash leaves the old contents or the new, never a part.
 *
 * @module
 */
import { dirname } from "node:path";

/** Writes a file that this user alone may read: beside its place first, onto the disk, then into its place. */
export async function writeWhole(path: string, contents: string | Uint8Array): Promise<void> {
  const bytes = typeof contents === "string" ? new TextEncoder().encode(contents) : contents;
  const beside = `${path}.new`;
  {
    using file = await Deno.open(beside, {
      create: true,
      truncate: true,
      write: true,
      mode: 0o600,
    });
    for (let at = 0; at < bytes.length;) at += await file.write(bytes.subarray(at));
    await file.sync();
  }
  await Deno.rename(beside, path);
  using directory = await Deno.open(dirname(path));
  await directory.sync(); // The rename itself.
}
