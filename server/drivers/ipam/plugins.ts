/**
 * The IPAM of each plugin, and what all requests to plugins share.
 *
 * @module
 */
import type { Plugins } from "../../../drivers/remote/plugin/plugins.ts";
import { RemoteIpam } from "../../../drivers/remote/remote_ipam.ts";
import { NetsvcError } from "../../../lib/api/errors.ts";
import type { CreateNetwork } from "../../../lib/api/types.ts";
import type { Interests } from "../../model/shared/subscriptions.ts";
import type { State } from "../../model/state.ts";
import type { IntentLog } from "../intent_log.ts";

/** What asking plugins for addresses works with. */
export interface IpamOptions {
  state: State;
  interests: Pick<Interests, "ensure">;
  intents: IntentLog;
  /** A plugin's IPAM. @throws {NetsvcError} `invalid` when no plugin can have such a name */
  ipam: (name: string) => RemoteIpam;
}

/** What a plugin gave, and the notes of it. */
export interface Given<T> {
  given: T;
  /** Ids of intents: dropped when the store has what was given, undone when it doesn't. */
  notes: string[];
}

/** Makes the IPAM of each plugin once. */
export function pluginIpams(plugins: Plugins): (name: string) => RemoteIpam {
  const made = new Map<string, RemoteIpam>();
  return (name) => {
    const known = made.get(name) ?? new RemoteIpam(plugins.get(name));
    made.set(name, known);
    return known;
  };
}

/** The plugin that manages the addresses of a new network; `undefined` when netsvc does. */
export function ipamOf({ ipamDriver, ipamOptions }: CreateNetwork): string | undefined {
  if (ipamDriver !== undefined && ipamDriver !== "default") return ipamDriver;
  if (Object.keys(ipamOptions ?? {}).length === 0) return undefined;
  throw new NetsvcError(
    "invalid",
    `Options of an IPAM driver need one: name it with --ipam-driver, or leave --ipam-opt out`,
  );
}
