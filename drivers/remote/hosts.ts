/**
 * What a plugin is asked and told once per session: its capabilities, and the hosts of the cluster.
 *
 * @module
 */
import type { Scope } from "../../lib/api/types.ts";
import type { HostSpec } from "../driver.ts";
import type { NetworkCalls } from "./network_calls.ts";
import type { CallOptions, Plugin, Session } from "./plugin/plugin.ts";
import { PluginUnreachable } from "./protocol/errors.ts";

/** One plugin, and the hosts that it was told of. */
export class PluginHosts {
  readonly #plugin: Plugin;
  readonly #calls: NetworkCalls;
  #scope: Scope = "local";
  #checksGateway = false;
  #greeted: { session: Session; done: Promise<void> } | undefined;
  #hosts: HostSpec[] = [];
  #told: HostSpec[] = [];

  constructor(plugin: Plugin, calls: NetworkCalls) {
    this.#plugin = plugin;
    this.#calls = calls;
  }

  /** The scope that the plugin last reported. */
  get scope(): Scope {
    return this.#scope;
  }

  /** Whether the plugin decides about gateway addresses. */
  get checksGateway(): boolean {
    return this.#checksGateway;
  }

  /** Once per session: asks for capabilities and tells of the hosts. */
  async greet(options?: CallOptions): Promise<void> {
    const session = await this.#plugin.session(options);
    if (this.#greeted?.session !== session) {
      const greeted = this.#greeted = { session, done: this.#introduce(options) };
      greeted.done.catch(() => {
        if (this.#greeted === greeted) this.#greeted = undefined;
      });
    }
    await this.#greeted.done;
  }

  async #introduce(options?: CallOptions): Promise<void> {
    const { Scope, GwAllocChecker } = await this.#calls.capabilities(options);
    this.#scope = Scope;
    this.#checksGateway = GwAllocChecker ?? false;
    this.#told = [];
    await this.#tell();
  }

  /** Tells the plugin that these are all hosts: now if it is active, otherwise as soon as it is. */
  async set(hosts: HostSpec[]): Promise<void> {
    this.#hosts = hosts;
    if (this.#greeted) await this.#greeted.done.then(() => this.#tell(), () => {});
  }

  async #tell(options: CallOptions = { impatient: true }): Promise<void> {
    const hosts = this.#hosts;
    const told = this.#told;
    this.#told = hosts;
    try {
      for (const host of newOf(hosts, told)) await this.#calls.discover("Delete", host, options);
      for (const host of newOf(told, hosts)) await this.#calls.discover("New", host, options);
    } catch (error) {
      // Many plugins find each other by themselves and don't implement this call; a plugin that was unreachable is
      // told everything when it is greeted again.
      if (error instanceof PluginUnreachable) this.#told = [];
    }
  }
}

/** The hosts of `to` that aren't in `from`. */
function newOf(from: HostSpec[], to: HostSpec[]): HostSpec[] {
  return to.filter(({ address, self }) =>
    !from.some((host) => host.address === address && host.self === self)
  );
}
