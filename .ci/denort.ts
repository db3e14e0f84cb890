/**
 * The runtime that `deno compile` puts under a program, where it can't be downloaded: beside our
 * checkouts it lies in `../shared/denort`.
 *
 * @module
 */

/** DENORT_BIN for `deno compile`; empty where it is set already, or nothing is there. */
export async function denort(): Promise<Record<string, string>> {
  if (Deno.env.has("DENORT_BIN")) return {};
  const unpack = new URL("../../shared/denort/unpack", import.meta.url);
  if (!await Deno.stat(unpack).then(() => true, () => false)) return {};
  const { success, stdout } = await new Deno.Command(unpack.pathname, { stderr: "inherit" })
    .output();
  return success ? { DENORT_BIN: new TextDecoder().decode(stdout).trim() } : {};
}
