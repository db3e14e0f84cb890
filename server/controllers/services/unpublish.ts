/**
 * Unpublishes services.
 *
 * @module
 */
import type { Transaction } from "../../../kv/store.ts";
import { NetsvcError } from "../../../lib/api/errors.ts";
import { lostBackendKeys } from "../../cluster/cluster.ts";
import type { Ipams } from "../../drivers/plugin_ipam.ts";
import { now } from "../../model/identity.ts";
import { keys } from "../../model/keys.ts";
import type { RetiredRecord, ServiceRecord } from "../../model/records.ts";
import { decideAndCommit } from "../../model/transaction.ts";
import { type Context, networkAndDriver } from "../context.ts";
import { backendContainer, containerLabel } from "../labels.ts";
import { overflow } from "./retired.ts";
import { ownedKeys } from "./service_keys.ts";
import { currentService, elsewhere, serviceLabel } from "./service_labels.ts";

/** Unpublishes services. */
export class UnpublishServices {
  readonly #context: Pick<Context, "state" | "drivers" | "locks" | "hostId">;
  readonly #ipams: Ipams;

  constructor(context: Pick<Context, "state" | "drivers" | "locks" | "hostId">, ipams: Ipams) {
    this.#context = context;
    this.#ipams = ipams;
  }

  /** Ends a service that has no backend. @throws {NetsvcError} `in_use` */
  async unpublish(id: string): Promise<void> {
    await this.releasing(
      id,
      () => this.#context.locks.service(id, async () => void await this.commit(id)),
    );
  }

  /** Ends a service; addresses that a plugin gave are given back. */
  async releasing<T>(id: string, end: () => Promise<T>): Promise<T> {
    const { record } = currentService(this.#context.state, id);
    const { network } = networkAndDriver(this.#context, record.network);
    return await this.#ipams.releasing(network.record, record.addresses, end);
  }

  /**
   * Takes a service out of the store, for those who hold its lock.
   *
   * @param unplugged a container of this host that may back it still: whoever calls unplugs it then
   * @throws {NetsvcError} `in_use` when another one backs it
   */
  async commit(id: string, unplugged?: string): Promise<ServiceRecord> {
    const { state } = this.#context;
    const on = currentService(state, id).record.network;
    const mirror = state.mirrorOf(networkAndDriver(this.#context, on).network.record);
    return await decideAndCommit(mirror, () => {
      const { record, revision } = currentService(state, id);
      this.#checkUnbacked(record, unplugged);
      const network = state.networks.get(record.network)?.record;
      const retired: RetiredRecord = {
        // What a driver gave it gave to an attachment.
        addresses: network?.ipam?.driver === "null" ? [] : record.addresses,
        mac: record.mac,
        retired: now(),
      };
      const transaction: Transaction = {
        checks: [{ key: keys.service(record.network, id), revision }],
        puts: [
          { key: keys.retired(record.network, record.name), value: JSON.stringify(retired) },
          { key: keys.networkFence(record.network), value: JSON.stringify(id) },
        ],
        deletes: [
          keys.service(record.network, id),
          ...ownedKeys(record),
          ...lostBackendKeys(network, record),
          ...overflow(mirror, record),
        ],
      };
      return { transaction, result: record };
    });
  }

  #checkUnbacked(service: ServiceRecord, unless: string | undefined): void {
    const live = this.#context.state.liveBackend(service);
    if (!live || (live.hostId === this.#context.hostId && live.container === unless)) return;
    throw new NetsvcError(
      "in_use",
      `Cannot unpublish service "${serviceLabel(this.#context.state, service)}": the container ` +
        `"${containerLabel(backendContainer(live))}"${elsewhere(this.#context, live)} backs it; ` +
        `detach it first or use -f`,
    );
  }
}
