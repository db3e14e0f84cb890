/**
 * Backends: a container is plugged into a service, and unplugged.
 *
 * @module
 */
import type { Join } from "../../../drivers/driver.ts";
import { InterfaceTaken } from "../../../drivers/links/links.ts";
import { allowIpv6 } from "../../sandbox/netns.ts";
import { serviceRecords } from "../../model/repository/services.ts";
import type { NetworkRecord, ServiceRecord } from "../../model/records.ts";
import { errorChain } from "../../../lib/api/errors.ts";
import { shortId } from "../../../lib/api/names.ts";
import type { LinkAlias, PublishService } from "../../../lib/api/types.ts";
import { together } from "../../model/transaction.ts";
import { Attempts } from "./attempts.ts";
import { checkDetachable, decideBackend, type Decided, type Wishes } from "./rules.ts";
import { type Context, log, networkAndDriver, tryAgain } from "../context.ts";
import { gatewayService, gatewayService6, joinOf } from "./driver_specs.ts";
import { plugIn } from "./interfaces.ts";
import { InDoubt } from "../../model/in_doubt.ts";
import { legPlan } from "./uplink.ts";
import type { Networks } from "../networks/networks.ts";
import { type Driven, driven } from "../../drivers/network_spec.ts";
import type { Owner, Publication, Settled } from "../services/publish.ts";
import type { Services } from "../services/services.ts";

/** Controller of backends. */
export class Attachments {
  readonly #context: Context;
  readonly #services: Services;
  readonly #networks: Networks;
  readonly #attempts: Attempts;
  /** Services whose publishing was given up, with the containers that they were for. */
  readonly #late: InDoubt<string>;

