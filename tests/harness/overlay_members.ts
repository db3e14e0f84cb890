/**
 * Endpoints of one overlay on several hosts, for tests of the overlay driver.
 *
 * @module
 */
import type { Join, NetworkSpec, Peer } from "../../drivers/driver.ts";
import { namespaceId } from "../../drivers/overlay/options.ts";
import { newJoin } from "../../drivers/testing/case.ts";
import { run } from "./command.ts";
import type { DriverHost } from "./driver_host.ts";
import { TestUnderlay } from "./underlay.ts";

/** Who is joined where; tells the drivers as the controllers would. */
export class Members {
  readonly underlay: TestUnderlay;
  readonly network: NetworkSpec;
  readonly at = new Map<Join, number>();
  #serial = 0;

  constructor(underlay: TestUnderlay, network: NetworkSpec) {
    this.underlay = underlay;
    this.network = network;
  }

  host(n: number): DriverHost {
    return this.underlay.hosts[n]!;
  }

  peersOf(n: number): Peer[] {
    return [...this.at].filter(([, host]) => host !== n)
      .map(([{ endpoint }, host]) => (
        { endpoint, vtep: this.underlay.address(host), host: this.underlay.members[host]!.id }
      ));
  }

  joinsOf(n: number): Join[] {
    return [...this.at].filter(([, host]) => host === n).map(([join]) => join);
  }

  /** Joins a new endpoint on a host, and tells all. */
  async join(n: number): Promise<Join> {
    const join = newJoin(this.network, await this.host(n).sandbox(), ++this.#serial);
    await this.host(n).driver.join(this.network, join);
    this.at.set(join, n);
    await this.tell();
    return join;
  }

  /** Tells hosts (all unless given) who is on the others. */
  async tell(hosts: number[] = [...this.underlay.hosts.keys()]): Promise<void> {
    for (const n of hosts) await this.host(n).driver.setPeers(this.network, this.peersOf(n));
  }

  reconcile(n: number) {
    return this.host(n).driver.reconcile([
      { network: this.network, joins: this.joinsOf(n), peers: this.peersOf(n) },
    ]);
  }

  /** Whether a join reaches another by all of its addresses. */
  async reaches(from: Join, to: Join): Promise<boolean> {
    const host = this.host(this.at.get(from)!);
    const all = await Promise.all(
      to.endpoint.addresses.map((address) => host.reaches(from.sandbox, address.split("/")[0]!)),
    );
    return all.every(Boolean);
  }

  /** Runs a command in the network's namespace on a host. */
  inside(n: number, argv: string[]) {
    const path = this.host(n).parts.namespaces.path(namespaceId(this.network.id));
    return run(argv, { namespace: path });
  }
}

/** An underlay with an overlay on it. */
export async function overlay(
  hosts: number,
  options: { family?: 4 | 6; mtu?: number; network?: Record<string, string> } = {},
): Promise<Members & AsyncDisposable> {
  const underlay = await TestUnderlay.create(hosts, options);
  const members = new Members(underlay, underlay.hosts[0]!.network(options.network));
  return Object.assign(members, { [Symbol.asyncDispose]: () => underlay[Symbol.asyncDispose]() });
}

/** Whether a packet of `size` bytes, IP header and all, crosses whole. */
export function crosses(from: Join, address: string, size: number) {
  const headers = address.includes(":") ? 40 + 8 : 20 + 8;
  return run(["ping", "-c1", "-W3", "-M", "do", "-s", String(size - headers), address], {
    namespace: from.sandbox.path,
  });
}
