/**
 * The production sources and what they import, read as text: for the tests of the structure and for the
 * picture of the floors.
 *
 * @module
 */
const root = new URL("../../", import.meta.url);

/** Folders of production code, from the root. */
export const FOLDERS = ["cli/", "drivers/", "kv/", "lib/", "server/"];

/** A folder of test code among production folders. */
const TESTING = /(^|\/)testing\//;

/** Production sources: path from the root to text. Tests and test code aren't among them. */
export async function sources(): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  const walk = async (dir: string) => {
    for await (const { name, isDirectory } of Deno.readDir(new URL(dir, root))) {
      if (isDirectory) await walk(`${dir}${name}/`);
      else if (/\.ts$/.test(name) && !/(_test|\.d)\.ts$/.test(name) && !TESTING.test(dir)) {
        found.set(`${dir}${name}`, await Deno.readTextFile(new URL(`${dir}${name}`, root)));
      }
    }
  };
  for (const dir of FOLDERS) await walk(dir);
  for (const file of ["main.ts", "mod.ts"]) {
    found.set(file, await Deno.readTextFile(new URL(file, root)));
  }
  return found;
}

/** Paths that a source imports, from the root, types included; packages as they are named. */
export function imports(path: string, text: string): string[] {
  return [...text.matchAll(/(?:from|import)\s*\(?\s*"([^"\s]+)"/g)].map(([, to]) =>
    to!.startsWith(".") ? new URL(to!, new URL(path, "file:///")).pathname.slice(1) : to!
  );
}

/** Which production sources each production source imports. */
export function importGraph(files: Map<string, string>): Map<string, string[]> {
  return new Map(
    [...files].map((
      [path, text],
    ) => [path, [...new Set(imports(path, text).filter((to) => files.has(to)))]]),
  );
}

/** Paths of all tests that lie beside production sources. */
export async function tests(): Promise<Set<string>> {
  const found = new Set<string>();
  const walk = async (dir: string) => {
    for await (const { name, isDirectory } of Deno.readDir(new URL(dir, root))) {
      if (isDirectory) await walk(`${dir}${name}/`);
      else if (name.endsWith("_test.ts")) found.add(`${dir}${name}`);
    }
  };
  for (const dir of FOLDERS) await walk(dir);
  return found;
}
