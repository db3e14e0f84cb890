/**
 * Copies a directory as it is.
 *
 * @module
 */

/** Copies a directory with all that is in it; what a copy that was broken off has left is replaced. */
export async function copyDirectory(from: string, to: string): Promise<void> {
  const unfinished = `${to}.part`;
  for (const path of [unfinished, to]) {
    await Deno.remove(path, { recursive: true }).catch((error) => {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    });
  }
  await copy(from, unfinished);
  await Deno.rename(unfinished, to);
}

async function copy(from: string, to: string): Promise<void> {
  await Deno.mkdir(to, { mode: 0o700 });
  for await (const { name, isDirectory } of Deno.readDir(from)) {
    const [source, target] = [`${from}/${name}`, `${to}/${name}`];
    await (isDirectory ? copy(source, target) : Deno.copyFile(source, target));
  }
}
