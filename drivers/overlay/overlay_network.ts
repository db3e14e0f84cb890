/**
 * One overlay network on this host: its namespace, which is there as long as something is joined.
 *
 * @module
 */
import { NetsvcError } from "../../server/wire/errors.ts";
import type {
  DesiredNetwork,
  Join,
  NamespaceKeeper,
  NetworkSpec,
  Peer,
  ReconcileReport,
  Underlay,
} from "../driver.ts";
import { setChecksumOffload } from "../kernel/ethtool.ts";
import { writeFileSync } from "../kernel/libc.ts";
import { forAll } from "../links/for_all.ts";
import type { Links } from "../links/links.ts";
import { VETH_PREFIX, vethName } from "../links/names.ts";
import {
  linksByName,
  type ObservedLink,
  sandboxEndIsRight,
  vethIsRight,
} from "../links/observe.ts";
import type { Runner } from "../runner.ts";
import { Serial } from "../serial.ts";
import { explain, isClash } from "./explain.ts";
import { BRIDGE, namespaceId, overlayMtu, overlayOptions, TUNNEL } from "./options.ts";
import {
  noPeers,
  type ObservedForward,
  type ObservedNeighbour,
  type PeerTable,
  planPeers,
  readTable,
  tableOf,
} from "./peers.ts";
import { type OverlayShape, planMtu, planOpening, planPort, planTunnel } from "./plan.ts";

/** A tunnel of a namespace that is just going away has its VNI for this much longer, in ms. */
const CLASH_MS = 2_000, CLASH_POLL_MS = 50;

/** What overlays work with. */
export interface OverlayTools {
  runner: Runner;
  links: Links;
  namespaces: NamespaceKeeper;
  underlay(): Underlay | undefined;
  /** UDP port of VXLAN. */
  port: number;
}

/** An overlay network on this host. */
export class OverlayNetwork {
  readonly #tools: OverlayTools;
  readonly #id: string;
  readonly #serial = new Serial();
  /** Names of the veths for whose sake the namespace is there; `undefined`: not looked yet. */
  #members: Set<string> | undefined;
  #peers: Peer[] = [];
  /** What the kernel knows of peers; `undefined`: not looked yet, or no longer sure. */
  #table: PeerTable | undefined;

  constructor(tools: OverlayTools, network: string) {
    this.#tools = tools;
    this.#id = namespaceId(network);
  }

