/**
 * One overlay network on this host: its members, and their peers on other hosts.
 *
 * @module
 */
import { NetsvcError } from "../../lib/api/errors.ts";
import type {
  DesiredNetwork,
  EndpointSpec,
  Join,
  NetworkSpec,
  Peer,
  ReconcileReport,
  Underlay,
} from "../driver.ts";
import { mendForwards, planForwards } from "../links/forwards.ts";
import { VETH_PREFIX, vethName } from "../links/names.ts";
import type { ObservedLink } from "../../lib/linux/net/observe.ts";
import type { NetOp } from "../../lib/linux/net/ops.ts";
import { Firewall } from "../nft/firewall.ts";
import { portsOf, TUNNELLED_PORT_TABLE } from "../nft/port_table.ts";
import { Siblings } from "../nft/siblings.ts";
import { type Elements, merged } from "../nft/table.ts";
import { Mutex } from "../../lib/async/mutex.ts";
import { explainEncryption } from "./explain.ts";
import { reconcileMembers } from "./members.ts";
import { BRIDGE, isEncrypted, namespaceId, overlayMtu, overlayOptions } from "./options.ts";
import { type NamespaceTools, OverlayNamespace } from "./overlay_namespace.ts";
import { PeerEntries } from "./peer_entries.ts";
import { type OverlayShape, planPort } from "./plan.ts";
import { ENCRYPTED_PORT, tunnelAddress } from "./tunnel/address.ts";
import type { Tunnel } from "./tunnel/tunnel.ts";

/** Tools that all overlays of a host share. */
export interface OverlayTools extends NamespaceTools {
  underlay(): Underlay | undefined;
  /** UDP port of VXLAN. */
  port: number;
  /** Carries encrypted networks. */
  tunnel: Tunnel;
}

/** An overlay network on this host. */
export class OverlayNetwork {
  readonly #tools: OverlayTools;
  /** The network's, or what a stray namespace has of it. */
  readonly #id: string;
  readonly #namespace: OverlayNamespace;
  readonly #entries: PeerEntries;
  readonly #firewall: Firewall;
  readonly #serial = new Mutex();
  /** Names of the members' veths, which keep the namespace in use; `undefined`: not read from the kernel yet. */
  #members: Set<string> | undefined;
  readonly #siblings = new Siblings();
  #peers: Peer[] = [];
  /** Its shape when it was last looked at; `undefined`: this daemon hasn't yet. */
  #shape: OverlayShape | undefined;

  constructor(tools: OverlayTools, network: string) {
    this.#tools = tools;
    this.#id = network;
    this.#namespace = new OverlayNamespace(tools, namespaceId(network));
    this.#entries = new PeerEntries(tools.runner, (endpoints) => this.#announce(endpoints));
    this.#firewall = new Firewall(tools.runner, [TUNNELLED_PORT_TABLE], () => this.#namespace.path);
  }

