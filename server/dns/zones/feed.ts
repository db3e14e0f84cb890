/**
 * Tells the changes of names as the state changes: of a service only that service, however many others its network
 * has. Networks without a container of this host are left out.
 *
 * @module
 */
import { Signal } from "../../../lib/async/signal.ts";
import { shortId, splitServiceReference } from "../../../lib/api/names.ts";
import { DEFAULT_SETTINGS } from "../../../lib/api/settings/settings.ts";
import { bareAddress } from "../../../lib/ip/text.ts";
import type {
  AttachedEndpoint,
  BackendRecord,
  NetworkRecord,
  ServiceRecord,
} from "../../model/records.ts";
import type { State, StateChange } from "../../model/state.ts";
import type { NamesChange, ViewFacts } from "./names.ts";
import type { ZoneEndpoint, ZoneFacts, ZoneService } from "./zone.ts";

/** What a batch of the state's changes concerns. */
interface Concerned {
  /** Networks whose own record changed. */
  networks: Set<string>;
  /** Networks of services, by service. */
  services: Map<string, string>;
  /** Containers of this host with a service that changed. */
  containers: Set<string>;
}

/** Follows the state. */
export class NamesFeed {
  readonly #state: State;
  readonly #ttl: number;
  /** What was last told of each container, as text to compare with, and its networks. */
  readonly #views = new Map<string, { networks: string[]; text: string }>();
  /** Containers on each network. */
  readonly #on = new Map<string, Set<string>>();
  /** Emits what has changed before the state's change returns, thus before a commit is answered. */
  readonly changes: Signal<readonly NamesChange[]> = new Signal();
  /** Emits the containers of this host of which a service has changed, with the same changes. */
  readonly containers: Signal<readonly string[]> = new Signal();

