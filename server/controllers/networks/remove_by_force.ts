/**
 * Removes networks with all their services.
 *
 * @module
 */
import { NetsvcError } from "../../../lib/api/errors.ts";
import type { Removed } from "../../../lib/api/types.ts";
import type { NetworkRecord } from "../../model/records.ts";
import { tryAgain } from "../../model/transaction.ts";
import type { Context } from "../context.ts";
import { type Progress, ServiceEnds } from "../services/service_ends.ts";
import type { Services } from "../services/services.ts";
import type { ForcedRemoval, RemoveNetworks, Unpublish } from "./remove.ts";

/** A removal under way. */
interface Forced {
  removal: Promise<Removed>;
  listeners: Set<Progress>;
}

/** Removals by force: callers that ask for one that is under way get the same answer. */
export class ForcedRemovals implements ForcedRemoval {
  readonly #context: Context;
  readonly #services: Services;
  readonly #removal: Pick<RemoveNetworks, "remove">;
  /** By network. */
  readonly #forced = new Map<string, Forced>();

  constructor(context: Context, services: Services, removal: Pick<RemoveNetworks, "remove">) {
    this.#context = context;
    this.#services = services;
    this.#removal = removal;
  }

  /** Ends all services of a network, then removes it. */
  remove(
    record: NetworkRecord,
    unpublish: Unpublish,
    progress: Progress = () => {},
  ): Promise<Removed> {
    const { id } = record;
    const known = this.#forced.get(id);
    if (known) {
      known.listeners.add(progress);
      return known.removal.finally(() => known.listeners.delete(progress));
    }
    const listeners = new Set([progress]);
    const tell: Progress = (done, total) => {
      for (const listener of listeners) listener(done, total);
    };
    const removal = this.#endAndRemove(record, unpublish, tell)
      .finally(() => this.#forced.delete(id));
    this.#forced.set(id, { removal, listeners });
    return removal;
  }

  async #endAndRemove(
    record: NetworkRecord,
    unpublish: Unpublish,
    progress: Progress,
  ): Promise<Removed> {
    const ends = new ServiceEnds(this.#context, this.#services, record, unpublish, progress);
    const { external } = this.#context.drivers.get(record.driver).capabilities;
    try {
      await tryAgain(async () => {
        await ends.run(record.ipam !== undefined || external);
        try {
          await this.#removal.remove(record);
        } catch (error) {
          // Another service was published meanwhile.
          if (!(error instanceof NetsvcError) || error.code !== "in_use") throw error;
          return { conflict: record.name };
        }
        return { done: undefined };
      });
    } catch (error) {
      if (ends.done === 0 || !(error instanceof NetsvcError)) throw error;
      throw new NetsvcError(
        error.code,
        `Cannot remove network "${record.name}": ${error.message}; ${ends.done} of its services are ` +
          `ended already, and doing it again goes on from there`,
        { cause: error.cause },
      );
    }
    return { name: record.name, cut: ends.cut };
  }
}
