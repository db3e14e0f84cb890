/**
 * What resolvers answer from, kept up to date by changes: a copy of the state's names that may live in another thread
 * than the state. Pure.
 *
 * @module
 */
import type { View } from "./view.ts";
import { Zone, type ZoneFacts, type ZoneService } from "./zone.ts";

/** What a container's resolver answers from. */
export interface ViewFacts {
  /** Ids of the container's networks, in the order of its interfaces. */
  networks: string[];
  /** Its own aliases for services. */
  links: View["links"];
  /** Whether other names are forwarded. */
  external: boolean;
}

/**
 * One change; plain data, so that it can be sent to a worker as it is. A zone comes before its services, and both come
 * before the view that names it.
 */
export type NamesChange =
  /** A network's zone begins anew, without services; or is no longer needed. */
  | { type: "zone"; network: string; zone?: ZoneFacts }
  /** A service is new, or has changed; or is gone. */
  | { type: "service"; network: string; id: string; service?: ZoneService }
  /** A container has other networks or aliases; or none at all. */
  | { type: "view"; container: string; view?: ViewFacts };

const EMPTY: View = { networks: [], links: [], external: false };

/** The names of all networks that containers of this host are on. */
export class Names {
  readonly #zones = new Map<string, Zone>();
  readonly #views = new Map<string, View>();

  /** Takes changes, in order. */
  apply(changes: readonly NamesChange[]): void {
    for (const change of changes) {
      if (change.type === "zone") this.#putZone(change.network, change.zone);
      else if (change.type === "service") {
        this.#zones.get(change.network)?.put(change.id, change.service);
      } else this.#putView(change.container, change.view);
    }
  }

  /** The view of a container; the same object until the container's own networks or aliases change. */
  view(container: string): View {
    return this.#views.get(container) ?? EMPTY;
  }

  /** The zone of a network, if a container of this host is on it. */
  zone(network: string): Zone | undefined {
    return this.#zones.get(network);
  }

  #putZone(network: string, facts: ZoneFacts | undefined): void {
    const zone = this.#zones.get(network);
    if (!facts) this.#zones.delete(network);
    // The same object: views refer to it.
    else if (zone) zone.reset(facts);
    else this.#zones.set(network, new Zone(facts));
  }

  #putView(container: string, facts: ViewFacts | undefined): void {
    if (!facts) {
      this.#views.delete(container);
      return;
    }
    const { networks, links, external } = facts;
    const zones = networks.map((id) => this.#zones.get(id)).filter((zone) => zone !== undefined);
    this.#views.set(container, { networks: zones, links, external });
  }
}

/** A number that is another one whenever an answer of the view may be. */
export function versionOf({ networks }: View): number {
  let sum = 0;
  for (const { version } of networks) sum += version;
  return sum;
}