  /** @param ttl time to live of answers, in seconds, where the network has no option `ttl` */
  constructor(state: State, ttl: number = DEFAULT_SETTINGS.dnsTtl) {
    this.#state = state;
    this.#ttl = ttl;
    this.#move(this.#ownContainers());
    // Never unsubscribed: names last as long as the state.
    state.subscribe((changes) => this.#changed(changes));
  }

  /** Everything, for a copy that begins. */
  all(): NamesChange[] {
    return [
      ...[...this.#on.keys()].flatMap((network) => this.#wholeZone(network)),
      ...[...this.#views.keys()].map((container) => this.#viewChange(container)),
    ];
  }

  #ownContainers(): Set<string> {
    return new Set(
      [...this.#state.containers.keys()].filter((id) =>
        this.#state.servicesBackedBy(id).length > 0
      ),
    );
  }

  #changed(changes: StateChange[]): void {
    const concerned: Concerned = {
      networks: new Set(),
      services: new Map(),
      containers: new Set(),
    };
    for (const change of changes) this.#note(change, concerned);
    const { networks, services, containers } = concerned;
    // Whether names are asked for outside goes by the networks' records.
    const viewers = new Set(containers);
    for (const id of networks) for (const viewer of this.#on.get(id) ?? []) viewers.add(viewer);
    const { begun, ended, moved } = this.#move(viewers);
    const anew = new Set([...begun, ...[...networks].filter((id) => this.#on.has(id))]);
    const told: NamesChange[] = [...anew].flatMap((network) => this.#wholeZone(network));
    for (const [id, network] of services) {
      if (this.#on.has(network) && !anew.has(network)) told.push(this.#serviceChange(network, id));
    }
    told.push(...moved.map((container) => this.#viewChange(container)));
    told.push(...ended.map((network): NamesChange => ({ type: "zone", network })));
    if (told.length > 0) this.changes.emit(told);
    if (containers.size > 0) this.containers.emit([...containers]);
  }

  /** Notes what a change concerns. */
  #note({ type, id, host, before, after }: StateChange, concerned: Concerned): void {
    const { networks, services, containers } = concerned;
    if (type === "network") networks.add(id);
    else if (type === "member") {
      // A living host's backends answer, another's don't.
      for (const { record } of this.#on.has(id) ? this.#state.servicesOf(id) : []) {
        if (record.backend?.hostId === host) services.set(record.of ?? record.id, id);
      }
    } else if (type === "container") {
      // Its ports are those of services that declare none.
      for (const { record } of this.#state.servicesBackedBy(id)) {
        services.set(record.of ?? record.id, record.network);
      }
    } else {
      for (const record of [before, after] as (ServiceRecord | undefined)[]) {
        if (!record) continue;
        services.set(record.of ?? id, record.network);
        const { backend } = record;
        if (backend?.hostId === this.#state.hostId) containers.add(backend.container);
      }
    }
  }

  /** Notes which networks containers are on now; returns what began, what ended, and whose view is another. */
  #move(containers: Set<string>): { begun: string[]; ended: string[]; moved: string[] } {
    const begun = new Set<string>();
    const left = new Set<string>();
    const moved: string[] = [];
    for (const container of containers) {
      const view = this.#viewOf(container);
      const old = this.#views.get(container);
      const text = JSON.stringify(view ?? null);
      if (text === (old?.text ?? "null")) continue;
      moved.push(container);
      const networks = view?.networks ?? [];
      if (view) this.#views.set(container, { networks, text });
      else this.#views.delete(container);
      for (const network of networks) {
        const on = this.#on.get(network);
        if (on) on.add(container);
        else {
          this.#on.set(network, new Set([container]));
          begun.add(network);
        }
      }
      for (const network of old?.networks ?? []) {
        if (networks.includes(network)) continue;
        this.#on.get(network)?.delete(container);
        left.add(network);
      }
    }
    const ended = [...left].filter((network) => this.#on.get(network)?.size === 0);
    for (const network of ended) this.#on.delete(network);
    return {
      begun: [...begun].filter((network) => this.#on.has(network)),
      // What began and ended within one batch was never told.
      ended: ended.filter((network) => !begun.has(network)),
      moved,
    };
  }

  #viewOf(container: string): ViewFacts | undefined {
    const services = this.#state.servicesBackedBy(container).map(({ record }) => record)
      .filter(({ leg }) => !leg);
    if (services.length === 0) return undefined;
    const networks = [...new Set(services.map(({ network }) => network))];
    return {
      networks,
      links: services.flatMap(({ backend }) =>
        backend!.aliases.map(({ alias, service }) => {
          const target = splitServiceReference(service);
          return { alias, service: target.service, network: target.network! };
        })
      ),
      // Outside names are a path to the outside too: only containers that have one may ask for them (CVE-2024-29018).
      external: networks.some((id) => this.#state.networks.get(id)?.record.internal === false),
    };
  }

  #viewChange(container: string): NamesChange {
    const view = this.#viewOf(container);
    return { type: "view", container, ...view && { view } };
  }

  #wholeZone(network: string): NamesChange[] {
    return [
      { type: "zone", network, zone: this.#zoneFacts(network) },
      ...this.#state.servicesOf(network).filter(({ record }) => record.of === undefined)
        .map(({ record }) => this.#serviceChange(network, record.id)),
    ];
  }

  #zoneFacts(id: string): ZoneFacts {
    const network: NetworkRecord | undefined = this.#state.networks.get(id)?.record;
    return {
      name: network?.name ?? id,
      ttl: Number(network?.options["ttl"] ?? this.#ttl),
      subnets: network?.pools.map(({ subnet }) => subnet) ?? [],
    };
  }

  #serviceChange(network: string, id: string): NamesChange {
    const record = this.#state.services.get(id)?.record;
    if (record?.network !== network) return { type: "service", network, id };
    return { type: "service", network, id, service: this.#service(record) };
  }

  #service(record: ServiceRecord): ZoneService {
    const { name, aliases, mode } = record;
    const isMany = mode !== "single";
    return {
      name,
      aliases,
      endpoints: this.#state.attachedEndpointsOf(record).map((endpoint) => ({
        ...this.#endpoint(record, endpoint),
        ...isMany && { weight: endpoint.weight ?? 1 },
        ...endpoint.draining !== undefined && { draining: true },
      })),
      ...isMany && { many: true },
      ...mode === "vip" && {
        vip: { addresses: record.addresses.map(bareAddress), ports: record.ports },
      },
    };
  }

  #endpoint(record: ServiceRecord, { addresses, backend }: AttachedEndpoint): ZoneEndpoint {
    return {
      addresses: addresses.map(bareAddress),
      ports: this.#ports(record, backend),
      containerNames: [backend.containerName, shortId(backend.container)]
        .filter((name) => name !== undefined),
      ...backend.containerHostname !== undefined && { hostname: backend.containerHostname },
    };
  }

  /** The ports that the service declares, otherwise those that its container publishes, where it is this host's. */
  #ports({ ports }: Pick<ServiceRecord, "ports">, { container, hostId }: BackendRecord) {
    if (ports.length > 0) {
      return ports.map(({ target, ...own }) =>
        target === undefined ? own : { ...own, port: target }
      );
    }
    if (hostId !== this.#state.hostId) return [];
    const published = this.#state.containers.get(container)?.record.ports ?? [];
    return published.map(({ containerPort, protocol }) => ({ port: containerPort, protocol }));
  }
}
