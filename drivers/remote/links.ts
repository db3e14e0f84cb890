/**
 * A plugin's link: checked before netsvc takes it from the host, found in a sandbox, and moved back to where the
 * plugin expects it.
 *
 * @module
 */
import type { Join } from "../driver.ts";
import { closeFd, openFd } from "../../lib/linux/libc.ts";
import { isNamespace } from "../links/links.ts";
import type { LinkNotes } from "./link_notes.ts";
import { type ObservedLink, showLinks, showRoutes } from "../../lib/linux/net/observe.ts";
import type { Runner } from "../../lib/linux/tools/runner.ts";
import { ToolError } from "../../lib/linux/tools/tool_error.ts";
import { isPluginsOwn, planMoveOut, type PluginLink, whyNeeded } from "./plan.ts";

/** Whether a link of the host's may be taken and, if not, why. */
export type LinkLook =
  | { is: "missing" }
  | { is: "free"; link: ObservedLink; links: ObservedLink[] }
  | { is: "needed"; why: string };

/** Checks, by its name, whether a link may be taken from the host. */
export async function lookAtLink(runner: Runner, name: string): Promise<LinkLook> {
  const links = await showLinks(runner);
  // `ip` finds a link by its alternative names, too; it would come back under the wrong one.
  const link = links.find(({ ifname }) => ifname === name);
  if (!link) return { is: "missing" };
  const routes = await showRoutes(runner, { all: true, link: name });
  const why = whyNeeded(link, { links, routes });
  return why === undefined ? { is: "free", link, links } : { is: "needed", why };
}

export interface PluginLinkTools {
  runner: Runner;
  notes: LinkNotes;
}

/** The link of a join; `undefined` when the sandbox doesn't have it, or no longer exists. */
export async function findPluginLink(
  { runner, notes }: PluginLinkTools,
  { endpoint, sandbox, interface: name }: Join,
): Promise<PluginLink | undefined> {
  if (!isNamespace(sandbox.path)) return undefined;
  const links = await showLinks(runner, sandbox.path);
  const link = links.find(({ ifname }) => ifname === name);
  return link && { link, note: notes.get(endpoint.id) };
}

/**
 * Moves the link of a join back to the host under its old name; removes it where that fails, or where the link of
 * that name in the sandbox isn't the plugin's.
 */
export async function moveOut(tools: PluginLinkTools, join: Join): Promise<void> {
  const { runner, notes } = tools;
  const found = await findPluginLink(tools, join);
  const remove = () =>
    runner.apply([{ op: "deleteLink", link: join.interface }], join.sandbox.path);
  if (!found) return;
  if (!found.note) {
    // A link of an earlier version's, or not one of netsvc's at all.
    if (found.link.ifalias?.startsWith(`netsvc-plugin:${join.endpoint.id}:`)) await remove();
    return;
  }
  if (!isPluginsOwn(found, await showLinks(runner))) {
    await remove();
    return notes.forget(join.endpoint.id);
  }
  // The tool runs in the sandbox and has to name the host's namespace; this process's threads may be in any
  // namespace, but a descriptor keeps denoting the same one.
  const home = runner.within(undefined, () => openFd("/proc/thread-self/ns/net"));
  try {
    const path = `/proc/${Deno.pid}/fd/${home}`;
    await runner.apply(
      planMoveOut(found.link, { name: found.note.srcName, home: path }),
      join.sandbox.path,
    );
  } catch (error) {
    if (!(error instanceof ToolError)) throw error;
    await remove();
  } finally {
    closeFd(home);
  }
  notes.forget(join.endpoint.id);
}