  /** Announces to the members on this host where endpoints are now. */
  #announce(endpoints: EndpointSpec[]): Promise<void> {
    return this.#tools.links.announce(endpoints, BRIDGE, this.#namespace.path);
  }

  /** The shape that the overlay should have. @throws {NetsvcError} `unavailable` without an underlay */
  async #shapeOf(network: NetworkSpec): Promise<OverlayShape> {
    const { tunnel, port } = this.#tools;
    if (isEncrypted(network)) {
      const underlay = await tunnel.open().catch((error) => {
        throw explainEncryption(error, network);
      });
      return this.#shape = { network, underlay, port: ENCRYPTED_PORT, socket: tunnel.path };
    }
    const underlay = this.#tools.underlay();
    if (underlay) return this.#shape = { network, underlay, port };
    throw new NetsvcError(
      "unavailable",
      `Cannot bring up network "${network.name}": this host has no address that other hosts reach; ` +
        `give the daemon one with --advertise`,
    );
  }

  /** Joins an endpoint; the first one brings the overlay up on this host. */
  async join(network: NetworkSpec, join: Join): Promise<void> {
    const { runner, links } = this.#tools;
    const shape = await this.#shapeOf(network);
    const mtu = overlayMtu(network, shape.underlay);
    const enter = (first: NetOp[] = []) =>
      links.enter(
        network,
        join,
        {
          plan: (netns) => ({ first, ...planPort(network, { join, mtu, netns }) }),
          namespace: this.#namespace.path,
        },
      );
    try {
      const first = await this.#serial.run(async () => {
        const members = await this.#look();
        const running = members.size > 0 && this.#namespace.isThere;
        members.add(vethName(join.endpoint.id));
        if (running) {
          // Members must not look for a peer that moves here at its old place.
          if (this.#isPeer(join.endpoint.id)) await this.#applyPeers(shape);
          return undefined;
        }
        const state = await this.#open(shape, await this.#namespace.links());
        return await this.#namespace.run(shape, () => enter(state));
      });
      const entered = first ?? await enter();
      const here = this.#namespace.path;
      await Promise.all([
        entered.configure(),
        this.#firewall.change({
          add: merged([ownElements(network, join), this.#siblings.add(join)]),
        }),
        isLearning(network)
          ? undefined
          : runner.apply(planForwards(runner, [join.endpoint], here), here),
        this.#announce([join.endpoint]),
        first ? this.#serial.run(() => this.#applyPeers(shape)) : undefined,
      ]);
    } catch (error) {
      await this.leave(join.endpoint.id).catch(() => {}); // The first failure counts.
      throw error;
    }
  }

  /** Removes an endpoint; with the last one the overlay is removed from this host too. */
  async leave(endpoint: string): Promise<void> {
    const name = vethName(endpoint);
    await this.#unplug(name);
    await this.#serial.run(async () => {
      const members = await this.#look();
      members.delete(name);
      if (members.size === 0) return await this.#close();
      const lent = this.#siblings.remove(endpoint);
      await this.#firewall.change({ remove: merged([this.#firewall.about(`"${name}"`), lent]) });
      // The endpoint has moved to another host, and the store said so before it left here.
      if (this.#shape && this.#isPeer(endpoint)) await this.#applyPeers(this.#shape);
    });
  }

  /** Removes a member's link, together with those of others that leave at the same time. */
  async #unplug(name: string): Promise<void> {
    if (!this.#namespace.isThere) return;
    await this.#tools.links.delete(name, this.#namespace.path).catch((error) => {
      // The namespace may have been removed meanwhile, and all links with it.
      if (this.#namespace.isThere) throw error;
    });
  }

  /** Removes the overlay from this host. */
  close(): Promise<void> {
    return this.#serial.run(() => this.#close());
  }

  async #close(): Promise<void> {
    this.#members = new Set();
    this.#siblings.set([]);
    this.#peers = [];
    this.#entries.distrust();
    await this.#namespace.close(this.#firewall.startEmpty());
    await this.#tools.tunnel.share(this.#id, undefined);
    this.#shape = undefined;
  }

  /** Replaces the list of endpoints on other hosts. */
  setPeers(network: NetworkSpec, peers: Peer[]): Promise<void> {
    return this.#serial.run(async () => {
      this.#peers = peers;
      const members = await this.#look();
      if (members.size === 0 || !this.#namespace.isThere) return;
      await this.#applyPeers(this.#shape ?? await this.#shapeOf(network));
    });
  }

  /** The members; a new daemon reads them from the kernel. */
  async #look(): Promise<Set<string>> {
    return this.#members ??= new Set(
      (await this.#namespace.links()).map(({ ifname }) => ifname)
        .filter((name) => name?.startsWith(VETH_PREFIX)),
    );
  }

  #isPeer(endpoint: string): boolean {
    return this.#peers.some((peer) => peer.endpoint.id === endpoint);
  }

  async #open(shape: OverlayShape, links: ObservedLink[]): Promise<NetOp[]> {
    if (!this.#namespace.isThere) await this.#firewall.startEmpty();
    const { state, fresh } = await this.#namespace.open(shape, links);
    if (fresh) this.#entries.startEmpty();
    return state;
  }

  async #applyPeers({ network, underlay }: OverlayShape): Promise<number> {
    const members = await this.#look();
    // An endpoint that is joined here is reached here, whatever the store said last.
    const peers = this.#peers.filter(({ endpoint }) => !members.has(vethName(endpoint.id)));
    const { path } = this.#namespace;
    if (!isEncrypted(network)) return await this.#entries.apply(path, peers, underlay.address);
    const inside = peers.flatMap((peer) =>
      peer.host === undefined ? [] : [{ ...peer, vtep: tunnelAddress(peer.host) }]
    );
    await this.#tools.tunnel.share(network.id, new Set(inside.map(({ host }) => host!)));
    return await this.#entries.apply(path, inside, underlay.address);
  }

  /** Compares the whole overlay with the kernel and repairs the difference. */
  reconcile(
    { network, joins, peers }: DesiredNetwork,
    report: ReconcileReport,
    thorough: boolean,
  ): Promise<void> {
    return this.#serial.run(async () => {
      const shape = await this.#shapeOf(network);
      this.#peers = peers;
      this.#members = new Set(joins.map(({ endpoint }) => vethName(endpoint.id)));
      const links = await this.#namespace.links();
      const state = await this.#open(shape, links);
      if (state.length > 0) {
        const { runner } = this.#tools;
        await this.#namespace.run(shape, () => runner.apply(state, this.#namespace.path));
        report.mended.push(`Mended the tunnel of network "${network.name}"`);
      }
      this.#namespace.setOffload(network);
      const own = merged([
        ...joins.map((join) => ownElements(network, join)),
        this.#siblings.set(joins),
      ]);
      if (await this.#firewall.reconcile(own)) {
        report.mended.push(`Put up the nftables table of network "${network.name}"`);
      }
      const { path } = this.#namespace;
      const seen = { shape, path, links };
      await reconcileMembers(this.#tools, { ...seen, joins, report, thorough });
      if (!isLearning(network)) {
        await mendForwards(this.#tools.runner, joins.map(({ endpoint }) => endpoint), path);
      }
      this.#entries.distrust();
      const changed = await this.#applyPeers(shape);
      if (changed > 0 && state.length === 0) {
        report.mended.push(`Mended ${changed} entries of peers of network "${network.name}"`);
      }
    });
  }
}

/** Whether the bridge learns MACs from what containers send. */
function isLearning({ options }: NetworkSpec): boolean {
  return overlayOptions(options).spoofing === "allow";
}

/** The elements that bind an endpoint's bridge port to its addresses. */
function ownElements(network: NetworkSpec, { endpoint }: Join): Partial<Elements> {
  return portsOf(endpoint, { free: isLearning(network), ipv6: network.ipv6 });
}
