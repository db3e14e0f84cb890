/**
 * The bridge driver: a Linux bridge per network, a veth per endpoint.
 *
 * The fast path is one `ip -batch` per namespace and one nftables transaction. Where that fails because of existing
 * state (a crash left it half done, or it is done already) the driver reads the kernel's state and makes only the
 * difference.
 *
 * @module
 */
import type {
  DesiredNetwork,
  Driver,
  DriverCapabilities,
  EndpointSpec,
  Join,
  NetworkSpec,
  Peer,
  ReconcileReport,
} from "../driver.ts";
import { nftGeneration } from "../../lib/linux/nft/generation.ts";
import type { Runner } from "../../lib/linux/tools/runner.ts";
import { ForeignForward } from "../foreign/foreign_forward.ts";
import { ForwardQueue, mendForwards } from "../links/forwards.ts";
import { allSettled, Links } from "../links/links.ts";
import { BRIDGE_PREFIX, vethName } from "../links/names.ts";
import { Bridges } from "./bridges.ts";
import { EndpointRules } from "./endpoint_rules.ts";
import { HostGuard } from "./host_guard.ts";
import { bridgeOptions } from "./options.ts";
import { planPort } from "./plan.ts";
import { isNetsvcs, reconcileLinks } from "./reconcile.ts";
import { networkElements } from "./rules.ts";
import { endUdpFlows } from "./udp_flows.ts";

/** The bridge driver of one host. */
export class BridgeDriver implements Driver {
  readonly name = "bridge";
  readonly capabilities: DriverCapabilities = {
    scope: "local",
    createsNetworks: true,
    addresses: true,
    vni: false,
    gateway: "own",
    exclusiveWithReconcile: true,
    external: false,
  };
  readonly #runner: Runner;
  readonly #links: Links;
  readonly #guard: HostGuard;
  readonly #leave: () => ReadonlySet<string>;
  readonly #bridges: Bridges;
  readonly #rules = new EndpointRules();
  readonly #foreign: ForeignForward;
  readonly #forwards: ForwardQueue;
  #reconciled = false;
  /** The generation of nftables' ruleset at which netsvc's own rules were last seen in place. */
  #generation: number | undefined;

  /** @param leave names of links of another owner, which the driver leaves as they are */
  constructor(
    runner: Runner,
    leave: () => ReadonlySet<string> = () => new Set(),
    guard: HostGuard = new HostGuard(runner),
  ) {
    this.#runner = runner;
    this.#leave = leave;
    this.#guard = guard;
    const links = this.#links = new Links(runner);
    this.#bridges = new Bridges(runner, { links, guard });
    this.#foreign = new ForeignForward(runner);
    this.#forwards = new ForwardQueue(runner);
  }

