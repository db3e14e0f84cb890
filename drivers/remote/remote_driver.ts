/**
 * Networks of a libnetwork plugin: the plugin makes the link, netsvc plugs it in.
 *
 * A service exists before any container does, and a plugin's endpoint belongs to one host, so the
 * plugin hears of an endpoint when it is joined (CreateEndpoint, Join, the link is moved and
 * configured, ProgramExternalConnectivity) and of its end when it leaves (RevokeExternalConnectivity,
 * Leave, the link is moved back, DeleteEndpoint). Plugins aren't idempotent: what a crash, of either
 * side, left half done is found by the link's alias or by the plugin's refusal, and done anew.
 *
 * @module
 */
import { NetsvcError } from "../../lib/api/errors.ts";
import type { Scope } from "../../lib/api/types.ts";
import type {
  Decided,
  DesiredNetwork,
  Driver,
  DriverCapabilities,
  EndpointSpec,
  HostSpec,
  Join,
  NetworkSpec,
  ReconcileReport,
} from "../driver.ts";
import { forAll } from "../links/for_all.ts";
import { COMMON_OPTIONS } from "../options.ts";
import { type ObservedLink, showRoutes } from "../../lib/linux/net/observe.ts";
import type { Runner } from "../../lib/linux/tools/runner.ts";
import { ToolError } from "../../lib/linux/tools/tool_error.ts";
import { PluginAnswerError, PluginRefusal, PluginUnreachable } from "./protocol/errors.ts";
import { LinkNotes } from "./link_notes.ts";
import { findPluginLink, lookAtLink, moveOut } from "./links.ts";
import { NetworkCalls } from "./network_calls.ts";
import { Owed } from "./pending_teardowns.ts";
import {
  leadsOut,
  linkIsRight,
  noteOf,
  planGateways,
  planJoined,
  planMoveIn,
  type PluginLink,
} from "./plan.ts";
import type { CallOptions, Plugin, Session } from "./plugin/plugin.ts";

/** What an endpoint got, from netsvc or from the plugin. */
type Assigned = Pick<EndpointSpec, "addresses" | "mac">;

/** Options of {@linkcode RemoteDriver}. */
export interface RemoteDriverOptions {
  /** What is known of links that are in sandboxes; kept in memory alone unless given. */
  notes?: LinkNotes;
  /** Whether a join that a reconcile finds missing is still wanted: it may have been left meanwhile. */
  isWanted?: (join: Join) => boolean;
}

/** A plugin's networks on this host. */
export class RemoteDriver implements Driver {
  readonly name: string;
  readonly #plugin: Plugin;
  readonly #calls: NetworkCalls;
  readonly #runner: Runner;
  readonly #options: RemoteDriverOptions;
  readonly #owed = new Owed();
  readonly #notes: LinkNotes;
  #scope: Scope = "local";
  #checksGateway = false;
  #greeted: { session: Session; done: Promise<void> } | undefined;
  #hosts: HostSpec[] = [];
  #told: HostSpec[] = [];

  constructor(plugin: Plugin, runner: Runner, options: RemoteDriverOptions = {}) {
    this.name = plugin.name;
    this.#plugin = plugin;
    this.#calls = new NetworkCalls(plugin);
    this.#runner = runner;
    this.#options = options;
    this.#notes = options.notes ?? new LinkNotes();
  }

  /** As the plugin last said; before {@linkcode activate}, of local scope. */
  get capabilities(): DriverCapabilities {
    return {
      scope: this.#scope,
      createsNetworks: true,
      addresses: true,
      vni: false,
      gateway: "plugin",
      exclusiveWithReconcile: false,
      external: true,
    };
  }

  /**
   * Finds the plugin and asks what it is able to do; do this before a network of it is decided on.
   *
   * @throws {NetsvcError} `not_found` naming the places, `unsupported`, `unavailable`, `timeout`
   */
  async activate(options?: CallOptions): Promise<DriverCapabilities> {
    await this.#greet(options);
    return this.capabilities;
  }

  /** Options are the plugin's own, but for `ttl`. */
  validate(options: Record<string, string>): void {
    if (options.ttl !== undefined) COMMON_OPTIONS.ttl("ttl", options.ttl);
  }

