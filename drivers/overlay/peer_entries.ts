/**
 * The kernel's entries for one overlay's peers, kept as they should be.
 *
 * @module
 */
import { NetsvcError } from "../../lib/api/errors.ts";
import type { EndpointSpec, Peer } from "../driver.ts";
import type { Runner } from "../../lib/linux/tools/runner.ts";
import { showForwards, showNeighbours } from "../../lib/linux/net/observe.ts";
import { movedEndpoints, noPeers, type PeerTable, planPeers, readTable, tableOf } from "./peers.ts";

/** Entries of the tunnel, the bridge and the neighbour table of an overlay's namespace. */
export class PeerEntries {
  readonly #runner: Runner;
  readonly #moved: (endpoints: EndpointSpec[]) => void;
  /** The kernel's entries as last known; `undefined`: not read yet, or no longer certain. */
  #table: PeerTable | undefined;

  /** @param moved called with endpoints whose addresses had another MAC before, or none */
  constructor(runner: Runner, moved: (endpoints: EndpointSpec[]) => void) {
    this.#runner = runner;
    this.#moved = moved;
  }

  /** The tunnel is new: it has no entries. */
  startEmpty(): void {
    this.#table = noPeers();
  }

  /** Has the entries read from the kernel before the next change. */
  distrust(): void {
    this.#table = undefined;
  }

  /**
   * Changes the entries in a namespace to those of `peers`; tells how many changed.
   *
   * @param underlay this host's address
   * @throws {NetsvcError} `unsupported` about peers that can't be reached, after all others are done
   */
  async apply(namespace: string, peers: Peer[], underlay: string): Promise<number> {
    const { table, unreachable } = tableOf(peers, underlay);
    const sure = this.#table;
    let changed: number;
    try {
      changed = await this.#change(namespace, sure ?? await this.#read(namespace), table);
    } catch (error) {
      if (!sure) throw error;
      // Another program changed the kernel's tables.
      changed = await this.#change(namespace, await this.#read(namespace), table);
    }
    const [peer] = unreachable;
    if (!peer) return changed;
    throw new NetsvcError(
      "unsupported",
      `Cannot reach ${unreachable.length} services on the host at ${peer.vtep} from this one at ` +
        `${underlay}: give all daemons --advertise addresses of one family`,
    );
  }

  async #change(namespace: string, seen: PeerTable, wanted: PeerTable): Promise<number> {
    const { forwards, neighbours } = planPeers(seen, wanted);
    this.#table = undefined;
    // Two tools, so the operations run side by side.
    await Promise.all([forwards, neighbours].map((ops) => this.#runner.apply(ops, namespace)));
    this.#table = wanted;
    await this.#moved(movedEndpoints(seen, wanted));
    return forwards.length + neighbours.length;
  }

  async #read(namespace: string): Promise<PeerTable> {
    const [forwards, neighbours] = await Promise.all([
      showForwards(this.#runner, namespace),
      showNeighbours(this.#runner, namespace),
    ]);
    return readTable(forwards, neighbours);
  }
}
