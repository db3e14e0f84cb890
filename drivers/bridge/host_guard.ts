/**
 * netsvc's nftables tables in the host's namespace, shared by all that contribute to them: the bridges, the
 * overlays, and the daemon with its knowledge of the cluster.
 *
 * @module
 */
import { canonicalAddress } from "../../lib/ip/text.ts";
import { Firewall } from "../nft/firewall.ts";
import { PORT_TABLE } from "../nft/port_table.ts";
import type { Elements } from "../nft/table.ts";
import type { Runner } from "../../lib/linux/tools/runner.ts";
import { HOST_TABLE } from "./rules.ts";

/** A TCP port at an address. */
export interface HostPort {
  /** IPv4 or IPv6, without prefix length. */
  address: string;
  port: number;
}

const isSix = (address: string) => address.includes(":");

/** The tables, and the elements that stand in them independently of the networks. */
export class HostGuard {
  readonly firewall: Firewall;

  constructor(runner: Runner) {
    this.firewall = new Firewall(runner, [HOST_TABLE, PORT_TABLE]);
  }

  /**
   * Accepts VXLAN packets of these networks from these hosts only, and of encrypted ones from none: theirs come by the
   * tunnel, which isn't in this namespace.
   *
   * @param ports UDP ports of VXLAN
   * @param vnis of the networks, and of those among them that are encrypted
   */
  setVteps(
    ports: number[],
    addresses: string[],
    vnis: { all: number[]; encrypted: number[] },
  ): Promise<void> {
    const all = addresses.map(canonicalAddress);
    return this.firewall.stand({
      vxlan: new Set(ports.map(String)),
      vnis: new Set(vnis.all.map(String)),
      encrypted: new Set(vnis.encrypted.map(String)),
      vteps4: new Set(all.filter((address) => !isSix(address))),
      vteps6: new Set(all.filter(isSix)),
    });
  }

  /**
   * Keeps containers from these endpoints of the store, and from the same ports of the host itself: the
   * store may be here, and answer at all of its addresses.
   */
  setStore(endpoints: HostPort[]): Promise<void> {
    const all = endpoints.map(({ address, port }) => ({
      address: canonicalAddress(address),
      port,
    }));
    const text = (six: boolean) =>
      new Set(
        all.filter(({ address }) => isSix(address) === six)
          .map(({ address, port }) => `${address} . ${port}`),
      );
    const ports = new Set(all.map(({ port }) => String(port)));
    return this.firewall.stand({ store4: text(false), store6: text(true), store_ports: ports });
  }

  /** Sets the families that the host forwards for netsvc alone. */
  setOurs(families: string[]): Promise<void> {
    return this.firewall.stand({ ours: new Set(families) });
  }

  /** Sets the names of bridges that belong to other owners. */
  async setOthers(names: string[]): Promise<void> {
    const known = this.firewall.standing.others ?? new Set();
    if (known.size === names.length && names.every((name) => known.has(`"${name}"`))) return;
    await this.firewall.stand({
      others: new Set(names.map((name) => `"${name}"`)),
      bridged: new Set(names.map((name) => `"${name}" . "${name}"`)),
    });
  }

  /** The elements that stand independently of the networks. */
  get standing(): Partial<Elements> {
    return this.firewall.standing;
  }
}
