/**
 * The bridge driver: a Linux bridge per network, a veth per endpoint.
 *
 * The fast path is one `ip -batch` per namespace and one `nft -f`. Where it finds something in its
 * way (a crash left it half done, it is done already) the kernel is looked at and only the
 * difference made.
 *
 * @module
 */
import { NetsvcError } from "../../lib/api/errors.ts";
import type {
  DesiredNetwork,
  Driver,
  DriverCapabilities,
  Join,
  NetworkSpec,
  Peer,
  ReconcileReport,
} from "../driver.ts";
import { ForwardQueue, mendForwards } from "../links/forwards.ts";
import { allSettled, Links } from "../links/links.ts";
import { BRIDGE_PREFIX, linkAlias, vethName } from "../links/names.ts";
import { Siblings } from "../nft/siblings.ts";
import { merged } from "../nft/table.ts";
import type { ObservedLink } from "../../lib/linux/net/observe.ts";
import type { Runner } from "../../lib/linux/tools/runner.ts";
import { isExisting } from "../../lib/linux/tools/tool_error.ts";
import { ForeignForward } from "../foreign/foreign_forward.ts";
import { HostGuard } from "./host_guard.ts";
import { bridgeOptions } from "./options.ts";
import { planBridge, planBridgeState, planPort } from "./plan.ts";
import { isNetsvcs, reconcileLinks } from "./reconcile.ts";
import {
  allElements,
  joinElements,
  leaveElements,
  networkElements,
  portElements,
  publishedElements,
} from "./rules.ts";
import { forward, lookAtForwarding, setBridgeSysctls } from "./sysctls.ts";

