/**
 * A plugin's link: looked at before it is taken, found in a sandbox, and moved back to where the plugin
 * looks for it.
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

/** How it is about a link of the host's: it may be taken, or not for a reason. */
export type LinkLook =
  | { is: "missing" }
  | { is: "free"; link: ObservedLink; links: ObservedLink[] }
  | { is: "needed"; why: string };

/** Looks whether a link may be taken from the host, by its name. */
export async function lookAtLink(runner: Runner, name: string): Promise<LinkLook> {
  const links = await showLinks(runner);
  // Tools find it by its other names, too; it would come back under the wrong one.
  const link = links.find(({ ifname }) => ifname === name);
  if (!link) return { is: "missing" };
  const routes = await showRoutes(runner, { all: true, link: name });
  const why = whyNeeded(link, { links, routes });
  return why === undefined ? { is: "free", link, links } : { is: "needed", why };
}

/** Where links of plugins are looked for. */
export interface PluginLinkTools {
  runner: Runner;
  notes: LinkNotes;
}

/** The link of a join; `undefined` when the sandbox hasn't got it, or is gone. */
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
 * Moves the link of a join back to the host under its old name; removes it where that can't be, and where
 * what has its name in the sandbox isn't it.
 */
export async function moveOut(tools: PluginLinkTools, join: Join): Promise<void> {
  const { runner, notes } = tools;
  const found = await findPluginLink(tools, join);
  const remove = () =>
    runner.apply([{ op: "deleteLink", link: join.interface }], join.sandbox.path);
  if (!found) return;
  if (!found.note) {
    // An earlier version's, or none of netsvc's.
    if (found.link.ifalias?.startsWith(`netsvc-plugin:${join.endpoint.id}:`)) await remove();
    return;
  }
  if (!isPluginsOwn(found, await showLinks(runner))) {
    await remove();
    return notes.forget(join.endpoint.id);
  }
  // The tool runs in the sandbox and has to name the host's namespace; this process's threads may be
  // in any, but a descriptor stays what it is.
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
