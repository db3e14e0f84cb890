/**
 * Derives from the state what each sandbox's resolver answers. A network's zone is built once per change, however
 * many sandboxes see it.
 *
 * @module
 */
import { Signal } from "../../../lib/async/signal.ts";
import { buildZone, type NetworkZone } from "./zone.ts";
import type { View } from "./view.ts";
import type { BackendRecord, ServiceRecord } from "../../model/records.ts";
import type { State, StateChange } from "../../model/state.ts";
import { shortId, splitServiceReference } from "../../../lib/api/names.ts";
import { DEFAULT_SETTINGS } from "../../../lib/api/settings/settings.ts";

/** Builds and caches zones and views. */
export class Views {
  readonly #state: State;
  readonly #ttl: number;
  readonly #zones = new Map<string, NetworkZone>();
  /** Containers whose view has changed since it was last announced. */
  readonly #stale = new Set<string>();
  /**
   * Announces the containers whose view has changed: once at the end of a turn of the event loop, however many
   * changes come in it.
   */
  readonly changed: Signal<readonly string[]> = new Signal();

  /** @param ttl time to live of answers, in seconds, where the network has no option `ttl` */
  constructor(state: State, ttl: number = DEFAULT_SETTINGS.dnsTtl) {
    this.#state = state;
    this.#ttl = ttl;
    // Never unsubscribed: views last as long as the state.
    state.subscribe((changes) => {
      const idle = this.#stale.size === 0;
      for (const id of this.#invalidate(changes)) this.#stale.add(id);
      if (idle && this.#stale.size > 0) queueMicrotask(() => this.#tell());
    });
  }

  /** Drops what a change made stale; returns the containers whose view has changed. */
  #invalidate(changes: StateChange[]): Set<string> {
    const affected = new Set<string>();
    const networks = new Set<string>();
    for (const change of changes) {
      if (change.type === "network" || change.type === "member") networks.add(change.id);
      if (change.type !== "service") continue;
      for (const record of [change.before, change.after] as (ServiceRecord | undefined)[]) {
        if (!record) continue;
        networks.add(record.network);
        if (record.backend) affected.add(record.backend.container);
      }
    }
    for (const network of networks) {
      this.#zones.delete(network);
      for (const { record } of this.#state.servicesOf(network)) {
        if (record.backend) affected.add(record.backend.container);
      }
    }
    return affected;
  }

  #tell(): void {
    const stale = [...this.#stale];
    this.#stale.clear();
    this.changed.emit(stale);
  }

  /** The view of a container's resolver. */
  view(container: string): View {
    const services = this.#state.servicesBackedBy(container).map(({ record }) => record)
      .filter(({ leg }) => !leg);
    const networks = [...new Set(services.map(({ network }) => network))];
    // Outside names are a path to the outside too: only containers that have one may ask for them (CVE-2024-29018).
    const external = networks.some((id) => this.#state.networks.get(id)?.record.internal === false);
    return {
      networks: networks.map((id) => this.#zone(id)),
      links: services.flatMap(({ backend }) =>
        backend!.aliases.map(({ alias, service }) => {
          const target = splitServiceReference(service);
          return { alias, service: target.service, network: target.network! };
        })
      ),
      external,
    };
  }

  #zone(id: string): NetworkZone {
    let zone = this.#zones.get(id);
    if (zone) return zone;
    const network = this.#state.networks.get(id)?.record;
    zone = buildZone({
      name: network?.name ?? id,
      ttl: Number(network?.options["ttl"] ?? this.#ttl),
      subnets: network?.pools.map(({ subnet }) => subnet) ?? [],
      services: this.#state.servicesOf(id).map(({ record: { name, aliases, ...service } }) => ({
        name,
        aliases,
        endpoints: this.#state.attachedEndpointsOf(service).map((endpoint) => ({
          addresses: endpoint.addresses.map((address) => address.split("/")[0]!),
          ports: this.#ports(service, endpoint.backend),
          containerNames: [endpoint.backend.containerName, shortId(endpoint.backend.container)]
            .filter((name) => name !== undefined),
          ...endpoint.backend.containerHostname !== undefined &&
            { hostname: endpoint.backend.containerHostname },
        })),
      })),
    });
    this.#zones.set(id, zone);
    return zone;
  }

  /** The ports that the service declares, otherwise those that its container publishes. */
  #ports({ ports }: Pick<ServiceRecord, "ports">, { container }: BackendRecord) {
    if (ports.length > 0) return ports;
    const published = this.#state.containers.get(container)?.record.ports ?? [];
    return published.map(({ containerPort, protocol }) => ({ port: containerPort, protocol }));
  }
}