  get #firewall() {
    return this.#guard.firewall;
  }

  validate(options: Record<string, string>, ipv6 = false): void {
    bridgeOptions({ id: "0".repeat(64), options, ipv6 });
  }

  hostLink(network: NetworkSpec): string {
    return bridgeOptions(network).name;
  }

  async createNetwork(network: NetworkSpec): Promise<void> {
    const options = bridgeOptions(network);
    await this.#bridges.make(network);
    // Rules matter from the first endpoint on, and its join waits for them. If the firewall is broken, that join
    // reports it to its caller.
    if (this.#firewall.sound) this.#firewall.putSoon(networkElements(network));
    else {
      try {
        await this.#firewall.change({ add: networkElements(network) });
      } catch (error) {
        await this.#undoNetwork(network);
        throw error;
      }
    }
    const named = options.name.startsWith(BRIDGE_PREFIX) ? `${BRIDGE_PREFIX}+` : options.name;
    const known = this.#foreign.has(named);
    this.#foreign.add(named);
    // One exception covers all bridges whose names netsvc made.
    if (!known) await this.#foreign.mend();
  }

  get missing(): readonly string[] {
    return this.#foreign.missing;
  }

  /** Restores its own tables and the exceptions in other owners' firewalls, if any rules have changed. */
  async look(): Promise<string[]> {
    const generation = this.#runner.within(undefined, nftGeneration);
    const same = generation !== undefined && generation === this.#generation;
    const restored = !same && await this.#firewall.restore();
    this.#generation = generation;
    return [
      ...restored ? ["Put up the nftables table, which somebody had taken away"] : [],
      ...await this.#foreign.look(),
    ];
  }

  async #undoNetwork(network: NetworkSpec): Promise<void> {
    // The original failure is the one to report.
    await Promise.allSettled([
      this.#firewall.change({ remove: networkElements(network) }),
      this.#bridges.delete(network),
    ]);
  }

  async deleteNetwork(network: NetworkSpec): Promise<void> {
    await allSettled(`Cannot remove all of network "${network.name}"`, [
      this.#firewall.change({ remove: networkElements(network) }),
      this.#bridges.delete(network),
    ]);
  }

  async join(network: NetworkSpec, join: Join): Promise<void> {
    const { name, spoofing } = bridgeOptions(network);
    const results = await Promise.allSettled([
      this.#links.join(network, join, name, (netns) => planPort(network, join, netns)),
      this.#firewall.change({ add: this.#rules.join(network, join) }),
    ]);
    const failure = results.find((result) => result.status === "rejected");
    if (failure) {
      await this.#links.delete(vethName(join.endpoint.id)).catch(() => {}); // The first one counts.
      throw failure.reason;
    }
    // Until the bridge has the forwarding entry, it finds the port by flooding.
    if (!spoofing) this.#forwards.add(join.endpoint);
    await endUdpFlows(this.#runner, join.ports);
  }

  async unpublish(network: NetworkSpec, join: Join): Promise<void> {
    await this.#firewall.change({ remove: this.#rules.unpublish(network, join) });
  }

  async leave(network: NetworkSpec, join: Join): Promise<void> {
    const remove = this.#rules.leave(network, join);
    this.#forwards.remove(join.endpoint.id);
    await allSettled("Cannot unplug an endpoint", [
      this.#links.delete(vethName(join.endpoint.id)),
      this.#firewall.change({ remove }),
    ]);
    await endUdpFlows(this.#runner, join.ports);
  }

  // All endpoints of a bridge are on this host: there are no peers.
  async setPeers(_network: NetworkSpec, _peers: Peer[]): Promise<void> {}

  async reconcile(desired: DesiredNetwork[], thorough = false): Promise<ReconcileReport> {
    const report: ReconcileReport = { mended: [], removed: [], failed: [] };
    await this.#runner.forget();
    const steps: (() => Promise<void>)[] = [
      () => this.#lookForOthers(),
      // Without these elements a newly made table would let the host forward everybody's packets for a moment.
      () => this.#bridges.tellForwarded(desired.map(({ network }) => network)),
      async () => {
        const replaced = await this.#firewall.reconcile(this.#rules.set(desired));
        if (replaced) report.mended.push("Put up the nftables table");
      },
      () =>
        reconcileLinks({
          links: this.#links,
          desired,
          report,
          thorough: thorough || !this.#reconciled,
          leave: this.#leave(),
          makeBridge: (network) => this.#bridges.make(network),
          join: (network, join) => this.join(network, join),
        }),
      () => this.#mendSettings(desired, report),
      async () => void report.mended.push(...await this.#mendForeign(desired)),
      () => mendForwards(this.#runner, desired.flatMap(notLearning)),
    ];
    for (const step of steps) {
      await Promise.resolve().then(step).catch((error) => report.failed.push(error));
    }
    this.#reconciled = report.failed.length === 0;
    return report;
  }

  async #lookForOthers(): Promise<void> {
    const bridges = this.#links.dump()
      .filter((link) => link.linkinfo?.info_kind === "bridge" && !isNetsvcs(link));
    await this.#guard.setOthers(bridges.map(({ ifname }) => ifname).sort());
  }

  async #mendSettings(
    desired: DesiredNetwork[],
    { mended, failed }: ReconcileReport,
  ): Promise<void> {
    for (const { network } of desired) {
      try {
        for (const setting of this.#bridges.set(network)) {
          mended.push(`Set ${setting}, which network "${network.name}" needs`);
        }
      } catch (error) {
        failed.push(error as Error);
      }
    }
    for (const setting of await this.#bridges.forward(desired.map(({ network }) => network))) {
      mended.push(`Set ${setting}, which bridge networks need`);
    }
  }

  /** One exception covers all bridges whose names netsvc made. */
  async #mendForeign(desired: DesiredNetwork[]): Promise<string[]> {
    const names = desired.map(({ network }) => bridgeOptions(network).name)
      .filter((name) => !name.startsWith(BRIDGE_PREFIX));
    return await this.#foreign.mend(desired.length > 0 ? [`${BRIDGE_PREFIX}+`, ...names] : []);
  }
}

/** Endpoints whose ports don't learn, so that the bridge needs static entries for them. */
function notLearning({ network, joins }: DesiredNetwork): EndpointSpec[] {
  return bridgeOptions(network).spoofing ? [] : joins.map(({ endpoint }) => endpoint);
}
