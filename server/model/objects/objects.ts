/**
 * Turns changes of entries into changes of objects, and decides which of the shared store's changes are accepted.
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
import type { Change } from "../../../kv/store.ts";
import type { ContainerRecord } from "../container.ts";
import type { NetworkRecord, ServiceRecord } from "../records.ts";
import { containerRecords } from "../repository/containers.ts";
import { networkRecords } from "../repository/networks.ts";
import { serviceRecords } from "../repository/services.ts";
import { fits, ServiceTable } from "./service_table.ts";
import { ContainerTable, NetworkTable, type Replaced } from "./tables.ts";

const log = getLogger(["netsvc", "store"]);

/** An object that changed. */
export interface ObjectChange extends Replaced<NetworkRecord | ServiceRecord | ContainerRecord> {
  type: "network" | "service" | "container";
  id: string;
}

/** Networks, services with their endpoints, containers. */
export class Objects {
  readonly networks: NetworkTable = new NetworkTable();
  readonly containers: ContainerTable = new ContainerTable();
  readonly services: ServiceTable;

  /** @param hostId of this host */
  constructor(hostId: string) {
    this.services = new ServiceTable(hostId);
  }

  /**
   * Takes a change of an entry; it changes no object, one, or a service and its endpoints.
   *
   * @param own whether it is this host's own store that changed
   */
  take(change: Change, own: boolean): ObjectChange[] {
    if (!own && !this.mayShare(change)) return [];
    // The removal of an object that was never accepted changes nothing.
    return this.#take(change).filter(({ before, after }) => before || after);
  }

  /**
   * Whether this host accepts a change of the shared store: no other host may change this host's own objects, be it by
   * the same id or by a part of them; and addresses must be within their network's subnets.
   */
  mayShare(change: Change): boolean {
    const key = change.type === "put" ? change.entry.key : change.key;
    const [kind, first = "", second = ""] = key.split("/");
    if (kind === "containers") return false;
    const network = this.networks.records.get(first)?.record;
    if (network?.scope === "local") return false;
    if (kind !== "services" && kind !== "endpoints") return true;
    const of = this.services.networkOf(kind, second);
    if (of !== undefined && of !== first) return false;
    if (change.type === "delete" || !network) return true;
    const read = kind === "services" ? serviceRecords.read : serviceRecords.readEndpoint;
    const record = read(change.entry)?.record;
    if (record === undefined) return kind === "services"; // It counts as gone.
    if (fits(record, network)) return true;
    log.warn("The record {key} of the store is left out: it has an address outside of its subnet", {
      key: JSON.stringify(key),
    });
    return false;
  }

  #take(change: Change): ObjectChange[] {
    const key = change.type === "put" ? change.entry.key : change.key;
    const entry = change.type === "put" ? change.entry : undefined;
    const id = key.slice(key.lastIndexOf("/") + 1);
    switch (key.slice(0, key.indexOf("/"))) {
      case "networks":
        return [{
          ...{ type: "network", id },
          ...this.networks.put(id, entry && networkRecords.read(entry)),
        }];
      case "services":
        return this.services.putService(id, entry && serviceRecords.read(entry))
          .map((change) => ({ type: "service", ...change }));
      case "endpoints":
        return this.services.putEndpoint(id, entry && serviceRecords.readEndpoint(entry))
          .map((change) => ({ type: "service", ...change }));
      case "containers":
        return [{
          ...{ type: "container", id },
          ...this.containers.put(id, entry && containerRecords.read(entry)),
        }];
      default:
        return [];
    }
  }
}
