/**
 * The namespace of one overlay on this host, with the tunnel and the bridge.
 *
 * @module
 */
import { sleep } from "../../lib/async/sleep.ts";
import type { NamespaceKeeper, NetworkSpec } from "../driver.ts";
import { setChecksumOffload } from "../../lib/linux/net/ethtool.ts";
import { writeFileSync } from "../../lib/linux/libc.ts";
import type { Links } from "../links/links.ts";
import type { ObservedLink } from "../../lib/linux/net/observe.ts";
import type { NetOp } from "../../lib/linux/net/ops.ts";
import type { Runner } from "../../lib/linux/tools/runner.ts";
import { isExisting } from "../../lib/linux/tools/tool_error.ts";
import { explainState, explainTunnel } from "./explain.ts";
import { overlayOptions, TUNNEL } from "./options.ts";
import { type OverlayShape, planOpening, planTunnel } from "./plan.ts";

/** How long a tunnel of a namespace that is being removed may still hold its VNI, in ms. */
const CLASH_MS = 2_000;
/** Pause between attempts to make the tunnel meanwhile, in ms. */
const CLASH_POLL_MS = 50;

/** Tools that an overlay's namespace is made with. */
export interface NamespaceTools {
  runner: Runner;
  links: Links;
  namespaces: NamespaceKeeper;
}

/** An overlay's namespace. */
export class OverlayNamespace {
  readonly #tools: NamespaceTools;
  readonly #id: string;

  constructor(tools: NamespaceTools, id: string) {
    this.#tools = tools;
    this.#id = id;
  }

  get path(): string {
    return this.#tools.namespaces.path(this.#id);
  }

  get isThere(): boolean {
    return this.#tools.namespaces.alive(this.#id);
  }

  /** The links of the namespace; none when it doesn't exist. */
  async links(): Promise<ObservedLink[]> {
    return this.isThere ? await this.#tools.links.list(this.path) : [];
  }

  /**
   * Makes the namespace and the tunnel where they are missing or wrong, given its `links`.
   *
   * @returns the operations that remain to be done inside, by {@linkcode run}, and whether the tunnel is new
   */
  async open(
    shape: OverlayShape,
    links: ObservedLink[],
  ): Promise<{ state: NetOp[]; fresh: boolean }> {
    const { runner, namespaces } = this.#tools;
    runner.stayIn(this.path);
    const plan = planOpening(links, shape);
    if (!plan) return { state: [], fresh: false };
    await namespaces.create(this.#id);
    runner.within(this.path, passByFirewalls);
    await runner.apply(plan.remove, this.path);
    if (plan.tunnel) {
      await this.#makeTunnel(shape);
      this.setOffload(shape.network);
    }
    return { state: plan.state, fresh: plan.tunnel };
  }

  async #makeTunnel(shape: OverlayShape): Promise<void> {
    const ops = planTunnel(shape, this.path);
    const deadline = performance.now() + CLASH_MS;
    while (true) {
      try {
        return await this.#tools.runner.apply(ops, shape.socket);
      } catch (error) {
        if (!isExisting(error) || performance.now() > deadline) {
          const hostLinks = await this.#tools.links.list(shape.socket).catch(() => []);
          throw explainTunnel(error, { shape, hostLinks });
        }
        await sleep(CLASH_POLL_MS);
      }
    }
  }

  /** Runs the rest of {@linkcode open}, and explains its failure. */
  async run<T>(shape: OverlayShape, action: () => Promise<T>): Promise<T> {
    try {
      return await action();
    } catch (error) {
      throw explainState(error, shape);
    }
  }

  /** Sets checksum offload only where the network has that option: the setting may be the administrator's. */
  setOffload({ options }: NetworkSpec): void {
    const on = overlayOptions(options).checksum_offload;
    if (on === undefined) return;
    this.#tools.runner.within(this.path, () => setChecksumOffload(TUNNEL, on));
  }

  /**
   * Removes the namespace and all in it; harmless when it doesn't exist.
   *
   * @param released resolves when nothing of netsvc's keeps the namespace alive any more
   */
  async close(released: Promise<void>): Promise<void> {
    const { runner, links, namespaces } = this.#tools;
    // The kernel removes a namespace some time later; the VNI must be free at once.
    const tunnel = this.isThere ? links.delete(TUNNEL, this.path) : undefined;
    await Promise.all([released, tunnel]);
    await runner.letGo(this.path);
    if (namespaces.listOwn().includes(this.#id)) await namespaces.remove(this.#id);
  }
}

/** Keeps packets that cross an overlay's bridge out of this namespace's (empty) firewall. */
function passByFirewalls(): void {
  for (const tool of ["iptables", "ip6tables", "arptables"]) {
    try {
      writeFileSync(`/proc/sys/net/bridge/bridge-nf-call-${tool}`, "0");
    } catch {
      // br_netfilter isn't loaded.
    }
  }
}
