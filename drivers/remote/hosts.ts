/**
 * What a plugin is asked and told once in each of its lives: what it is able to do, and which hosts there are.
 *
 * @module
 */
import type { Scope } from "../../lib/api/types.ts";
import type { HostSpec } from "../driver.ts";
import type { NetworkCalls } from "./network_calls.ts";
import type { CallOptions, Plugin, Session } from "./plugin/plugin.ts";
import { PluginUnreachable } from "./protocol/errors.ts";

/** One plugin, and the hosts that it is told of. */
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

  /** As the plugin last said. */
  get scope(): Scope {
    return this.#scope;
  }

  /** Whether the plugin has a say in gateways. */
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

  /** Tells the plugin of these hosts, which are all: now if it is active, else when it is. */
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
      // Many plugins find each other by themselves and know no such call; one that was away is told
      // everything when it is greeted again.
      if (error instanceof PluginUnreachable) this.#told = [];
    }
  }
}

/** Hosts of `to` that aren't in `from`. */
function newOf(from: HostSpec[], to: HostSpec[]): HostSpec[] {
  return to.filter(({ address, self }) =>
    !from.some((host) => host.address === address && host.self === self)
  );
}
