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

/** A tunnel of a namespace that is just going away has its VNI for this much longer, in ms. */
const CLASH_MS = 2_000, CLASH_POLL_MS = 50;

/** What it is made with. */
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

  /** Its links; none when it isn't there. */
  async links(): Promise<ObservedLink[]> {
    return this.isThere ? await this.#tools.links.list(this.path) : [];
  }

  /**
   * Makes it and the tunnel where they are missing or not as they should be, given its `links`.
   *
   * @returns what remains to be done inside, by {@linkcode run}, and whether the tunnel is new
   */
  async open(
    shape: OverlayShape,
    links: ObservedLink[],
  ): Promise<{ state: NetOp[]; fresh: boolean }> {
    const { runner, namespaces } = this.#tools;
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
        return await this.#tools.runner.apply(ops);
      } catch (error) {
        if (!isExisting(error) || performance.now() > deadline) {
          const hostLinks = await this.#tools.links.list().catch(() => []);
          throw explainTunnel(error, { shape, hostLinks });
        }
        await sleep(CLASH_POLL_MS);
      }
    }
  }

  /** Does what carries out the rest of {@linkcode open}, and explains its failure. */
  async run(shape: OverlayShape, action: () => Promise<void>): Promise<void> {
    try {
      await action();
    } catch (error) {
      throw explainState(error, shape);
    }
  }

  /** Leaves a setting alone that the network says nothing about: it may be the administrator's. */
  setOffload({ options }: NetworkSpec): void {
    const on = overlayOptions(options).checksum_offload;
    if (on === undefined) return;
    this.#tools.runner.within(this.path, () => setChecksumOffload(TUNNEL, on));
  }

  /**
   * Removes it and all in it; harmless when it isn't there.
   *
   * @param released resolves when nothing of netsvc's keeps it alive any more
   */
  async close(released: Promise<void>): Promise<void> {
    const { links, namespaces } = this.#tools;
    // The kernel clears a namespace away when it has time; the VNI must be free at once.
    const tunnel = this.isThere ? links.delete(TUNNEL, this.path) : undefined;
    await Promise.all([released, tunnel]);
    if (namespaces.listOwn().includes(this.#id)) await namespaces.remove(this.#id);
  }
}

/** What crosses an overlay's bridge is no business of this namespace's (empty) firewall. */
function passByFirewalls(): void {
  for (const tool of ["iptables", "ip6tables", "arptables"]) {
    try {
      writeFileSync(`/proc/sys/net/bridge/bridge-nf-call-${tool}`, "0");
    } catch {
      // br_netfilter isn't loaded.
    }
  }
}
