/**
 * The bridges themselves: their links, and the kernel settings they need.
 *
 * @module
 */
import { NetsvcError } from "../../lib/api/errors.ts";
import type { ObservedLink } from "../../lib/linux/net/observe.ts";
import type { Runner } from "../../lib/linux/tools/runner.ts";
import { isExisting } from "../../lib/linux/tools/tool_error.ts";
import type { NetworkSpec } from "../driver.ts";
import type { Links } from "../links/links.ts";
import { BRIDGE_PREFIX, linkAlias } from "../links/names.ts";
import type { HostGuard } from "./host_guard.ts";
import { bridgeOptions } from "./options.ts";
import { planBridge, planBridgeState, planQuiet } from "./plan.ts";
import {
  familiesOf,
  forward,
  type ForwardFamily,
  lookAtForwarding,
  setBridgeSysctls,
} from "./sysctls.ts";

/** The bridges of one host. */
export class Bridges {
  readonly #runner: Runner;
  readonly #links: Links;
  readonly #guard: HostGuard;

  constructor(runner: Runner, { links, guard }: { links: Links; guard: HostGuard }) {
    this.#runner = runner;
    this.#links = links;
    this.#guard = guard;
  }

  /** Makes a network's bridge, or adopts an existing one. @throws {NetsvcError} `exists`, `kernel` */
  async make(network: NetworkSpec): Promise<void> {
    try {
      await this.#runner.apply([...planBridge(network), ...planBridgeState(network)]);
    } catch (error) {
      if (!isExisting(error)) throw error;
      const link = await this.#links.find(bridgeOptions(network).name);
      if (link && !isBridgeOf(network, link)) throw nameTaken(network, error);
      await this.#runner.apply([planQuiet(network), ...planBridgeState(network)]);
    }
    this.set(network);
    const { name } = bridgeOptions(network);
    const needed = familiesOf(network.ipv6);
    await this.#tellOurs(needed);
    forward(this.#runner, needed, { bridge: name });
  }

  /** Sets the sysctls of a network's bridge; returns the names of those that had to be changed. */
  set({ id, options, ipv6 }: NetworkSpec): string[] {
    const { name } = bridgeOptions({ id, options, ipv6 });
    return setBridgeSysctls(this.#runner, { bridge: name, ipv6 });
  }

  /**
   * Makes the host forward what containers of these networks send, and nothing that it didn't forward before;
   * returns the names of the settings that had to be changed.
   */
  async forward(networks: Pick<NetworkSpec, "ipv6">[]): Promise<string[]> {
    if (networks.length === 0) return [];
    await this.tellForwarded(networks);
    return forward(this.#runner, neededBy(networks));
  }

  /** Tells the packet filter which families netsvc has the host forward for these networks, or is about to. */
  async tellForwarded(networks: Pick<NetworkSpec, "ipv6">[]): Promise<void> {
    await this.#tellOurs(neededBy(networks));
  }

  async #tellOurs(needed: ForwardFamily[]): Promise<void> {
    const { others, ours } = lookAtForwarding(this.#runner);
    const own = new Set([...ours, ...needed.filter((family) => !others.includes(family))]);
    const known = this.#guard.standing.ours;
    if (!known || known.symmetricDifference(own).size > 0) await this.#guard.setOurs([...own]);
  }

  /** Removes a network's bridge; leaves a bridge of the same name that belongs to another owner. */
  async delete(network: NetworkSpec): Promise<void> {
    const { name } = bridgeOptions(network);
    const link = name.startsWith(BRIDGE_PREFIX) ? undefined : await this.#links.find(name);
    const foreign = link !== undefined && link.ifalias !== linkAlias(network.id);
    if (!foreign) await this.#links.delete(name);
  }
}

/** The families that these networks need forwarded. */
function neededBy(networks: Pick<NetworkSpec, "ipv6">[]): ForwardFamily[] {
  return [...new Set(networks.flatMap(({ ipv6 }) => familiesOf(ipv6)))];
}

/**
 * Whether a link is a network's bridge; one that a crash left without its alias is recognised by its name, made
 * from the id.
 */
export function isBridgeOf(
  { id }: Pick<NetworkSpec, "id">,
  { ifname, ifalias, linkinfo }: Pick<ObservedLink, "ifname" | "ifalias" | "linkinfo">,
): boolean {
  const isHalfMade = ifalias === undefined && linkinfo?.info_kind === "bridge" &&
    ifname === `${BRIDGE_PREFIX}${id.slice(0, 12)}`;
  return isHalfMade || ifalias === linkAlias(id);
}

function nameTaken(network: NetworkSpec, cause: unknown): NetsvcError {
  return new NetsvcError(
    "exists",
    `Cannot create network "${network.name}": the host has a link "${
      bridgeOptions(network).name
    }" ` +
      `already; choose another name with -o name=`,
    { cause },
  );
}
