/**
 * One attachment, in store and kernel.
 *
 * @module
 */
import type { Join } from "../../../drivers/driver.ts";
import type { CommitResult } from "../../../kv/store.ts";
import { lostBackendKeys } from "../../cluster/cluster.ts";
import { keys } from "../../model/keys.ts";
import type { ServiceRecord } from "../../model/records.ts";
import { errorChain, NetsvcError } from "../../../lib/api/errors.ts";
import type { Decided } from "./rules.ts";
import { type Context, decideAndCommit, log, networkAndDriver } from "../context.ts";
import { joinOf, peersOf } from "./driver_specs.ts";
import { driven } from "../networks/networks.ts";
import { type Driven, unplug } from "../../drivers/managed_driver.ts";
import { type Services, withService } from "../services/services.ts";

/** An attachment that is under way in store and kernel. */
export interface Attempt {
  service: ServiceRecord;
  of: Driven;
  join: Join;
  committed: Promise<CommitResult>;
  joined: Promise<void>;
}

/** Writes both, for those who hold the lock of the service. */
export class Attempts {
  readonly #context: Context;
  readonly #services: Services;

  constructor(context: Context, services: Services) {
    this.#context = context;
    this.#services = services;
  }

  /** Whose a service's link is, and how it is joined. */
  driven(service: ServiceRecord): { of: Driven; join: Join } {
    const { network, driver } = networkAndDriver(this.#context, service.network);
    return { of: driven(driver, network.record), join: joinOf(this.#context, service) };
  }

  /**
   * Store and kernel are written side by side: neither needs the other's answer, what one refuses is
   * taken back from the other, and after a crash between the two the reconciler goes by the store.
   */
  begin({ service, transaction }: Decided, of: Driven, join: Join): Attempt {
    const mirror = this.#context.state.mirrorOf(of.network);
    const committed = mirror.commit(withService(transaction, service));
    const joined = this.#plug(of, join);
    for (const work of [committed, joined]) work.catch(() => {}); // Heard of when both are known.
    return { service, of, join, committed, joined };
  }

  /**
   * Ends what was begun: both have succeeded, or neither stays. Nor does it where somebody has ended the
   * service or its network meanwhile, from this host or another.
   */
  async finish(
    { service, of, join, ...work }: Attempt,
    keep: () => void,
  ): Promise<{ done: ServiceRecord } | { conflict: string }> {
    const [committed, joined] = await Promise.allSettled([work.committed, work.joined]);
    const won = committed.status === "fulfilled" && committed.value.ok;
    try {
      if (won && joined.status === "fulfilled") {
        this.checkStands(service);
        return { done: await this.#noteDecided(service, keep) };
      }
    } catch (error) {
      await this.#undoAttach(of, join, keep);
      await this.#undoCommit(service);
      throw error;
    }
    await this.#undoAttach(of, join, keep);
    if (won) await this.#undoCommit(service);
    // What was decided on an old state may well have failed.
    if (committed.status === "fulfilled" && !committed.value.ok) {
      return { conflict: committed.value.failed };
    }
    throw joined.status === "rejected"
      ? joined.reason
      : (committed as PromiseRejectedResult).reason;
  }

  /** Takes the backend out of the store again, unless somebody has done so, or given it to another. */
  async #undoCommit(service: ServiceRecord): Promise<void> {
    if (this.#isStanding(service)) await this.commitDetach(service.id, () => {});
  }

  #isStanding({ id, network, backend }: ServiceRecord): boolean {
    const { state } = this.#context;
    const now = state.services.get(id)?.record.backend;
    return state.networks.has(network) && now?.hostId === backend?.hostId &&
      now?.container === backend?.container && now?.attached === backend?.attached;
  }

  /** @throws {NetsvcError} `not_found`, `conflict` when others have ended what was attached */
  checkStands(service: ServiceRecord): void {
    if (this.#isStanding(service)) return;
    const { state } = this.#context;
    const network = state.networks.get(service.network)?.record;
    const label = this.#services.label(service);
    if (!network) {
      throw new NetsvcError(
        "not_found",
        `No such service: "${service.name}"; its network was removed while the container was being ` +
          `attached`,
      );
    }
    const now = state.services.get(service.id)?.record;
    if (!now) {
      throw new NetsvcError(
        "not_found",
        `No such service: "${label}"; it was unpublished while the container was being attached`,
      );
    }
    throw new NetsvcError(
      "conflict",
      `The service "${label}" was ${
        now.backend ? `given to host "${now.backend.host}"` : "detached by somebody else"
      } while the container was being attached; try again`,
    );
  }

  /** Makes the kernel join, on a network of many hosts with what it has to know of them. */
  async #plug(of: Driven, join: Join): Promise<void> {
    const { driver, network, spec } = of;
    await driver.join(spec, join);
    if (network.scope !== "global") return;
    this.#context.joined.set(of, join);
    await driver.setPeers(spec, peersOf(this.#context, spec.id));
  }

  async #undoAttach(of: Driven, join: Join, keep: () => void): Promise<void> {
    this.#context.joined.delete(join.endpoint.id);
    this.#context.plugins.decided.delete(join.endpoint.id);
    await unplug(of, join, keep).catch((cause) => {
      keep();
      log.error("Cannot undo a join: {cause}", { cause: errorChain(cause).join(": ") });
    });
  }

  /** Keeps what a plugin decided when it was joined: the way out, addresses that netsvc gave none of. */
  async #noteDecided(service: ServiceRecord, keep: () => void): Promise<ServiceRecord> {
    const { state, plugins } = this.#context;
    const decided = plugins.decided.get(service.id);
    plugins.decided.delete(service.id);
    const { wayOut } = decided ?? {};
    const addresses = service.addresses.length > 0 ? [] : decided?.addresses ?? [];
    const { network } = networkAndDriver(this.#context, service.network);
    const differs = wayOut !== undefined && wayOut !== "own" && !network.record.internal;
    if (!differs && addresses.length === 0) return service;
    try {
      return await decideAndCommit(state.mirrorOf(network.record), () => {
        const { record, revision } = this.#services.current(service.id);
        const next: ServiceRecord = {
          ...record,
          ...addresses.length > 0 && { addresses },
          backend: { ...record.backend!, ...differs && { wayOut } },
        };
        const key = keys.service(record.network, record.id);
        const owned = addresses.map((a) => keys.address(record.network, a.split("/")[0]!));
        return {
          transaction: {
            checks: [{ key, revision }, ...owned.map((key) => ({ key, revision: null }))],
            puts: [
              { key, value: JSON.stringify(next) },
              ...owned.map((key) => ({ key, value: JSON.stringify(record.id) })),
            ],
          },
          result: next,
        };
      });
    } catch (error) {
      keep();
      throw error;
    }
  }

  /** Takes the backend of a service out of the store. */
  commitDetach(id: string, check: (service: ServiceRecord) => void): Promise<void> {
    const { state } = this.#context;
    const { network } = networkAndDriver(
      this.#context,
      this.#services.current(id).record.network,
    );
    return decideAndCommit(state.mirrorOf(network.record), () => {
      const { record, revision } = this.#services.current(id);
      check(record);
      const { backend: _, ...rest } = record;
      // What a plugin gave it gave to this attachment.
      const given = network.record.ipam?.driver === "null" ? record.addresses : [];
      const service = { ...rest, ...given.length > 0 && { addresses: [] } };
      const key = keys.service(record.network, id);
      return {
        transaction: {
          checks: [{ key, revision }],
          puts: [{ key, value: JSON.stringify(service) }],
          deletes: [
            ...lostBackendKeys(network.record, record),
            ...given.map((a) => keys.address(record.network, a.split("/")[0]!)),
          ],
        },
        result: undefined,
      };
    });
  }
}