  constructor(context: Context, services: Services, networks: Networks) {
    this.#context = context;
    this.#services = services;
    this.#networks = networks;
    this.#attempts = new Attempts(context, services);
    this.#late = new InDoubt(
      context.state,
      "service",
      (service, container) => this.#endLate(service, container),
    );
  }

  /**
   * Publishes a service with its backend, for those who hold the lock of the container; neither stays
   * when the other fails.
   */
  async publishHere(
    request: PublishService,
    owner: Owner,
    container: string,
    aliases: LinkAlias[] = [],
    wishes: Wishes = {},
  ): Promise<ServiceRecord> {
    const publication = await this.#services.publishing.prepare(request, owner);
    await this.#awaitNetwork(publication.network);
    const leading = gatewayService(this.#context, container);
    let id: string | undefined;
    try {
      const service = await this.#services.publishing.provide(publication, (settled) => {
        id = settled.id;
        return this.#context.locks.service(
          id,
          () => this.#publishLocked(settled, publication, container, aliases, wishes),
        );
      });
      await this.#passOn(leading, container);
      await this.#settleLeg(container);
      this.#attempts.checkStands(service);
      return service;
    } catch (error) {
      if (id !== undefined) await this.#takeBack(id, container, error);
      throw error;
    }
  }

  async #publishLocked(
    settled: Settled,
    publication: Publication,
    container: string,
    aliases: LinkAlias[],
    wishes: Wishes,
  ): Promise<ServiceRecord> {
    const lost = new Set<string>();
    const { driver, network } = publication;
    return await tryAgain(() =>
      driver.change(async (changes) => {
        const attempt = await this.#services.publishing.inTurn(network.id, async () => {
          const first = this.#services.publishing.decide(publication, lost, settled);
          const { service, ...then } = this.#decide(first.service, container, aliases, wishes);
          const transaction = together(
            serviceRecords.create(service, first.network),
            first.transaction,
            then.transaction,
          );
          const attempt = this.#attempts.begin({ service, transaction }, changes);
          await attempt.halves.committed.catch(() => {}); // It is the next one's turn.
          return attempt;
        });
        const outcome = await this.#attempts.finish(attempt, changes);
        if ("conflict" in outcome) lost.add(outcome.conflict);
        return outcome;
      })
    );
  }

  /** Ends a service that failed half way; it is for a container whose lock is held. */
  async #takeBack(id: string, container: string, error: unknown): Promise<void> {
    const { state } = this.#context;
    const service = state.services.get(id)?.record;
    if (!service) return this.#late.note(id, container, error);
    // Somebody on another host has made it his own.
    if (service.backend && service.backend.container !== container) return;
    try {
      if (service.backend) await this.detachHere(id, undefined, true);
    } catch (cause) {
      log.error("Cannot undo an attachment: {cause}", { cause: errorChain(cause).join(": ") });
    }
    try {
      if (state.services.has(id)) await this.#services.unpublish(id);
    } catch (cause) {
      log.error("Cannot take back a service: {cause}", { cause: errorChain(cause).join(": ") });
    }
  }

  /** What has come late is what it was when it was given up, or somebody else's by now. */
  async #endLate(id: string, container: string): Promise<void> {
    await this.#context.locks.container(container, async () => {
      const service = this.#context.state.services.get(id)?.record;
      if (service?.backend?.container === container) await this.endHere(id);
    });
  }

  /** Attaches for those who hold the lock of the container. */
  async attachHere(
    id: string,
    container: string,
    aliases: LinkAlias[] = [],
    wishes: Wishes = {},
  ): Promise<ServiceRecord> {
    const leading = gatewayService(this.#context, container);
    const service = await this.#attachGated(id, container, aliases, wishes);
    try {
      await this.#passOn(leading, container);
      await this.#settleLeg(container);
      this.#attempts.checkStands(service);
    } catch (error) {
      await this.#undoHere(service, container);
      throw error;
    }
    return service;
  }

  /** Takes an attachment back, for those who hold the lock of the container. */
  async #undoHere({ id }: ServiceRecord, container: string): Promise<void> {
    const { state } = this.#context;
    try {
      if (state.services.get(id)?.record.backend?.container === container) {
        await this.detachHere(id, undefined, true);
      } else await this.#settleLeg(container); // What it had is the converger's to unplug.
    } catch (cause) {
      log.error("Cannot undo an attachment: {cause}", { cause: errorChain(cause).join(": ") });
    }
  }

  /** A network that is just being made must be there before anything is plugged into it. */
  async #awaitNetwork({ name }: NetworkRecord): Promise<void> {
    await this.#context.locks.networkName(name, () => Promise.resolve());
  }

  async #attachGated(
    id: string,
    container: string,
    aliases: LinkAlias[],
    wishes: Wishes = {},
  ): Promise<ServiceRecord> {
    const on = this.#services.current(id).record.network;
    const { network } = networkAndDriver(this.#context, on);
    await this.#awaitNetwork(network.record);
    return await this.#context.locks.service(
      id,
      () => this.#attachLocked(id, container, aliases, wishes),
    );
  }

  /**
   * Gives a container the leg that its networks need for a way out, or takes it: for those who don't
   * hold the container's lock, after what other hosts did to its networks.
   */
  async settleLeg(container: string): Promise<void> {
    if (legPlan(this.#context, container) === "keep") return;
    await this.#context.locks.container(container, () => this.#settleLeg(container));
  }

  async #settleLeg(container: string): Promise<void> {
    const plan = legPlan(this.#context, container);
    if (plan === "keep") return;
    if (plan !== "give") return await this.endHere(plan.take.id);
    const network = await this.#networks.ensureGateway();
    const name = shortId(container);
    // Half done by one that died: it goes on from there.
    const service = this.#services.named(network.id, name)?.record;
    if (service) await this.#attachGated(service.id, container, []);
    else {
      const owner: Owner = { auto: container, leg: true };
      await this.publishHere({ name, network: network.id }, owner, container);
    }
  }

  #attachLocked(
    id: string,
    container: string,
    aliases: LinkAlias[],
    wishes: Wishes,
  ): Promise<ServiceRecord> {
    return tryAgain(() => {
      const { network } = this.#services.current(id).record;
      const { driver } = this.#driven(network);
      return driver.change(async (changes) => {
        const stored = this.#services.current(id);
        const { service, ...then } = this.#decide(stored.record, container, aliases, wishes);
        const { record: on } = networkAndDriver(this.#context, network).network;
        const transaction = together(
          serviceRecords.replace(stored, service, on),
          then.transaction,
        );
        const attempt = this.#attempts.begin({ service, transaction }, changes);
        try {
          return await this.#attempts.finish(attempt, changes);
        } catch (error) {
          // The next attempt sees the link that was in the way, and takes another name.
          if (!(error instanceof InterfaceTaken)) throw error;
          return { conflict: `the interface ${attempt.join.interface}` };
        }
      });
    });
  }

  #decide(
    service: ServiceRecord,
    container: string,
    aliases: LinkAlias[],
    wishes: Wishes,
  ): Decided {
    return decideBackend(this.#context, this.#services, service, container, aliases, wishes);
  }

  /** Makes the link of a backend of this host as it should be, whoever has changed it. */
  async mend(id: string): Promise<void> {
    const { locks, state, namespaces } = this.#context;
    const network = state.services.get(id)?.record.network;
    if (network === undefined) return;
    const of = this.#driven(network);
    if (of.driver.capabilities.external) return; // What a plugin has plugged in is its own.
    await locks.service(id, async () => {
      const service = state.services.get(id)?.record;
      const { backend } = service ?? {};
      if (backend?.hostId !== state.hostId || !namespaces.alive(backend.container)) return;
      allowIpv6(namespaces.path(backend.container), backend.interface);
      const join = await plugIn(this.#context, service!);
      if (of.spec.scope === "global") this.#context.joined.set(of, join);
    });
  }

  /** Detaches for those who hold the lock of the container, if it is one of this host. */
  async detachHere(
    id: string,
    wanted: { id: string; name?: string } | undefined,
    force: boolean,
  ): Promise<void> {
    const { locks, state } = this.#context;
    const { backend, leg } = this.#services.current(id).record;
    const left = await locks.service(id, () => this.#detachLocked(id, wanted, force));
    if (left?.gateway || left?.gateway6) await this.#moveGateway(left.sandbox.id);
    if (leg || backend?.hostId !== state.hostId || !state.containers.has(backend.container)) return;
    await this.#settleLeg(backend.container);
  }

  /**
   * Ends a service with the backend that it has on this host, if any, for those who hold the lock of the
   * container.
   *
   * @param beside done as soon as the store has it, beside the unplugging
   */
  async endHere(id: string, beside: () => Promise<void> = () => Promise.resolve()): Promise<void> {
    const { backend, leg } = this.#services.current(id).record;
    const container = backend?.container;
    const gone = Promise.withResolvers<void>();
    const ending = this.#services.unpublishing.releasing(
      id,
      () => this.#context.locks.service(id, () => this.#endLocked(id, gone.resolve)),
    );
    ending.catch(gone.reject);
    const [ended, done] = await Promise.allSettled([ending, gone.promise.then(beside)]);
    if (ended.status === "rejected") throw ended.reason;
    if (done.status === "rejected") throw done.reason;
    if (container === undefined) return;
    if (ended.value?.gateway) await this.#moveGateway(container);
    if (!leg && this.#context.state.containers.has(container)) await this.#settleLeg(container);
  }

  /** Returns how it was joined, if it was joined here. */
  async #endLocked(id: string, gone: () => void): Promise<Join | undefined> {
    const { hostId, joined: known } = this.#context;
    const { record } = this.#services.current(id);
    const own = record.backend?.hostId === hostId ? record.backend.container : undefined;
    const join = own === undefined ? undefined : joinOf(this.#context, record);
    const { driver, spec: network } = this.#driven(record.network);
    await driver.change(async (changes) => {
      await this.#services.unpublishing.commit(id, own);
      known.delete(id); // The converger has waited for the lock, and finds nothing to unplug.
      gone();
      if (join) await changes.leave(network, join);
    }, join && { network, join });
    return join;
  }

  /** Returns how it was joined, if it was joined here. */
  async #detachLocked(
    id: string,
    wanted: { id: string; name?: string } | undefined,
    force: boolean,
  ): Promise<Join | undefined> {
    const { hostId, joined } = this.#context;
    const before = this.#services.current(id).record;
    const check = (service: ServiceRecord) =>
      checkDetachable(this.#context, this.#services, service, wanted, force);
    if (before.backend?.hostId !== hostId) return void await this.#attempts.commitDetach(id, check);
    // As it was joined: gateway and ports are lost with the backend.
    const join = joinOf(this.#context, before);
    const of = this.#driven(before.network);
    await of.driver.change(async (changes) => {
      // From now on it is not the converger's to unplug.
      joined.delete(id);
      await this.#attempts.commitDetach(id, check).catch((error) => {
        if (of.spec.scope === "global") joined.set(of, join);
        throw error;
      });
      await changes.leave(of.spec, join);
    }, { network: of.spec, join });
    return join;
  }

  /** One that has come may be the one that leads out from now on: it takes over from who did before. */
  async #passOn(before: ServiceRecord | undefined, container: string): Promise<void> {
    if (!before || gatewayService(this.#context, container)?.id === before.id) return;
    const { driver, spec } = this.#driven(before.network);
    const { ports } = this.#context.state.containers.get(container)!.record;
    const join: Join = { ...joinOf(this.#context, before), gateway: true, ports };
    await driver.unpublish(spec, join);
    await this.#moveGateway(container);
  }

  /** Gives the default routes and the ports of a sandbox to the next of its networks. */
  async #moveGateway(container: string): Promise<void> {
    const { locks, namespaces } = this.#context;
    const next = [gatewayService, gatewayService6].map((find) =>
      find(this.#context, container)?.id
    );
    for (const id of new Set(next)) {
      const service = this.#context.state.services.get(id ?? "")?.record;
      if (!service || !namespaces.alive(container)) continue;
      const { driver, spec } = this.#driven(service.network);
      await locks.service(service.id, async () => {
        const now = this.#context.state.services.get(service.id)?.record;
        if (now?.backend?.container !== container) return;
        await driver.join(spec, joinOf(this.#context, now));
      });
    }
  }

  /** A network by its id, as its driver is called. */
  #driven(id: string): Driven {
    const { network, driver } = networkAndDriver(this.#context, id);
    return driven(driver, network.record);
  }
}
