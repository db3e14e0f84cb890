/**
 * Finds and removes links, and joins sandboxes to bridges, in any namespace.
 *
 * @module
 */
import { NetsvcError } from "../../lib/api/errors.ts";
import type { EndpointSpec, Join, NetworkSpec } from "../driver.ts";
import { inNamespace } from "../../lib/linux/namespaces/namespace.ts";
import { lookInside } from "../../lib/linux/namespaces/namespace_facts.ts";
import { type DumpedLink, dumpLinks } from "../../lib/linux/net/link_dump.ts";
import { type ObservedLink, showLink, showLinks } from "../../lib/linux/net/observe.ts";
import type { Runner } from "../../lib/linux/tools/runner.ts";
import { isExisting, isMissing, isNoProcess } from "../../lib/linux/tools/tool_error.ts";
import { Announcer } from "./announcer.ts";
import { linkIndex } from "../../lib/linux/net/netdevice.ts";
import { linkWord } from "./link_word.ts";
import { vethName } from "./names.ts";
import { planSandbox, type VethPlan } from "./plan.ts";
import { LinkRemoval } from "./removal.ts";
import { setLinkSysctls } from "./sandbox_sysctls.ts";

/** Whether a path is that of a living network namespace. */
export function isNamespace(path: string): boolean {
  try {
    inNamespace(path, () => {});
    return true;
  } catch {
    return false;
  }
}

/** A sandbox has another link of the interface name that a join asks for. */
export class InterfaceTaken extends NetsvcError {
  /** Id of the endpoint that couldn't be joined. */
  readonly endpoint: string;

  constructor(join: Join, cause: unknown) {
    super(
      "exists",
      `Cannot plug in: the container has another link "${join.interface}" already; rename or remove ` +
        `that one`,
      { cause },
    );
    this.endpoint = join.endpoint.id;
  }
}

/** Options of {@linkcode Links.enter}. */
export interface EnterOptions {
  /** Of the veth, with one end in the sandbox's namespace, which is given by a path or a process. */
  plan: (netns: string) => VethPlan;
  /** Path of the namespace that the other end is in; the host's unless given. */
  namespace?: string;
}

/** A sandbox with its end of a veth. */
export interface Entered {
  /** Gives the end its addresses and routes; has to be called once, at once. */
  configure(): Promise<void>;
}

/** The links of the host and of other namespaces; `namespace` is a path, by default the host's. */
export class Links {
  readonly #runner: Runner;
  readonly #removal: LinkRemoval;
  readonly #announcer: Announcer;

  constructor(runner: Runner) {
    this.#runner = runner;
    this.#announcer = new Announcer(runner);
    this.#removal = new LinkRemoval(runner);
  }

  /** All links of a namespace, with their addresses and all that `ip` shows. */
  list(namespace?: string): Promise<ObservedLink[]> {
    return showLinks(this.#runner, namespace);
  }

  /** All links with what is looked for in a round. Without a process: a start asks this of every sandbox. */
  dump(namespace?: string): DumpedLink[] {
    return this.#runner.within(namespace, dumpLinks);
  }

  /** Whether a namespace has a default route of IPv4, without a process as well. */
  hasDefaultRoute(namespace: string): boolean {
    return lookInside(namespace).hasRoute;
  }

  /** A link as the kernel shows it; `undefined` when the link or the namespace doesn't exist. */
  async find(name: string, namespace?: string): Promise<ObservedLink | undefined> {
    if (namespace !== undefined && !isNamespace(namespace)) return undefined;
    try {
      return await showLink(this.#runner, name, namespace);
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw error;
    }
  }

  /** Removes a link; see {@linkcode LinkRemoval.delete}. */
  delete(name: string, namespace?: string): Promise<void> {
    return this.#removal.delete(name, namespace);
  }

  /** Makes a join's veth, or adopts an existing one if it leads into the right sandbox. */
  async plug(join: Join, { first = [], make, state }: VethPlan, namespace?: string): Promise<void> {
    try {
      return await this.#runner.apply([...first, ...make, ...state], namespace);
    } catch (error) {
      if (!isExisting(error)) throw error;
    }
    const name = vethName(join.endpoint.id);
    const inside = await this.find(join.interface, join.sandbox.path);
    const right = inside?.address === join.endpoint.mac &&
      (await this.find(name, namespace)) !== undefined;
    if (right) return await this.#runner.apply(state, namespace);
    await this.delete(name, namespace);
    try {
      await this.#runner.apply([...make, ...state], namespace);
    } catch (error) {
      throw isExisting(error) ? new InterfaceTaken(join, error) : error;
    }
  }

  /**
   * Connects a sandbox to a bridge and gives its end of the veth addresses and routes.
   *
   * @param bridge that the other end of the veth is on
   * @param plan of the veth, with one end in this namespace, by a path or a process
   */
  async join(
    network: NetworkSpec,
    join: Join,
    bridge: string,
    plan: (netns: string) => VethPlan,
  ): Promise<void> {
    const entered = await this.enter(network, join, { plan });
    await Promise.all([this.announce([join.endpoint], bridge), entered.configure()]);
  }

  /** Makes a join's veth by an `ip` that is in the sandbox then, to configure the end there. */
  async enter(
    network: NetworkSpec,
    join: Join,
    { plan, namespace }: EnterOptions,
  ): Promise<Entered> {
    let inside = this.#runner.prepare(join.sandbox.path);
    try {
      try {
        await this.plug(join, plan(inside.netns), namespace);
      } catch (error) {
        // The process that names the namespace has stayed from another join, and somebody has ended it since.
        if (!inside.kept || !isNoProcess(error)) throw error;
        inside.cancel();
        inside = this.#runner.prepare(join.sandbox.path, { fresh: true });
        await this.plug(join, plan(inside.netns), namespace);
      }
      const link = this.#quiet(join);
      return {
        configure: () => inside.apply(planSandbox(network, { ...join, interface: link })),
      };
    } catch (error) {
      inside.cancel();
      throw error;
    }
  }

  /** Gives the sandbox's end of a veth its addresses and routes. */
  async configure(network: NetworkSpec, join: Join): Promise<void> {
    const inside = this.#runner.prepare(join.sandbox.path);
    let link: string;
    try {
      link = this.#quiet(join);
    } catch (error) {
      inside.cancel();
      throw error;
    }
    await inside.apply(planSandbox(network, { ...join, interface: link }));
  }

  /** Sets the link's sysctls, before it has an address; gives the word that it has for `ip`. */
  #quiet({ endpoint, sandbox, interface: link }: Join): string {
    const ipv6 = endpoint.addresses.some((address) => address.includes(":"));
    return this.#runner.within(sandbox.path, () => {
      setLinkSysctls(link, ipv6);
      const index = linkIndex(link);
      return index === undefined ? link : linkWord(link, index);
    });
  }

  /**
   * Announces to all members of a bridge where endpoints are now, see {@linkcode Announcer.tell}. A member that joins
   * the bridge afterwards gets no announcement of these.
   */
  announce(endpoints: EndpointSpec[], bridge: string, namespace?: string): Promise<void> {
    return this.#announcer.tell(endpoints, bridge, namespace);
  }
}

/** Waits for all steps and reports all failures in one error. */
export async function allSettled(what: string, steps: Promise<unknown>[]): Promise<void> {
  const failures = (await Promise.allSettled(steps))
    .flatMap((result) => result.status === "rejected" ? [result.reason] : []);
  if (failures.length === 0) return;
  throw new NetsvcError("kernel", what, {
    cause: failures.length === 1 ? failures[0] : new AggregateError(failures, failures.join("; ")),
  });
}
