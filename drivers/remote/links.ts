/**
 * A plugin's link: looked at before it is taken, found in a sandbox, and moved back to where the plugin
 * looks for it.
 *
 * @module
 */
import type { Join } from "../driver.ts";
import { closeFd, openFd } from "../kernel/libc.ts";
import { isNamespace, Links } from "../links/links.ts";
import { type Runner, ToolError } from "../runner.ts";
import {
  findLink,
  type HostLink,
  type LinkRoute,
  planMoveOut,
  type PluginLink,
  whyNeeded,
} from "./plan.ts";

/** How it is about a link of the host's: it may be taken, or not for a reason. */
export type LinkLook = { is: "missing" } | { is: "free" } | { is: "needed"; why: string };

/** Looks whether a link may be taken from the host, by its name. */
export async function lookAtLink(runner: Runner, name: string): Promise<LinkLook> {
  const links = await runner.json<HostLink[]>("ip", ["-d", "addr", "show"]);
  // Tools find it by its other names, too; it would come back under the wrong one.
  const link = links.find(({ ifname }) => ifname === name);
  if (!link) return { is: "missing" };
  const routes = await runner.json<LinkRoute[]>("ip", [
    "route",
    "show",
    "table",
    "all",
    "dev",
    name,
  ]);
  const why = whyNeeded(link, links, routes);
  return why === undefined ? { is: "free" } : { is: "needed", why };
}

/** The link of a join; `undefined` when the sandbox hasn't got it, or is gone. */
export async function findPluginLink(
  runner: Runner,
  { endpoint, sandbox }: Join,
): Promise<PluginLink | undefined> {
  if (!isNamespace(sandbox.path)) return undefined;
  return findLink(await new Links(runner).list(sandbox.path), endpoint.id);
}

/** Moves the link of a join back to the host under its old name; removes it where that can't be. */
export async function moveOut(runner: Runner, join: Join): Promise<void> {
  const found = await findPluginLink(runner, join);
  if (!found) return;
  // The tool runs in the sandbox and has to name the host's namespace; this process's threads may be
  // in any, but a descriptor stays what it is.
  const home = runner.within(undefined, () => openFd("/proc/thread-self/ns/net"));
  try {
    await runner.ip(planMoveOut(found, `/proc/${Deno.pid}/fd/${home}`), join.sandbox.path);
  } catch (error) {
    if (!(error instanceof ToolError)) throw error;
    await runner.ip([`link del dev ${found.link.ifname}`], join.sandbox.path);
  } finally {
    closeFd(home);
  }
}
