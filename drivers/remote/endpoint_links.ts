/**
 * The links that a plugin makes: moved from the host into sandboxes, configured there, and moved back.
 *
 * @module
 */
import { NetsvcError } from "../../lib/api/errors.ts";
import { type ObservedLink, showRoutes } from "../../lib/linux/net/observe.ts";
import type { Runner } from "../../lib/linux/tools/runner.ts";
import { ToolError } from "../../lib/linux/tools/tool_error.ts";
import type { Decided, EndpointSpec, Join, NetworkSpec } from "../driver.ts";
import type { LinkNotes } from "./link_notes.ts";
import { findPluginLink, lookAtLink, moveOut } from "./links.ts";
import type { NetworkCalls } from "./network_calls.ts";
import { leadsOut, noteOf, planGateways, planJoined, planMoveIn, type PluginLink } from "./plan.ts";
import type { CallOptions } from "./plugin/plugin.ts";
import { PluginAnswerError } from "./protocol/errors.ts";
import { isOutward } from "./teardown.ts";

/** The addresses and MAC that netsvc or the plugin assigned to an endpoint. */
export type Assigned = Pick<EndpointSpec, "addresses" | "mac">;

/** Tools that the links of one plugin are handled with. */
export interface EndpointLinkTools {
  /** The plugin's name. */
  name: string;
  calls: NetworkCalls;
  runner: Runner;
  notes: LinkNotes;
}

/** The links of one plugin. */
export class EndpointLinks {
  readonly #tools: EndpointLinkTools;

  constructor(tools: EndpointLinkTools) {
    this.#tools = tools;
  }

  /** The link of a join; `undefined` when the sandbox doesn't have it, or no longer exists. */
  find(join: Join): Promise<PluginLink | undefined> {
    return findPluginLink(this.#tools, join);
  }

  /**
   * Has the plugin make an endpoint's link, and moves the link into the sandbox; returns where its default route
   * leads.
   */
  async plug(
    network: NetworkSpec,
    join: Join,
    { assigned, options }: { assigned: Assigned; options?: CallOptions | undefined },
  ): Promise<Decided["wayOut"]> {
    const { calls, runner, notes } = this.#tools;
    const id = { network: network.id, endpoint: join.endpoint.id };
    const joined = await calls.join(id, join.sandbox.path, options);
    const { link, links } = await this.#check(joined.InterfaceName.SrcName);
    notes.put(join.endpoint.id, noteOf(link, { links, joined }));
    await runner.apply(planMoveIn(join, joined));
    const given = { ...join, endpoint: { ...join.endpoint, ...assigned } };
    await runner.apply(planJoined(network, { join: given, joined }), join.sandbox.path);
    if (!leadsOut(joined)) return joined.DisableGatewayService ? "none" : "leg";
    if (isOutward(join)) await calls.programExternalConnectivity(id, join.ports, options);
    return "own";
  }

  /** Rejects links that the host itself needs: such a link would come back down, without addresses and routes. */
  async #check(name: string): Promise<{ link: ObservedLink; links: ObservedLink[] }> {
    const link = await lookAtLink(this.#tools.runner, name);
    if (link.is === "missing") throw this.#inapplicable(`there is no link "${name}"`);
    if (link.is === "free") return link;
    throw new PluginAnswerError(
      this.#tools.name,
      "NetworkDriver.Join",
      `it gives the link "${name}", which ${link.why}`,
    );
  }

  /** Makes an existing link the sandbox's default route, where the join now asks for that. */
  async leadOut(network: NetworkSpec, join: Join, { note }: PluginLink): Promise<void> {
    const gateways = note?.gateways ?? [];
    if (!join.gateway || gateways.length === 0) return;
    const { runner, calls } = this.#tools;
    const routes = await Promise.all(
      ([4, 6] as const).map((family) =>
        showRoutes(runner, { family, defaults: true }, join.sandbox.path)
      ),
    );
    const leads = (ip: string) =>
      routes.flat().some(({ gateway, dev }) => gateway === ip && dev === join.interface);
    if (gateways.every(leads)) return;
    await runner.apply(planGateways(join, gateways), join.sandbox.path);
    const id = { network: network.id, endpoint: join.endpoint.id };
    await calls.programExternalConnectivity(id, join.ports);
  }

  /** Moves the link of a join back to the host. */
  moveOut(join: Join): Promise<void> {
    return moveOut(this.#tools, join);
  }

  /** Turns a failure to apply the plugin's answer into an error about the plugin; other errors stay as they are. */
  explain(error: unknown): unknown {
    return error instanceof ToolError ? this.#inapplicable(error.words, error) : error;
  }

  #inapplicable(reason: string, cause?: unknown): NetsvcError {
    return new NetsvcError(
      "kernel",
      `Cannot apply what the plugin "${this.#tools.name}" answers to NetworkDriver.Join: ${reason}`,
      { cause },
    );
  }
}
