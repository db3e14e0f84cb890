/**
 * All services of the store, also on networks that this daemon doesn't follow: read on request. While the store is
 * away, as they were last read.
 *
 * @module
 */
import type { Store } from "../../../kv/store.ts";
import type {
  AttachedEndpoint,
  EndpointRecord,
  MemberRecord,
  NamedService,
  ServiceRecord,
} from "../records.ts";
import { memberRecords, type NetworkMember } from "../repository/hosts.ts";
import { ReadOnce } from "../repository/record_type.ts";
import { serviceRecords, split, type StoredService } from "../repository/services.ts";
import type { State } from "../state.ts";
import { isAway } from "../../../lib/api/errors.ts";
import type { Interests } from "./subscriptions.ts";

/** A service with its endpoints that have backends on living hosts. */
export interface Listed {
  service: ServiceRecord;
  endpoints: AttachedEndpoint[];
}

/** The directory of services. */
export class Directory {
  readonly #state: State;
  readonly #interests: Interests;
  readonly #store: Store;
  /** The last result for networks that aren't followed. */
  #last: readonly Listed[] = [];
  /** What the last result was made of: where it is the same again, so is the result. */
  #made: { services: unknown; alive: unknown; listed: readonly Listed[] } | undefined;
  /** What was read last: most of it is the same when it is asked for again. */
  readonly #known = {
    services: new ReadOnce<NamedService>(),
    endpoints: new ReadOnce<EndpointRecord>(),
    members: new ReadOnce<NetworkMember>(),
  };

  constructor(state: State, interests: Interests, store: Store) {
    this.#state = state;
    this.#interests = interests;
    this.#store = store;
  }

  /** All services of all networks. */
  async services(): Promise<Listed[]> {
    const { networks } = this.#state;
    const followed = new Set(
      [...networks].filter(([id, { record }]) =>
        record.scope === "local" || this.#interests.has(id)
      ).map(([id]) => id),
    );
    const known = [...this.#state.services.values()]
      .filter(({ record }) => record.of === undefined && followed.has(record.network))
      .map(({ record }) => ({
        service: record,
        endpoints: this.#state.attachedEndpointsOf(record),
      }));
    if (followed.size === networks.size) return known;
    try {
      this.#last = await this.#read();
    } catch (error) {
      if (!isAway(error)) throw error;
    }
    return [
      ...known,
      ...this.#last.filter(({ service: { network } }) =>
        networks.has(network) && !followed.has(network)
      ),
    ];
  }

  async #read(): Promise<readonly Listed[]> {
    const [services, alive] = await Promise.all([
      serviceRecords.list(this.#store, undefined, this.#known),
      memberRecords.all(this.#store, this.#known.members),
    ]);
    const before = this.#made;
    if (before?.services === services && before.alive === alive) return before.listed;
    const listed = listedOf(services, alive);
    this.#made = { services, alive, listed };
    return listed;
  }
}

/** Services with those of their endpoints that are on living hosts. Pure. */
function listedOf(
  all: readonly StoredService[],
  alive: ReadonlyMap<string, MemberRecord>,
): Listed[] {
  const services = new Map<string, Listed>();
  // A service comes before its endpoints.
  for (const { record, endpoint } of all) {
    if (record.of === undefined && (endpoint !== null || record.mode !== "single")) {
      services.set(record.id, { service: record, endpoints: [] });
    }
    const { network, backend } = record;
    const member = backend && alive.get(`${network}/${backend.hostId}`);
    if (!member) continue;
    services.get(record.of ?? record.id)?.endpoints.push({
      ...split(record).endpoint!,
      // Its host may have had another name at the attachment.
      backend: { ...backend, host: member.name },
    });
  }
  return [...services.values()];
}
