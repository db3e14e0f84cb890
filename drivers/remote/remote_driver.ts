/**
 * Networks of a libnetwork plugin: the plugin makes the link, netsvc attaches it to the sandbox.
 *
 * A service exists before any container does, and a plugin's endpoint belongs to one host, so the plugin is told of
 * an endpoint when it joins (CreateEndpoint, Join, the link is moved and configured, ProgramExternalConnectivity)
 * and of its end when it leaves (RevokeExternalConnectivity, Leave, the link is moved back, DeleteEndpoint).
 * Plugins aren't idempotent: the link's alias or the plugin's refusal shows what a crash, of either side, left half
 * done, and netsvc makes it anew.
 *
 * @module
 */
import type {
  Decided,
  DesiredNetwork,
  Driver,
  DriverCapabilities,
  HostSpec,
  Join,
  NetworkSpec,
  ReconcileReport,
} from "../driver.ts";
import { forAll } from "../links/for_all.ts";
import { COMMON_OPTIONS } from "../options.ts";
import type { Runner } from "../../lib/linux/tools/runner.ts";
import { type Assigned, EndpointLinks } from "./endpoint_links.ts";
import { PluginHosts } from "./hosts.ts";
import { LinkNotes } from "./link_notes.ts";
import { NetworkCalls } from "./network_calls.ts";
import { Owed } from "./pending_teardowns.ts";
import { linkIsRight } from "./plan.ts";
import type { CallOptions, Plugin } from "./plugin/plugin.ts";
import { PluginRefusal, PluginUnreachable } from "./protocol/errors.ts";
import { distinct, Teardown } from "./teardown.ts";

export interface RemoteDriverOptions {
  /** Notes on the links that are in sandboxes; kept in memory alone by default. */
  notes?: LinkNotes;
  /** Whether a join that a reconcile finds missing is still desired: it may have left meanwhile. */
  isWanted?: (join: Join) => boolean;
}

/** A plugin's networks on this host. */
export class RemoteDriver implements Driver {
  readonly name: string;
  readonly #calls: NetworkCalls;
  readonly #options: RemoteDriverOptions;
  readonly #owed = new Owed();
  readonly #hosts: PluginHosts;
  readonly #links: EndpointLinks;
  readonly #teardown: Teardown;

  constructor(plugin: Plugin, runner: Runner, options: RemoteDriverOptions = {}) {
    const { name } = plugin;
    const { notes = new LinkNotes() } = options;
    const calls = this.#calls = new NetworkCalls(plugin);
    this.name = name;
    this.#options = options;
    this.#hosts = new PluginHosts(plugin, calls);
    this.#links = new EndpointLinks({ name, calls, runner, notes });
    this.#teardown = new Teardown(calls, this.#owed);
  }

  /** The capabilities that the plugin last reported; before {@linkcode activate}, of local scope. */
  get capabilities(): DriverCapabilities {
    return {
      scope: this.#hosts.scope,
      createsNetworks: true,
      addresses: true,
      vni: false,
      gateway: "plugin",
      exclusiveWithReconcile: false,
      external: true,
    };
  }

  /**
   * Finds the plugin and asks for its capabilities; call this before deciding about a network of it.
   *
   * @throws {NetsvcError} `not_found` naming the places, `unsupported`, `unavailable`, `timeout`
   */
  async activate(options?: CallOptions): Promise<DriverCapabilities> {
    await this.#hosts.greet(options);
    return this.capabilities;
  }

  /** Options are for the plugin to judge, except `ttl`. */
  validate(options: Record<string, string>): void {
    if (options.ttl !== undefined) COMMON_OPTIONS.ttl("ttl", options.ttl);
  }

