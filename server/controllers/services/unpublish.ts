/**
 * Unpublishes services.
 *
 * @module
 */
import { NetsvcError } from "../../../lib/api/errors.ts";
import type { Ipams } from "../../drivers/ipam/ipams.ts";
import { now } from "../../model/identity.ts";
import type { ServiceRecord } from "../../model/records.ts";
import { networkRecords } from "../../model/repository/networks.ts";
import { retiredRecords } from "../../model/repository/retired.ts";
import { serviceRecords } from "../../model/repository/services.ts";
import { decideAndCommit, together } from "../../model/transaction.ts";
import { type Context, networkAndDriver } from "../context.ts";
import { backendContainer, containerLabel } from "../labels.ts";
import { currentService, elsewhere, serviceLabel } from "./service_labels.ts";

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

  /** Ends a service; addresses that a plugin gave are released. */
  async releasing<T>(id: string, end: () => Promise<T>): Promise<T> {
    const { record } = currentService(this.#context.state, id);
    const { network } = networkAndDriver(this.#context, record.network);
    return await this.#ipams.releasing(network.record, record.addresses, end);
  }

  /**
   * Takes a service out of the store; the caller holds its lock.
   *
   * @param unplugged a container of this host that may still back it: the caller detaches that one afterwards
   * @throws {NetsvcError} `in_use` when another one backs it
   */
  async commit(id: string, unplugged?: string): Promise<ServiceRecord> {
    const { state } = this.#context;
    const on = currentService(state, id).record.network;
    const { record: network } = networkAndDriver(this.#context, on).network;
    const mirror = state.mirrorOf(network);
    return await decideAndCommit(mirror, () => {
      const stored = currentService(state, id);
      const { record } = stored;
      this.#checkUnbacked(record, unplugged);
      // A driver gave these addresses to one attachment only.
      const addresses = network.ipam?.driver === "null" ? [] : record.addresses;
      const transaction = together(
        serviceRecords.remove(stored, network),
        retiredRecords.put(mirror, { ...record, addresses }, now()),
        { puts: [networkRecords.moveFence(on, id)] },
      );
      return { transaction, result: record };
    });
  }

  #checkUnbacked(service: ServiceRecord, unless: string | undefined): void {
    const live = this.#context.state.backendsOf(service)[0];
    if (!live || (live.hostId === this.#context.hostId && live.container === unless)) return;
    throw new NetsvcError(
      "in_use",
      `Cannot unpublish service "${serviceLabel(this.#context.state, service)}": the container ` +
        `"${containerLabel(backendContainer(live))}"${elsewhere(this.#context, live)} backs it; ` +
        `detach it first or use -f`,
    );
  }
}
