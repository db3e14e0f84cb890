/**
 * One attachment, in store and kernel.
 *
 * @module
 */
import type { Decided as Decision, Join, NetworkSpec } from "../../../drivers/driver.ts";
import { serviceRecords } from "../../model/repository/services.ts";
import type { ServiceRecord } from "../../model/records.ts";
import { NetsvcError } from "../../../lib/api/errors.ts";
import type { Decided } from "./rules.ts";
import { type Context, decideAndCommit, networkAndDriver } from "../context.ts";
import { joinOf, peersOf } from "./driver_specs.ts";
import { type Driven, driven } from "../../drivers/network_spec.ts";
import type { Changes } from "../../drivers/noted_driver.ts";
import { begin, finish, type Halves } from "../../drivers/side_by_side.ts";
import type { Services } from "../services/services.ts";

/** An attachment that is under way in store and kernel. */
export interface Attempt {
  service: ServiceRecord;
  spec: NetworkSpec;
  join: Join;
  halves: Halves<Decision | void>;
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

  /** @param changes what the driver is called by */
  begin({ service, transaction }: Decided, changes: Changes): Attempt {
    const { of, join } = this.driven(service);
    const mirror = this.#context.state.mirrorOf(of.spec);
    const halves = begin(
      () => mirror.commit(transaction),
      () => this.#join(of, join, changes),
    );
    return { service, spec: of.spec, join, halves };
  }

  /**
   * Ends what was begun: both have succeeded, or neither stays. Nor does it where the service or its
   * network was ended meanwhile, from this host or another.
   */
  finish(
    { service, spec, join, halves }: Attempt,
    changes: Changes,
  ): Promise<{ done: ServiceRecord } | { conflict: string }> {
    return finish(halves, {
      what: `the attachment of service "${service.name}"`,
      confirm: async (decision) => {
        this.checkStands(service);
        return await this.#noteDecided(service, decision ?? undefined);
      },
      undoMake: async () => {
        this.#context.joined.delete(join.endpoint.id);
        await changes.leave(spec, join);
      },
      undoCommit: () => this.#undoCommit(service),
    });
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
  async #join({ driver, spec }: Driven, join: Join, changes: Changes): Promise<Decision | void> {
    const decision = await changes.join(spec, join);
    if (spec.scope === "global") {
      this.#context.joined.set({ driver, spec }, join);
      await changes.setPeers(spec, peersOf(this.#context, spec.id));
    }
    return decision;
  }

  /** Keeps what a driver decided when it joined: the way out, addresses that netsvc gave none of. */
  async #noteDecided(
    service: ServiceRecord,
    decision: Decision | undefined,
  ): Promise<ServiceRecord> {
    const { wayOut } = decision ?? {};
    const addresses = service.addresses.length > 0 ? [] : decision?.addresses ?? [];
    const { network } = networkAndDriver(this.#context, service.network);
    const differs = wayOut !== undefined && wayOut !== "own" && !network.record.internal;
    if (!differs && addresses.length === 0) return service;
    return await decideAndCommit(this.#context.state.mirrorOf(network.record), () => {
      const stored = this.#services.current(service.id);
      const { record } = stored;
      const next: ServiceRecord = {
        ...record,
        ...addresses.length > 0 && { addresses },
        backend: { ...record.backend!, ...differs && { wayOut } },
      };
      return { transaction: serviceRecords.replace(stored, next, network.record), result: next };
    });
  }

  /** Takes the backend of a service out of the store. */
  commitDetach(id: string, check: (service: ServiceRecord) => void): Promise<void> {
    const { state } = this.#context;
    const { network } = networkAndDriver(
      this.#context,
      this.#services.current(id).record.network,
    );
    return decideAndCommit(state.mirrorOf(network.record), () => {
      const stored = this.#services.current(id);
      const { record } = stored;
      check(record);
      const { backend: _, ...rest } = record;
      // What a plugin gave it gave to this attachment.
      const given = network.record.ipam?.driver === "null" ? record.addresses : [];
      const service = { ...rest, ...given.length > 0 && { addresses: [] } };
      const transaction = serviceRecords.replace(stored, service, network.record);
      return { transaction, result: undefined };
    });
  }
}