  async needsGateway(options: Record<string, string>): Promise<{ 4: boolean; 6: boolean }> {
    await this.#hosts.greet();
    if (!this.#hosts.checksGateway) return { 4: true, 6: true };
    const { skip4, skip6 } = await this.#calls.gatewayCheck(options);
    return { 4: !skip4, 6: !skip6 };
  }

  async endpointInfo(network: string, endpoint: string): Promise<Record<string, unknown>> {
    return await this.#calls.endpointInfo({ network, endpoint });
  }

  async createNetwork(network: NetworkSpec): Promise<void> {
    await this.#hosts.greet();
    try {
      await this.#createNetwork(network);
    } catch (error) {
      // The plugin may have carried the request out, or half of it; a refusal is taken at its word.
      if (!(error instanceof PluginRefusal)) await this.deleteNetwork(network).catch(() => {});
      throw error;
    }
  }

  async #createNetwork(network: NetworkSpec, options?: CallOptions): Promise<void> {
    this.#owed.settle(network.id);
    await this.#calls.createNetwork(network, this.#hosts.scope, options).catch((error) => {
      // The network's id is 64 random digits: one that exists is this one.
      if (!(error instanceof PluginRefusal && error.exists)) throw error;
    });
  }

  async deleteNetwork(network: NetworkSpec): Promise<void> {
    await this.#teardown.ofNetwork(network);
  }

  /** Returns what the plugin decided, where the link had to be made. */
  join(network: NetworkSpec, join: Join): Promise<Decided | undefined> {
    return this.#owed.serial(join.endpoint.id, () => this.#join(network, join));
  }

  async #join(
    network: NetworkSpec,
    join: Join,
    options?: CallOptions,
  ): Promise<Decided | undefined> {
    const there = await this.#links.find(join);
    if (there && linkIsRight(there, join)) {
      await this.#links.leadOut(network, join, there);
      return undefined;
    }
    await this.#hosts.greet(options);
    if (there) await this.#unplug(network, join, options).catch(() => {}); // Made anew below.
    let created = false;
    try {
      const assigned = await this.#createEndpoint(network, join, options);
      created = true;
      const wayOut = await this.#links.plug(network, join, { assigned, options });
      return { ...assigned, wayOut };
    } catch (error) {
      const nothingMade = !created &&
        (error instanceof PluginRefusal ||
          error instanceof PluginUnreachable && error.kind === "dial");
      if (!nothingMade) await this.#unplug(network, join, options).catch(() => {}); // Kept as a debt, then.
      throw this.#links.explain(error);
    }
  }

  /**
   * Calls CreateEndpoint, and deals with what a restart of either side left: a missing network, an existing
   * endpoint.
   */
  async #createEndpoint(
    network: NetworkSpec,
    join: Join,
    options?: CallOptions,
  ): Promise<Assigned> {
    this.#owed.settle(join.endpoint.id);
    const create = () => this.#calls.createEndpoint(network, join, options);
    try {
      return await create();
    } catch (error) {
      if (!(error instanceof PluginRefusal)) throw error;
      if (error.missing) await this.#createNetwork(network, options);
      else if (error.exists) await this.#teardown.forget(network, join, options);
      else throw error;
      return await create();
    }
  }

  /**
   * Removes the endpoint in the kernel regardless of the plugin's answers; calls that the plugin missed are made by
   * {@linkcode reconcile} when it is reachable again.
   *
   * @throws {NetsvcError} `unavailable` or `timeout` when only the plugin failed to answer
   */
  leave(network: NetworkSpec, join: Join): Promise<void> {
    return this.#owed.serial(join.endpoint.id, () => this.#unplug(network, join));
  }

  #unplug(network: NetworkSpec, join: Join, options?: CallOptions): Promise<void> {
    const moveOut = () => this.#links.moveOut(join);
    return this.#teardown.ofEndpoint(network, join, { moveOut, options });
  }

  /** The plugin handles peers itself; {@linkcode setHosts} tells it the hosts. */
  async setPeers(): Promise<void> {}

  /**
   * Tells the plugin the hosts of the cluster, now if it is active, otherwise as soon as it is. Level-triggered:
   * call it with all of them, this one too.
   */
  setHosts(hosts: HostSpec[]): Promise<void> {
    return this.#hosts.set(hosts);
  }

  /**
   * Looks into sandboxes; calls the plugin only where something is wrong, and doesn't wait for an unreachable one.
   * May run concurrently with joins and leaves: see {@linkcode RemoteDriverOptions.isWanted}.
   */
  async reconcile(desired: DesiredNetwork[]): Promise<ReconcileReport> {
    const report: ReconcileReport = { mended: [], removed: [], failed: [] };
    const options: CallOptions = { impatient: true };
    for (const id of this.#owed.ids()) {
      await this.#owed.pay(id, options).then(
        () =>
          report.removed.push(`Told the plugin "${this.name}" of the end of ${id.slice(0, 12)}`),
        (error) => report.failed.push(error),
      );
    }
    const joins = desired.flatMap(({ network, joins }) => joins.map((join) => ({ network, join })));
    await forAll(
      { items: joins, report },
      ({ network, join }) =>
        this.#owed.serial(join.endpoint.id, async () => {
          const there = await this.#links.find(join);
          if (there && linkIsRight(there, join)) return;
          if (this.#options.isWanted?.(join) === false) return;
          await this.#join(network, join, options);
          report.mended.push(`Mended ${join.interface} on network "${network.name}"`);
        }),
    );
    return { ...report, failed: distinct(report.failed) };
  }
}
