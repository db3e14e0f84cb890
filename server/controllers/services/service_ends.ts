/**
 * Ends all services of a network by force: many in one transaction where nothing else has to be done, one after the
 * other where a container of this host has to be detached or a plugin called.
 *
 * @module
 */
import { memberRecords } from "../../model/repository/hosts.ts";
import { serviceRecords } from "../../model/repository/services.ts";
import type { StoredService } from "../../model/state.ts";
import { type Fragment, operations, together } from "../../model/transaction.ts";
import type { NetworkRecord, ServiceRecord } from "../../model/records.ts";
import { NetsvcError } from "../../../lib/api/errors.ts";
import type { Removed } from "../../../lib/api/types.ts";
import type { Context } from "../context.ts";
import { backendContainer, containerLabel } from "../labels.ts";
import type { Services } from "./services.ts";

/** Checks and deletes of one transaction: every store takes 64. */
const MAX_OPERATIONS = 60;
/** Transactions, and ends of this host's services, under way at once. */
const AT_ONCE = 4;
/** Rounds without a single end before the removal fails. */
const MAX_VAIN = 12;

/** Called with the progress. */
export type Progress = (done: number, total: number) => void;

/** A stored service, with what ends with it. */
interface Ending {
  service: ServiceRecord;
  removal: Fragment;
}

/** Groups services by what one transaction can hold. Pure. */
export function batches(endings: Ending[]): Ending[][] {
  const all: Ending[][] = [];
  let room = 0;
  for (const ending of endings) {
    const size = operations(ending.removal);
    if (size > room || all.length === 0) {
      all.push([]);
      room = MAX_OPERATIONS;
    }
    all.at(-1)!.push(ending);
    room -= size;
  }
  return all;
}

/** Runs an action for all items, a few at a time; the first failure ends it. */
async function forSome<T>(items: T[], action: (item: T) => Promise<void>): Promise<void> {
  const queue = [...items];
  const worker = async () => {
    for (let item = queue.shift(); item !== undefined; item = queue.shift()) {
      await action(item).catch((error) => {
        queue.length = 0;
        throw error;
      });
    }
  };
  const results = await Promise.allSettled(Array.from({ length: AT_ONCE }, worker));
  const failed = results.find((result) => result.status === "rejected");
  if (failed) throw failed.reason;
}

/** The end of all services of one network. A second run continues where the first stopped. */
export class ServiceEnds {
  readonly #context: Context;
  readonly #services: Services;
  readonly #network: NetworkRecord;
  readonly #unpublish: (service: string) => Promise<Removed>;
  readonly #progress: Progress;
  /** What was cut so far, in words. */
  readonly cut: string[] = [];
  #done = 0;

  /**
   * @param unpublish ends a service with all that belongs to it
   * @param progress called again and again
   */
  constructor(
    context: Context,
    services: Services,
    network: NetworkRecord,
    unpublish: (service: string) => Promise<Removed>,
    progress: Progress = () => {},
  ) {
    this.#context = context;
    this.#services = services;
    this.#network = network;
    this.#unpublish = unpublish;
    this.#progress = progress;
  }

  /** Number of services that have ended. */
  get done(): number {
    return this.#done;
  }

  /** @param oneByOne no two services end in one transaction: a plugin is told of each one */
  async run(oneByOne: boolean): Promise<void> {
    const { id } = this.#network;
    const { store } = this.#context.state.mirrorOf(this.#network);
    for (let vain = 0; vain < MAX_VAIN;) {
      // The services last: a service that was attached meanwhile has its host's key by then.
      const services = (await serviceRecords.list(store, id))
        .filter(({ record }) => record.of === undefined);
      if (services.length === 0) return;
      const alive = new Set((await memberRecords.on(store, id)).keys());
      const total = this.#done + services.length;
      this.#progress(this.#done, total);
      const before = this.#done;
      const records = services.map((stored) => ending(stored, this.#network));
      const single = records.filter(({ service }) =>
        oneByOne || service.mode !== "single" || this.#isOwn(service)
      );
      const joint = batches(records.filter((one) => !single.includes(one)));
      const told = () => this.#progress(this.#done, total);
      await forSome(joint, async (batch) => {
        await this.#end(batch, alive);
        told();
      });
      await forSome(oneByOne ? [single] : single.map((one) => [one]), async (some) => {
        for (const { service } of some) await this.#endOne(service);
        told();
      });
      vain = this.#done > before ? 0 : vain + 1;
    }
    throw new NetsvcError(
      "conflict",
      `Somebody else keeps changing the services of network "${this.#network.name}"; try again`,
    );
  }

  #isOwn({ backend }: ServiceRecord): boolean {
    const { state, hostId } = this.#context;
    return backend !== undefined && backend.hostId === hostId &&
      state.containers.has(backend.container);
  }

  async #endOne({ id }: ServiceRecord): Promise<void> {
    if (!this.#context.state.services.has(id)) return; // Gone, or not known here yet.
    const removed = await this.#unpublish(id).catch((error) => {
      if (error instanceof NetsvcError && error.code === "not_found") return undefined;
      throw error;
    });
    if (!removed) return;
    this.#done++;
    this.cut.push(...removed.cut, `service ${removed.name}`);
  }

  /** A service that was changed meanwhile keeps its whole batch: the next round looks at them again. */
  async #end(batch: Ending[], alive: Set<string>): Promise<void> {
    const mirror = this.#context.state.mirrorOf(this.#network);
    const outcome = await mirror.commit(together(...batch.map(({ removal }) => removal)));
    if (!outcome.ok) return;
    for (const { service } of batch) {
      const label = this.#services.label(service);
      const { backend } = service;
      if (backend && alive.has(backend.hostId)) {
        const host = this.#services.hostName(service, backend);
        this.cut.push(
          `${containerLabel(backendContainer(backend))} on host "${host}" from service ${label}`,
        );
      }
      this.cut.push(`service ${label}`);
    }
    this.#done += batch.length;
  }
}

/** Names and addresses end with their network: they aren't kept for returning services. */
function ending(stored: StoredService, network: NetworkRecord): Ending {
  return { service: stored.record, removal: serviceRecords.remove(stored, network) };
}