/** Bridge networks of one host. */
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
  /** What each endpoint publishes of the host's ports: several may have one, at other addresses. */
  readonly #published = new Map<string, Set<string>>();
  /** By network. */
  readonly #siblings = new Map<string, Siblings>();
  readonly #foreign: ForeignForward;
  readonly #forwards: ForwardQueue;
  #reconciled = false;

  /** @param leave names of links of another owner, which stay as they are */
  constructor(
    runner: Runner,
    leave: () => ReadonlySet<string> = () => new Set(),
    guard: HostGuard = new HostGuard(runner),
  ) {
    this.#runner = runner;
    this.#leave = leave;
    this.#guard = guard;
    this.#links = new Links(runner);
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
    await this.#makeBridge(network);
    // Rules matter from the first endpoint on, and its join waits for them. Where the firewall isn't
    // well, whoever asks hears of it.
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
    // All bridges with a name of netsvc's own have one exception.
    if (!known) await this.#foreign.mend();
  }

  get missing(): readonly string[] {
    return this.#foreign.missing;
  }

  /** Sees to others' firewalls, if anybody has changed rules. */
  async look(): Promise<string[]> {
    return await this.#foreign.look();
  }

  async #makeBridge(network: NetworkSpec): Promise<void> {
    const { name } = bridgeOptions(network);
    try {
      await this.#runner.apply([...planBridge(network), ...planBridgeState(network)]);
    } catch (error) {
      if (!isExisting(error)) throw error;
      const link = await this.#links.find(name);
      if (link && link.ifalias !== linkAlias(network.id) && !this.#isHalfMade(link, network)) {
        throw new NetsvcError(
          "exists",
          `Cannot create network "${network.name}": the host has a link "${name}" already; ` +
            `choose another name with -o name=`,
          { cause: error },
        );
      }
      await this.#runner.apply(planBridgeState(network));
    }
    setBridgeSysctls(this.#runner, name, network.ipv6);
    await this.#forward(network.ipv6);
  }

  /** Has the host forward what containers send, and nothing else that it didn't forward before. */
  async #forward(ipv6: boolean): Promise<string[]> {
    const needed = ["ipv4" as const, ...ipv6 ? ["ipv6" as const] : []];
    const { others, ours } = lookAtForwarding(this.#runner);
    const own = new Set([...ours, ...needed.filter((family) => !others.includes(family))]);
    const known = this.#guard.standing.ours;
    if (!known || known.symmetricDifference(own).size > 0) await this.#guard.setOurs([...own]);
    return forward(this.#runner, needed);
  }

  /** A bridge of ours that a crash left before it got its alias: its name is from the id. */
  #isHalfMade(link: ObservedLink, network: NetworkSpec): boolean {
    return link.ifalias === undefined && link.linkinfo?.info_kind === "bridge" &&
      link.ifname === `${BRIDGE_PREFIX}${network.id.slice(0, 12)}`;
  }

  async #undoNetwork(network: NetworkSpec): Promise<void> {
    // The failure that led here is the one to report.
    await Promise.allSettled([
      this.#firewall.change({ remove: networkElements(network) }),
      this.#links.delete(bridgeOptions(network).name),
    ]);
  }

  async deleteNetwork(network: NetworkSpec): Promise<void> {
    const { name } = bridgeOptions(network);
    const link = name.startsWith(BRIDGE_PREFIX) ? undefined : await this.#links.find(name);
    const foreign = link !== undefined && link.ifalias !== linkAlias(network.id);
    await allSettled(`Cannot remove all of network "${network.name}"`, [
      this.#firewall.change({ remove: networkElements(network) }),
      ...foreign ? [] : [this.#links.delete(name)],
    ]);
  }

  async join(network: NetworkSpec, join: Join): Promise<void> {
    const { name, spoofing } = bridgeOptions(network);
    this.#published.set(join.endpoint.id, publishedElements(network, join));
    const lent = this.#siblingsOn(network).add(join);
    const results = await Promise.allSettled([
      this.#links.join(network, join, name, (netns) => planPort(network, join, netns)),
      this.#firewall.change({ add: merged([joinElements(network, join), lent]) }),
    ]);
    const failure = results.find((result) => result.status === "rejected");
    if (failure) {
      await this.#links.delete(vethName(join.endpoint.id)).catch(() => {}); // The first one counts.
      throw failure.reason;
    }
    // Until the bridge knows its port, it finds it by sending to all of them.
    if (!spoofing) this.#forwards.add(join.endpoint);
    if (join.ports.length > 0) await this.#flushConnections(join);
  }

  #siblingsOn({ id }: NetworkSpec): Siblings {
    const siblings = this.#siblings.get(id) ?? new Siblings();
    this.#siblings.set(id, siblings);
    return siblings;
  }

  async unpublish(network: NetworkSpec, join: Join): Promise<void> {
    const published = this.#lastPublished(network, join);
    await this.#firewall.change({ remove: { ...portElements(network, join), published } });
  }

  /** The ports of the host that are published no longer when an endpoint's aren't. */
  #lastPublished(network: NetworkSpec, join: Join): Set<string> {
    this.#published.delete(join.endpoint.id);
    const others = [...this.#published.values()];
    return new Set(
      [...publishedElements(network, join)].filter((port) => !others.some((set) => set.has(port))),
    );
  }

  async leave(network: NetworkSpec, join: Join): Promise<void> {
    const published = this.#lastPublished(network, join);
    const siblings = this.#siblingsOn(network);
    const lent = siblings.remove(join.endpoint.id);
    this.#forwards.remove(join.endpoint.id);
    if (siblings.isEmpty) this.#siblings.delete(network.id);
    await allSettled("Cannot unplug an endpoint", [
      this.#links.delete(vethName(join.endpoint.id)),
      this.#firewall.change({
        remove: { ...merged([leaveElements(network, join), lent]), published },
      }),
    ]);
    if (join.ports.length > 0) await this.#flushConnections(join);
  }

  // All endpoints of a bridge are on this host.
  async setPeers(_network: NetworkSpec, _peers: Peer[]): Promise<void> {}

  /** UDP flows that began before a port was led elsewhere would go on to the old place for ever. */
  async #flushConnections(join: Join): Promise<void> {
    for (const { protocol, hostPort } of join.ports) {
      if (protocol !== "udp") continue;
      for (const family of ["ipv4", "ipv6"]) {
        await this.#runner.run({
          tool: "conntrack",
          args: ["-D", "-f", family, "-p", "udp", "--orig-port-dst", String(hostPort)],
        }).catch(() => {}); // No such flow, or no such tool: stale flows then end by themselves.
      }
    }
  }

  async reconcile(desired: DesiredNetwork[], thorough = false): Promise<ReconcileReport> {
    const report: ReconcileReport = { mended: [], removed: [], failed: [] };
    await this.#runner.forget();
    this.#published.clear();
    for (const { network, joins } of desired) {
      for (const join of joins) {
        this.#published.set(join.endpoint.id, publishedElements(network, join));
      }
    }
    const attempt = async (action: () => Promise<void> | void) => {
      await Promise.resolve().then(action).catch((error) => report.failed.push(error));
    };
    await attempt(async () => {
      const bridges = (await this.#links.list())
        .filter((link) => link.linkinfo?.info_kind === "bridge" && !isNetsvcs(link));
      await this.#guard.setOthers(bridges.map(({ ifname }) => ifname).sort());
    });
    await attempt(async () => {
      this.#siblings.clear();
      const lent = desired.map(({ network, joins }) => this.#siblingsOn(network).set(joins));
      if (await this.#firewall.reconcile(merged([allElements(desired), ...lent]))) {
        report.mended.push("Put up the nftables table");
      }
    });
    await attempt(() =>
      reconcileLinks({
        links: this.#links,
        desired,
        report,
        thorough: thorough || !this.#reconciled,
        leave: this.#leave(),
        makeBridge: (network) => this.#makeBridge(network),
        join: (network, join) => this.join(network, join),
      })
    );
    for (const { network } of desired) {
      await attempt(async () => {
        const { name } = bridgeOptions(network);
        const set = [
          ...setBridgeSysctls(this.#runner, name, network.ipv6),
          ...await this.#forward(network.ipv6),
        ];
        for (const setting of set) {
          report.mended.push(`Set ${setting}, which network "${network.name}" needs`);
        }
      });
    }
    await attempt(async () => {
      const names = desired.map(({ network }) => bridgeOptions(network).name)
        .filter((name) => !name.startsWith(BRIDGE_PREFIX));
      const interfaces = desired.length > 0 ? [`${BRIDGE_PREFIX}+`, ...names] : [];
      report.mended.push(...await this.#foreign.mend(interfaces));
    });
    await attempt(() =>
      mendForwards(
        this.#runner,
        desired.filter(({ network }) => !bridgeOptions(network).spoofing)
          .flatMap(({ joins }) => joins.map(({ endpoint }) => endpoint)),
      )
    );
    this.#reconciled = report.failed.length === 0;
    return report;
  }
}
