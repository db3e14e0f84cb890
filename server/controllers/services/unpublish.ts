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
import { decideAndCommit, together, tryAgain } from "../../model/transaction.ts";
import { type Context, networkAndDriver } from "../context.ts";
import { backendContainer, containerLabel } from "../labels.ts";
import { macOf } from "./mac.ts";
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
    const { mode } = currentService(this.#context.state, id).record;
    const commit = async () => {
      if (mode === "single") await this.commit(id);
      else await this.#commitMany(id);
    };
    await this.releasing(id, () => this.#context.locks.service(id, commit));
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

  /**
   * Takes a service with many backends out of the store, and endpoints of it whose hosts are gone. Attaching another
   * moves the network's fence, which is read before its endpoints are.
   *
   * @throws {NetsvcError} `in_use` when a container backs it
   */
  async #commitMany(id: string): Promise<void> {
    const { state } = this.#context;
    await tryAgain(async () => {
      const stored = currentService(state, id);
      const { network: on } = stored.record;
      const network = networkAndDriver(this.#context, on).network.record;
      const mirror = state.mirrorOf(network);
      const fenced = await networkRecords.get(mirror.store, on);
      if (!fenced) return { conflict: network.name };
      this.#checkUnbacked(stored.record, undefined);
      const parts = (await serviceRecords.list(mirror.store, on)).filter(({ record }) =>
        record.of === id
      );
      for (const { record: { backend } } of parts) {
        // Attached meanwhile, and not known here yet.
        const { hostId, container } = backend!;
        const lives = hostId === state.hostId
          ? state.containers.has(container)
          : state.members.has(on, hostId);
        if (lives) return { conflict: stored.record.name };
      }
      for (const part of parts) {
        const outcome = await this.#ipams.releasing(
          network,
          part.record.addresses,
          () => mirror.commit(serviceRecords.remove(part, network)),
        );
        if (!outcome.ok) return { conflict: outcome.failed };
      }
      const outcome = await mirror.commit(together(
        serviceRecords.remove(stored, network),
        networkRecords.unpublished(fenced),
        // Its address, where it had one: as that of any other service.
        stored.record.mode === "vip"
          ? retiredRecords.put(mirror, { ...stored.record, mac: macOf(id) }, now())
          : {},
        { puts: [networkRecords.moveFence(on, id)] },
      ));
      return outcome.ok ? { done: undefined } : { conflict: outcome.failed };
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
