/**
 * The overlay driver: networks that span hosts, by VXLAN (RFC 7348).
 *
 * Per network and host with members there is a namespace with a bridge, the members' veths and a
 * VXLAN device whose UDP socket is in the host's namespace. Which endpoint is behind which host comes from the
 * store: the device learns nothing and floods nothing.
 *
 * @module
 */
import type {
  DesiredNetwork,
  Driver,
  DriverCapabilities,
  Join,
  NamespaceKeeper,
  NetworkSpec,
  Peer,
  ReconcileReport,
  Underlay,
} from "../driver.ts";
import { forAll } from "../links/for_all.ts";
import { Links } from "../links/links.ts";
import { checkMtu } from "../../lib/linux/net/mtu.ts";
import type { Runner } from "../../lib/linux/tools/runner.ts";
import { isEncrypted, NAMESPACE_ID, namespaceId, overlayOptions } from "./options.ts";
import { OverlayNetwork, type OverlayTools } from "./overlay_network.ts";
import type { Tunnel } from "./tunnel/tunnel.ts";

/** The properties of its host that the driver needs. */
export interface OverlayHost {
  /** Called anew each time; `undefined` when the host has no address that others reach. */
  underlay(): Underlay | undefined;
  /** UDP port of VXLAN, the same on all hosts. */
  overlayPort: number;
  namespaces: NamespaceKeeper;
  /** Carries encrypted networks. */
  tunnel: Tunnel;
}

/** The overlay driver of one host. */
export class OverlayDriver implements Driver {
  readonly name = "overlay";
  readonly capabilities: DriverCapabilities = {
    scope: "global",
    createsNetworks: true,
    addresses: true,
    vni: true,
    encrypts: true,
    gateway: "leg",
    exclusiveWithReconcile: true,
    external: false,
  };
  readonly #tools: OverlayTools;
  /** By namespace id, so that remains of forgotten networks have an entry too. */
  readonly #networks = new Map<string, OverlayNetwork>();
  #reconciled = false;

  constructor(runner: Runner, host: OverlayHost) {
    const { underlay, overlayPort: port, namespaces, tunnel } = host;
    this.#tools = { runner, links: new Links(runner), namespaces, underlay, port, tunnel };
  }

  #network(id: string): OverlayNetwork {
    const key = namespaceId(id);
    const known = this.#networks.get(key) ?? new OverlayNetwork(this.#tools, id);
    this.#networks.set(key, known);
    return known;
  }

  validate(options: Record<string, string>, ipv6 = false): void {
    checkMtu(overlayOptions(options).mtu, ipv6);
  }

  // A network exists only on hosts where an endpoint is joined.
  async createNetwork(_network: NetworkSpec): Promise<void> {}

  async deleteNetwork(network: NetworkSpec): Promise<void> {
    await this.#network(network.id).close();
    this.#networks.delete(namespaceId(network.id));
  }

  async join(network: NetworkSpec, join: Join): Promise<void> {
    await this.#network(network.id).join(network, join);
  }

  async leave(network: NetworkSpec, join: Join): Promise<void> {
    await this.#network(network.id).leave(join.endpoint.id);
  }

  async setPeers(network: NetworkSpec, peers: Peer[]): Promise<void> {
    await this.#network(network.id).setPeers(network, peers);
  }

  look(): Promise<string[]> {
    return this.#tools.tunnel.look();
  }

  async reconcile(desired: DesiredNetwork[], thorough = false): Promise<ReconcileReport> {
    const report: ReconcileReport = { mended: [], removed: [], failed: [] };
    const present = desired.filter(({ joins }) => joins.length > 0);
    const { tunnel } = this.#tools;
    // Before its networks, which then find the tunnel as it should be.
    await forAll({ items: [tunnel], report }, () => tunnel.reconcile());
    await forAll(
      { items: present, report },
      (one) => this.#network(one.network.id).reconcile(one, report, thorough || !this.#reconciled),
    );
    const wanted = new Set(present.map(({ network }) => namespaceId(network.id)));
    const strays = this.#tools.namespaces.listOwn()
      .filter((id) => NAMESPACE_ID.test(id) && !wanted.has(id));
    await forAll({ items: strays, report }, async (id) => {
      await this.#network(id.slice(id.indexOf("-") + 1)).close();
      report.removed.push(`Removed the namespace ${id}, which no service needs`);
    });
    const known = new Set(desired.map(({ network }) => namespaceId(network.id)));
    for (const key of this.#networks.keys()) if (!known.has(key)) this.#networks.delete(key);
    const encrypted = present.filter(({ network }) => isEncrypted(network));
    await forAll(
      { items: [tunnel], report },
      () => tunnel.settle(new Set(encrypted.map(({ network }) => network.id))),
    );
    this.#reconciled = report.failed.length === 0;
    return report;
  }
}