  async needsGateway(options: Record<string, string>): Promise<{ 4: boolean; 6: boolean }> {
    await this.#greet();
    if (!this.#checksGateway) return { 4: true, 6: true };
    const { skip4, skip6 } = await this.#calls.gatewayCheck(options);
    return { 4: !skip4, 6: !skip6 };
  }

  async endpointInfo(network: string, endpoint: string): Promise<Record<string, unknown>> {
    return await this.#calls.endpointInfo({ network, endpoint });
  }

  async createNetwork(network: NetworkSpec): Promise<void> {
    await this.#greet();
    try {
      await this.#createNetwork(network);
    } catch (error) {
      // It may have been carried out, or half of it; to a refusal the plugin's word holds.
      if (!(error instanceof PluginRefusal)) await this.deleteNetwork(network).catch(() => {});
      throw error;
    }
  }

  async #createNetwork(network: NetworkSpec, options?: CallOptions): Promise<void> {
    this.#owed.settle(network.id);
    await this.#calls.createNetwork(network, this.#scope, options).catch((error) => {
      // Its id is 64 random digits: if it is there, it is this one.
      if (!(error instanceof PluginRefusal && error.exists)) throw error;
    });
  }

  async deleteNetwork(network: NetworkSpec): Promise<void> {
    await this.#owing(network.id, [
      (options) => unlessMissing(this.#calls.deleteNetwork(network.id, options)),
    ]);
  }

  /** Answers with what the plugin decided, where the link had to be made. */
  join(network: NetworkSpec, join: Join): Promise<Decided | undefined> {
    return this.#owed.serial(join.endpoint.id, () => this.#join(network, join));
  }

  async #join(
    network: NetworkSpec,
    join: Join,
    options?: CallOptions,
  ): Promise<Decided | undefined> {
    const there = await findPluginLink(this.#runner, this.#notes, join);
    if (there && linkIsRight(there, join)) {
      await this.#leadOut(network, join, there);
      return undefined;
    }
    await this.#greet(options);
    if (there) await this.#unplug(network, join, options).catch(() => {}); // It is made anew.
    let created = false;
    try {
      const assigned = await this.#createEndpoint(network, join, options);
      created = true;
      const wayOut = await this.#plug(network, join, { assigned, ...options && { options } });
      return { ...assigned, wayOut };
    } catch (error) {
      const nothingMade = !created &&
        (error instanceof PluginRefusal ||
          error instanceof PluginUnreachable && error.kind === "dial");
      if (!nothingMade) await this.#unplug(network, join, options).catch(() => {}); // Owed, then.
      throw error instanceof ToolError ? this.#inapplicable(error.words, error) : error;
    }
  }

  #inapplicable(reason: string, cause?: unknown): NetsvcError {
    return new NetsvcError(
      "kernel",
      `Cannot apply what the plugin "${this.name}" answers to NetworkDriver.Join: ${reason}`,
      { cause },
    );
  }

  /** Makes a link that is there already the sandbox's way out, where it has become that. */
  async #leadOut(network: NetworkSpec, join: Join, { note }: PluginLink): Promise<void> {
    const gateways = note?.gateways ?? [];
    if (!join.gateway || gateways.length === 0) return;
    const routes = await Promise.all(
      ([4, 6] as const).map((family) =>
        showRoutes(this.#runner, { family, defaults: true }, join.sandbox.path)
      ),
    );
    const leads = (ip: string) =>
      routes.flat().some(({ gateway, dev }) => gateway === ip && dev === join.interface);
    if (gateways.every(leads)) return;
    await this.#runner.apply(planGateways(join, gateways), join.sandbox.path);
    const id = { network: network.id, endpoint: join.endpoint.id };
    await this.#calls.programExternalConnectivity(id, join.ports);
  }

  /** CreateEndpoint, past what a restart of either side left: no such network, such an endpoint. */
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
      else if (error.exists) {
        for (const step of this.#farewell(network, join)) await step(options).catch(() => {});
      } else throw error;
      return await create();
    }
  }

  async #plug(
    network: NetworkSpec,
    join: Join,
    { assigned, options }: { assigned: Assigned; options?: CallOptions },
  ): Promise<Decided["wayOut"]> {
    const id = { network: network.id, endpoint: join.endpoint.id };
    const joined = await this.#calls.join(id, join.sandbox.path, options);
    const { link, links } = await this.#checkLink(joined.InterfaceName.SrcName);
    this.#notes.put(join.endpoint.id, noteOf(link, links, joined));
    await this.#runner.apply(planMoveIn(join, joined));
    const given = { ...join, endpoint: { ...join.endpoint, ...assigned } };
    await this.#runner.apply(planJoined(network, given, joined), join.sandbox.path);
    if (!leadsOut(joined)) return joined.DisableGatewayService ? "none" : "leg";
    if (isOutward(join)) await this.#calls.programExternalConnectivity(id, join.ports, options);
    return "own";
  }

  /** A link that the host needs would come back down, without addresses and routes. */
  async #checkLink(name: string): Promise<{ link: ObservedLink; links: ObservedLink[] }> {
    const link = await lookAtLink(this.#runner, name);
    if (link.is === "missing") throw this.#inapplicable(`there is no link "${name}"`);
    if (link.is === "free") return link;
    throw new PluginAnswerError(
      this.name,
      "NetworkDriver.Join",
      `it gives the link "${name}", which ${link.why}`,
    );
  }

  /**
   * Unplugs in the kernel whatever the plugin says; what the plugin couldn't be told it is told by
   * {@linkcode reconcile} when it is back.
   *
   * @throws {NetsvcError} `unavailable` or `timeout` when only the plugin failed to answer
   */
  leave(network: NetworkSpec, join: Join): Promise<void> {
    return this.#owed.serial(join.endpoint.id, () => this.#unplug(network, join));
  }

  async #unplug(network: NetworkSpec, join: Join, options?: CallOptions): Promise<void> {
    const [revoke, leave, remove] = this.#farewell(network, join);
    await this.#owing(
      join.endpoint.id,
      [revoke, leave, () => moveOut(this.#runner, this.#notes, join), remove],
      options,
    );
  }

  /** What a plugin is told of an endpoint's end, in order. */
  #farewell(network: NetworkSpec, join: Join): [Step, Step, Step] {
    const id = { network: network.id, endpoint: join.endpoint.id };
    return [
      async (options) => {
        if (isOutward(join)) {
          await unlessMissing(this.#calls.revokeExternalConnectivity(id, options));
        }
      },
      (options) => unlessMissing(this.#calls.leave(id, options)),
      (options) => unlessMissing(this.#calls.deleteEndpoint(id, options)),
    ];
  }

  /**
   * Goes on past failures and reports all; if the plugin wasn't reached, all of it is tried again
   * later, which is harmless.
   */
  async #owing(id: string, steps: Step[], options?: CallOptions): Promise<void> {
    const failures: unknown[] = [];
    for (const step of steps) await step(options).catch((error) => failures.push(error));
    if (failures.length === 0) return;
    if (failures.some((error) => error instanceof PluginUnreachable)) {
      this.#owed.add(id, (options) => this.#owing(id, steps, options));
    }
    throw summary(failures);
  }

  /** Peers are the plugin's own business; hosts are told by {@linkcode setHosts}. */
  async setPeers(): Promise<void> {}

  /**
   * Tells the plugin of the hosts there are, now if it is active, else when it is. Level-triggered:
   * call it with all of them, this one too.
   */
  async setHosts(hosts: HostSpec[]): Promise<void> {
    this.#hosts = hosts;
    if (this.#greeted) await this.#greeted.done.then(() => this.#tellHosts(), () => {});
  }

  async #tellHosts(options: CallOptions = { impatient: true }): Promise<void> {
    const hosts = this.#hosts, told = this.#told;
    this.#told = hosts;
    const news = (from: HostSpec[], to: HostSpec[]) =>
      to.filter(({ address, self }) =>
        !from.some((host) => host.address === address && host.self === self)
      );
    try {
      for (const host of news(hosts, told)) await this.#calls.discover("Delete", host, options);
      for (const host of news(told, hosts)) await this.#calls.discover("New", host, options);
    } catch (error) {
      // Many plugins find each other by themselves and know no such call; one that was away is told
      // everything when it is greeted again.
      if (error instanceof PluginUnreachable) this.#told = [];
    }
  }

  /** Once per session: asks for capabilities and tells of the hosts. */
  async #greet(options?: CallOptions): Promise<void> {
    const session = await this.#plugin.session(options);
    if (this.#greeted?.session !== session) {
      const done = (async () => {
        const { Scope, GwAllocChecker } = await this.#calls.capabilities(options);
        this.#scope = Scope;
        this.#checksGateway = GwAllocChecker ?? false;
        this.#told = [];
        await this.#tellHosts();
      })();
      const greeted = this.#greeted = { session, done };
      done.catch(() => {
        if (this.#greeted === greeted) this.#greeted = undefined;
      });
    }
    await this.#greeted.done;
  }

  /**
   * Looks into sandboxes; the plugin is called only where something is wrong, and not waited for. May
   * run beside joins and leaves: see {@linkcode RemoteDriverOptions.isWanted}.
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
      joins,
      report,
      ({ network, join }) =>
        this.#owed.serial(join.endpoint.id, async () => {
          const there = await findPluginLink(this.#runner, this.#notes, join);
          if (there && linkIsRight(there, join)) return;
          if (this.#options.isWanted?.(join) === false) return;
          await this.#join(network, join, options);
          report.mended.push(`Mended ${join.interface} on network "${network.name}"`);
        }),
    );
    return { ...report, failed: distinct(report.failed) };
  }
}

/** A step of tearing down. */
type Step = (options?: CallOptions) => Promise<void>;

/** Whether a join has to do with the outside: its gateway, or ports of the host. */
function isOutward({ gateway, ports }: Join): boolean {
  return gateway || ports.length > 0;
}

async function unlessMissing(step: Promise<void>): Promise<void> {
  await step.catch((error) => {
    if (!(error instanceof PluginRefusal && error.missing)) throw error;
  });
}

/** One of each message. */
function distinct(errors: Error[]): Error[] {
  return [...new Map(errors.map((error) => [error.message, error])).values()];
}

/** One error for all; its code is that of the plugin's absence only where nothing else failed. */
function summary(failures: unknown[]): unknown {
  const errors = distinct(
    failures.map((error) => error instanceof Error ? error : new Error(String(error))),
  );
  if (errors.length === 1) return errors[0];
  const worst = errors.find((error) => !(error instanceof PluginUnreachable)) ?? errors[0]!;
  return new NetsvcError(
    worst instanceof NetsvcError ? worst.code : "internal",
    errors.map(({ message }) => message).join("; "),
    { cause: new AggregateError(errors) },
  );
}
