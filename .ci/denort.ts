/**
 * The runtime that `deno compile` puts under a program, where it can't be downloaded.
 *
 * @module
 */

/**
 * DENORT_BIN for `deno compile`: as it is set, or what NETSVC_SHARED has; empty where neither is, and
 * Deno downloads it. Nothing is looked for beside a clone: whoever may write there would choose the
 * program that the executable becomes.
 */
export async function denort(): Promise<Record<string, string>> {
  if (Deno.env.has("DENORT_BIN")) return {};
  const shared = Deno.env.get("NETSVC_SHARED");
  if (!shared) return {};
  const { success, stdout } = await new Deno.Command(`${shared}/denort/unpack`, {
    stderr: "inherit",
  }).output();
  return success ? { DENORT_BIN: new TextDecoder().decode(stdout).trim() } : {};
}