  get #namespace(): string {
    return this.#tools.namespaces.path(this.#id);
  }

  get #isThere(): boolean {
    return this.#tools.namespaces.alive(this.#id);
  }

  /** The shape that it should have. @throws {NetsvcError} `unavailable` without an underlay */
  #shape(network: NetworkSpec): OverlayShape {
    const underlay = this.#tools.underlay();
    if (underlay) return { network, underlay, port: this.#tools.port };
    throw new NetsvcError(
      "unavailable",
      `Cannot bring up network "${network.name}": this host has no address that other hosts reach; ` +
        `give the daemon one with --advertise`,
    );
  }

  /** Plugs a sandbox in; the first one brings the overlay up on this host. */
  async join(network: NetworkSpec, join: Join): Promise<void> {
    const { links } = this.#tools;
    const shape = this.#shape(network);
    const port = planPort(join, overlayMtu(network, shape.underlay));
    const name = vethName(join.endpoint.id);
    try {
      const plugged = await this.#serial.run(async () => {
        const members = await this.#look();
        const fresh = members.size === 0;
        members.add(name);
        if (!fresh && this.#isThere) {
          // A peer that comes here must not be looked for at its old place.
          if (this.#peers.some(({ endpoint }) => endpoint.id === join.endpoint.id)) {
            await this.#applyPeers(shape);
          }
          return false;
        }
        const state = await this.#open(shape, this.#isThere ? await this.#list() : []);
        await this.#explained(
          shape,
          () => links.plug(join, { first: state, ...port }, this.#namespace),
        );
        return true;
      });
      if (!plugged) await links.plug(join, port, this.#namespace);
      await Promise.all([
        links.configure(network, join),
        plugged ? this.#serial.run(() => this.#applyPeers(shape)) : undefined,
      ]);
    } catch (error) {
      await this.leave(join.endpoint.id).catch(() => {}); // The first failure counts.
      throw error;
    }
  }

  /** Unplugs an endpoint; the last one takes the overlay along. */
  async leave(endpoint: string): Promise<void> {
    const name = vethName(endpoint);
    await this.#serial.run(async () => {
      if (this.#isThere) await this.#tools.links.delete(name, this.#namespace);
      const members = await this.#look();
      members.delete(name);
      if (members.size === 0) return await this.#close();
      if (this.#peers.some((peer) => peer.endpoint.id === endpoint)) {
        // It has gone to another host, which was known before it left here.
        const underlay = this.#tools.underlay();
        if (underlay) await this.#applyPeers({ underlay });
      }
    });
  }

  /** Removes all of it from this host. */
  close(): Promise<void> {
    return this.#serial.run(() => this.#close());
  }

  async #close(): Promise<void> {
    this.#members = new Set();
    this.#peers = [];
    this.#table = undefined;
    if (this.#isThere) {
      // The kernel clears a namespace away when it has time; the VNI must be free at once.
      await this.#tools.links.delete(TUNNEL, this.#namespace);
    }
    const { namespaces } = this.#tools;
    if (namespaces.listOwn().includes(this.#id)) await namespaces.remove(this.#id);
  }

  /** Takes these for all endpoints on other hosts. */
  setPeers(peers: Peer[]): Promise<void> {
    return this.#serial.run(async () => {
      this.#peers = peers;
      const members = await this.#look();
      const underlay = this.#tools.underlay();
      if (members.size > 0 && this.#isThere && underlay) await this.#applyPeers({ underlay });
    });
  }

  /** The members, from the kernel when the daemon is new. */
  async #look(): Promise<Set<string>> {
    return this.#members ??= new Set(
      (this.#isThere ? await this.#list() : []).map(({ ifname }) => ifname)
        .filter((name) => name.startsWith(VETH_PREFIX)),
    );
  }

  #list(): Promise<ObservedLink[]> {
    return this.#tools.links.list(this.#namespace);
  }

  /** Makes namespace and tunnel, and gives the lines that remain to be run inside. */
  async #open(shape: OverlayShape, links: ObservedLink[]): Promise<string[]> {
    const { runner, namespaces } = this.#tools;
    const plan = planOpening(links, shape);
    if (!plan) return [];
    await namespaces.create(this.#id);
    runner.within(this.#namespace, passByFirewalls);
    await runner.ip(plan.remove, this.#namespace);
    if (plan.tunnel) {
      this.#table = noPeers();
      const lines = planTunnel(shape, this.#namespace);
      await this.#explained(shape, () => this.#makeTunnel(lines));
      this.#setOffload(shape.network);
    }
    return plan.state;
  }

  async #makeTunnel(lines: string[]): Promise<void> {
    const deadline = performance.now() + CLASH_MS;
    while (true) {
      try {
        return await this.#tools.runner.ip(lines);
      } catch (error) {
        if (!isClash(error) || performance.now() > deadline) throw error;
        await new Promise((resolve) => setTimeout(resolve, CLASH_POLL_MS));
      }
    }
  }

  async #explained<T>(shape: OverlayShape, action: () => Promise<T>): Promise<T> {
    try {
      return await action();
    } catch (error) {
      const hostLinks = await this.#tools.links.list().catch(() => []);
      throw explain(error, shape, hostLinks);
    }
  }

  /** Leaves a setting alone that the network says nothing about: it may be the administrator's. */
  #setOffload({ options }: NetworkSpec): void {
    const on = overlayOptions(options).checksum_offload;
    if (on === undefined) return;
    this.#tools.runner.within(this.#namespace, () => setChecksumOffload(TUNNEL, on));
  }

  /** Brings the kernel's entries to those of the peers; tells how many changed. */
  async #applyPeers({ underlay }: { underlay: Underlay }): Promise<number> {
    const members = await this.#look();
    // Who is joined here is reached here, whatever the store said last.
    const peers = this.#peers.filter(({ endpoint }) => !members.has(vethName(endpoint.id)));
    const { table, unreachable } = tableOf(peers, underlay.address);
    const sure = this.#table;
    let changed: number;
    try {
      changed = await this.#change(sure ?? await this.#readTable(), table);
    } catch (error) {
      if (!sure) throw error;
      // Somebody changed the kernel's tables behind our back.
      changed = await this.#change(await this.#readTable(), table);
    }
    const [peer] = unreachable;
    if (!peer) return changed;
    throw new NetsvcError(
      "unsupported",
      `Cannot reach ${unreachable.length} services on the host at ${peer.vtep} from this one at ` +
        `${underlay.address}: give all daemons --advertise addresses of one family`,
    );
  }

  async #change(seen: PeerTable, wanted: PeerTable): Promise<number> {
    const { runner } = this.#tools;
    const { bridge, ip } = planPeers(seen, wanted);
    this.#table = undefined;
    await Promise.all([runner.bridge(bridge, this.#namespace), runner.ip(ip, this.#namespace)]);
    this.#table = wanted;
    return bridge.length + ip.length;
  }

  async #readTable(): Promise<PeerTable> {
    const { runner } = this.#tools;
    const [forwards, neighbours] = await Promise.all([
      runner.json<ObservedForward[]>("bridge", ["fdb", "show"], this.#namespace),
      runner.json<ObservedNeighbour[]>("ip", ["neigh", "show", "nud", "all"], this.#namespace),
    ]);
    return readTable(forwards, neighbours);
  }

  /** Compares all of it with the kernel and mends the difference. */
  reconcile(
    { network, joins, peers }: DesiredNetwork,
    report: ReconcileReport,
    thorough: boolean,
  ): Promise<void> {
    return this.#serial.run(async () => {
      const shape = this.#shape(network);
      this.#peers = peers;
      this.#members = new Set(joins.map(({ endpoint }) => vethName(endpoint.id)));
      const links = this.#isThere ? await this.#list() : [];
      const state = await this.#open(shape, links);
      if (state.length > 0) {
        await this.#explained(shape, () => this.#tools.runner.ip(state, this.#namespace));
        report.mended.push(`Mended the tunnel of network "${network.name}"`);
      }
      this.#setOffload(network);
      await this.#reconcileMembers(shape, links, { joins, report, thorough });
      this.#table = undefined;
      const changed = await this.#applyPeers(shape);
      if (changed > 0 && state.length === 0) {
        report.mended.push(`Mended ${changed} entries of peers of network "${network.name}"`);
      }
    });
  }

  async #reconcileMembers(
    { network, underlay }: OverlayShape,
    links: ObservedLink[],
    work: { joins: Join[]; report: ReconcileReport; thorough: boolean },
  ): Promise<void> {
    const { report } = work;
    const mtu = overlayMtu(network, underlay);
    const seen = linksByName(links);
    await forAll(work.joins, report, async (join) => {
      const name = vethName(join.endpoint.id);
      if (await this.#memberIsRight(seen.get(name), join, work.thorough)) {
        if (seen.get(name)!.mtu === mtu) return;
        await this.#setMtu(join, mtu);
      } else {
        await this.#tools.links.plug(join, planPort(join, mtu), this.#namespace);
        await this.#tools.links.configure(network, join);
        await this.#setMtu(join, mtu);
      }
      report.mended.push(`Mended the endpoint ${name} on network "${network.name}"`);
    });
    const strays = links.map(({ ifname }) => ifname)
      .filter((name) => name?.startsWith(VETH_PREFIX) && !this.#members!.has(name));
    await forAll(strays, report, async (name) => {
      await this.#tools.links.delete(name, this.#namespace);
      report.removed.push(`Removed the link ${name}, which belongs to nothing`);
    });
  }

  async #memberIsRight(
    link: ObservedLink | undefined,
    join: Join,
    thorough: boolean,
  ): Promise<boolean> {
    if (!vethIsRight(link, BRIDGE)) return false;
    return !thorough || sandboxEndIsRight(await this.#tools.links.list(join.sandbox.path), join);
  }

  /** The sandbox first: the end here is the one that is looked at. */
  async #setMtu(join: Join, mtu: number): Promise<void> {
    const [here, inside] = planMtu(join, mtu);
    await this.#tools.runner.ip([inside], join.sandbox.path);
    await this.#tools.runner.ip([here], this.#namespace);
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
