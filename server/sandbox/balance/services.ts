/**
 * The services with an address of their own that this host knows, and what tables should have of each.
 *
 * @module
 */
import { balanceElements } from "../../../drivers/balance/plan.ts";
import type { Elements } from "../../../drivers/nft/table.ts";
import { bareAddress } from "../../../lib/ip/text.ts";
import type { ServiceRecord } from "../../model/records.ts";
import type { State } from "../../model/state.ts";

/** Follows no change by itself: {@linkcode note} is told. */
export class AddressedServices {
  readonly #state: State;
  readonly #on = new Map<string, Set<string>>();
  /** Until the service changes: the same object is the same elements. */
  readonly #elements = new Map<string, Partial<Elements>>();

  constructor(state: State) {
    this.#state = state;
    for (const { record } of state.services.values()) this.note(record.id, record.network);
  }

  /** Networks with such services. */
  get networks(): Iterable<string> {
    return this.#on.keys();
  }

  /** Ids of those of a network. */
  of(network: string): ReadonlySet<string> {
    return this.#on.get(network) ?? new Set();
  }

  /** A service has changed, or its endpoints; tells whether it has an address of its own, or had. */
  note(id: string, network: string): boolean {
    const isNow = this.#state.services.get(id)?.record.mode === "vip";
    const known = this.#on.get(network);
    if (!isNow && !known?.has(id)) return false;
    this.#elements.delete(id);
    if (isNow && !known) this.#on.set(network, new Set([id]));
    else if (isNow) known!.add(id);
    else known!.delete(id);
    if (known?.size === 0) this.#on.delete(network);
    return true;
  }

  /** What tables should have of one; `undefined` where it has no address of its own. */
  elementsOf(record: ServiceRecord): Partial<Elements> | undefined {
    if (record.mode !== "vip") return undefined;
    const known = this.#elements.get(record.id);
    if (known) return known;
    const elements = balanceElements({
      addresses: record.addresses.map(bareAddress),
      ports: record.ports.map(({ protocol, port, target = port }) => ({ protocol, port, target })),
      backends: this.#state.attachedEndpointsOf(record)
        .filter(({ draining }) => draining === undefined)
        .map(({ addresses, weight = 1 }) => ({ addresses: addresses.map(bareAddress), weight })),
    });
    this.#elements.set(record.id, elements);
    return elements;
  }
}
