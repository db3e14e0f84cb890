/**
 * Backends: a container is plugged into a service, and unplugged.
 *
 * @module
 */
import type { Join } from "../../drivers/driver.ts";
import type { Transaction } from "../../kv/store.ts";
import { backendKeys, lostBackendKeys } from "../cluster/cluster.ts";
import { cidrsOverlap, parseCidr } from "../ipam/cidr.ts";
import { allowIpv6 } from "../sandbox/netns.ts";
import { keys } from "../state/keys.ts";
import type { BackendRecord, ContainerRecord, ServiceRecord } from "../state/records.ts";
import { errorChain, NetsvcError } from "../wire/errors.ts";
import { checkName, shortId, splitServiceReference } from "../wire/names.ts";
import type { AttachService, DetachService, LinkAlias, Removed, Service } from "../wire/types.ts";
import { type Context, decideAndCommit, log, networkAndDriver, now, tryAgain } from "./context.ts";
import { freeInterface, gatewayService, joinOf, peersOf } from "./endpoints.ts";
import type { Foreign } from "./foreign.ts";
import { legPlan } from "./legs.ts";
import { driven, type Networks, networkSpec } from "./networks.ts";
import { type Driven, gated, isRemote, noted, unplug } from "./plugging.ts";
import { findContainer, findNetwork } from "./references.ts";
import { backendContainer, containerLabel, type Services } from "./services.ts";

/** Controller of backends. */
export class Attachments {
  readonly #context: Context;
  readonly #services: Services;
  readonly #networks: Networks;
  #foreign: Foreign | undefined;

  constructor(context: Context, services: Services, networks: Networks) {
    this.#context = context;
    this.#services = services;
    this.#networks = networks;
  }

  /** Tells who finds containers that netsvc didn't make; they in turn attach. */
  use(foreign: Foreign): void {
    this.#foreign = foreign;
  }

  /** Plugs a container into a service. */
  async attach(reference: string, request: AttachService): Promise<Service> {
    const { locks } = this.#context;
    const service = (await this.#services.find(reference)).record;
    const container = (await this.#foreign!.find(request.container)).record;
    if (request.restart && !container.foreign) {
      throw new NetsvcError(
        "invalid",
        `Cannot follow the container "${containerLabel(container)}": netsvc's own containers are ` +
          `started once; --restart is for those of Docker and Podman`,
      );
    }
    const aliases = (request.aliases ?? []).map((link) => this.#checkLink(link, service));
    try {
      return await locks.run(`container:${container.id}`, async () => {
        // A network that is just being made must be there before anything is plugged into it.
        const { network } = networkAndDriver(this.#context, service.network);
        await locks.run(`network-name:${network.record.name}`, () => Promise.resolve());
        const attached = await this.attachHere(service.id, container.id, aliases);
        if (request.restart) {
          await this.#foreign!.setFollow(container.id, followOf(service), aliases);
        }
        return this.#services.show(attached);
      });
    } catch (error) {
      await this.#foreign!.letGo(container.id);
      throw error;
    }
  }

  /** Attaches a container that was started again to a service that it follows. */
  async attachAgain(service: string, container: string, aliases: LinkAlias[]): Promise<void> {
    const { locks, state } = this.#context;
    const network = state.containers.get(container)?.record.foreign?.follows
      .find((follow) => follow.service === service)?.network;
    if (network !== undefined && state.networks.has(network)) await this.#services.ensure(network);
    await locks.run(
      `container:${container}`,
      async () => void await this.attachHere(service, container, aliases),
    );
  }

  /** Attaches for those who hold the lock of the container. */
  async attachHere(
    id: string,
    container: string,
    aliases: LinkAlias[] = [],
  ): Promise<ServiceRecord> {
    const service = await this.#attachGated(id, container, aliases);
    try {
      await this.#settleLeg(container);
    } catch (error) {
      await this.detachHere(id, undefined, true).catch((cause) =>
        log.error("Cannot undo an attachment: {cause}", { cause: errorChain(cause).join(": ") })
      );
      throw error;
    }
    return service;
  }

  #attachGated(id: string, container: string, aliases: LinkAlias[]): Promise<ServiceRecord> {
    const { locks } = this.#context;
    const { driver } = networkAndDriver(this.#context, this.#services.current(id).record.network);
    return gated(
      this.#context,
      driver,
      () => locks.run(`service:${id}`, () => this.#attachLocked(id, container, aliases)),
    );
  }

  /**
   * Gives a container the leg that its networks need for a way out, or takes it: for those who don't
   * hold the container's lock, after what other hosts did to its networks.
   */
  async settleLeg(container: string): Promise<void> {
    if (legPlan(this.#context, container) === "keep") return;
    await this.#context.locks.run(`container:${container}`, () => this.#settleLeg(container));
  }

  async #settleLeg(container: string): Promise<void> {
    const plan = legPlan(this.#context, container);
    if (plan === "keep") return;
    if (plan !== "give") {
      await this.detachHere(plan.take.id, undefined, true);
      return await this.#services.unpublish(plan.take.id);
    }
    const network = await this.#networks.ensureGateway();
    const name = shortId(container);
    // Half done by one that died: it goes on from there.
    const service = this.#services.named(network.id, name)?.record ??
      await this.#services.publish({ name, network: network.id }, { auto: container, leg: true });
    await this.#attachGated(service.id, container, []);
  }

  /**
   * Store and kernel are written side by side: neither needs the other's answer, what one refuses is
   * taken back from the other, and after a crash between the two the reconciler goes by the store.
   */
  #attachLocked(id: string, containerId: string, aliases: LinkAlias[]): Promise<ServiceRecord> {
    return tryAgain(() => {
      const { transaction, service } = this.#decideAttach(id, containerId, aliases);
      const { network, driver } = networkAndDriver(this.#context, service.network);
      const of = driven(driver, network.record);
      const join = joinOf(this.#context, service);
      return noted(this.#context, of, join, async (keep) => {
        const [committed, joined] = await Promise.allSettled([
          this.#context.state.mirrorOf(network.record).commit(transaction),
          this.#plug(of, join),
        ]);
        const won = committed.status === "fulfilled" && committed.value.ok;
        try {
          if (won && joined.status === "fulfilled") {
            return { done: await this.#noteDecided(service, keep) };
          }
        } catch (error) {
          await this.#undoAttach(of, join, keep);
          await this.#commitDetach(id, () => {});
          throw error;
        }
        await this.#undoAttach(of, join, keep);
        if (won) await this.#commitDetach(id, () => {});
        if (joined.status === "rejected") throw joined.reason;
        if (committed.status === "rejected") throw committed.reason;
        return { conflict: committed.value.ok ? "" : committed.value.failed };
      });
    });
  }

  /** Makes the kernel join, on a network of many hosts with what it has to know of them. */
  async #plug({ driver, network, spec }: Driven, join: Join): Promise<void> {
    await driver.join(spec, join);
    if (network.scope !== "global") return;
    this.#context.joined.set(spec.id, join);
    await driver.setPeers(spec, peersOf(this.#context, spec.id));
  }

  /** Makes the link of a backend of this host as it should be, whoever has changed it. */
  async mend(id: string): Promise<void> {
    const { locks, state, namespaces } = this.#context;
    const network = state.services.get(id)?.record.network;
    if (network === undefined) return;
    const { driver } = networkAndDriver(this.#context, network);
    if (isRemote(driver)) return; // What a plugin has plugged in is its own.
    await gated(this.#context, driver, () =>
      locks.run(`service:${id}`, async () => {
        const service = state.services.get(id)?.record;
        const { backend } = service ?? {};
        if (backend?.hostId !== state.hostId || !namespaces.alive(backend.container)) return;
        allowIpv6(namespaces.path(backend.container), backend.interface);
        const { record } = networkAndDriver(this.#context, network).network;
        await driver.join(networkSpec(record), joinOf(this.#context, service!));
      }));
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

  #checkLink(link: LinkAlias, service: ServiceRecord): LinkAlias {
    checkName("alias", link.alias);
    const { service: name, network } = splitServiceReference(link.service);
    checkName("service", name);
    const on = network === undefined
      ? this.#context.state.networks.get(service.network)!.record
      : findNetwork(this.#context.state, network).record;
    return { service: `${name}.${on.name}`, alias: link.alias };
  }

  /** The service with its backend to be. @throws {NetsvcError} when it can't have it */
  #decideAttach(
    id: string,
    containerId: string,
    aliases: LinkAlias[],
  ): { transaction: Transaction; service: ServiceRecord } {
    const { state, cluster } = this.#context;
    const { record, revision } = this.#services.current(id);
    const container = state.containers.get(containerId);
    if (!container) {
      throw new NetsvcError("not_found", `No such container: "${shortId(containerId)}"`);
    }
    this.#checkAttachable(record, container.record);
    const global =
      networkAndDriver(this.#context, record.network).network.record.scope === "global";
    const backend: BackendRecord = {
      container: containerId,
      ...container.record.name !== undefined && { containerName: container.record.name },
      runtime: container.record.foreign?.runtime ?? "netsvc",
      host: this.#context.host,
      hostId: this.#context.hostId,
      ...global && cluster.membership.address !== undefined &&
        { address: cluster.membership.address },
      interface: freeInterface(this.#context, containerId),
      attached: now(),
      aliases,
    };
    const service = { ...record, backend };
    const key = keys.service(record.network, id);
    const put = { key, value: JSON.stringify(service) };
    if (global) {
      // The container is in another store; its lock is held, and this daemon alone changes it.
      const { checks, puts, deletes } = backendKeys(cluster, state, record);
      return {
        service,
        transaction: { checks: [{ key, revision }, ...checks], puts: [put, ...puts], deletes },
      };
    }
    return {
      service,
      transaction: {
        checks: [
          { key, revision },
          { key: keys.container(containerId), revision: container.revision },
        ],
        puts: [put],
      },
    };
  }

  #checkAttachable(service: ServiceRecord, container: ContainerRecord): void {
    const label = containerLabel(container);
    const live = this.#context.state.liveBackend(service);
    if (live) {
      const first = containerLabel(backendContainer(live));
      throw new NetsvcError(
        "in_use",
        live.container === container.id
          ? `The container "${first}" is attached to service "${this.#services.label(service)}" ` +
            `already`
          : `The service "${this.#services.label(service)}" already has a backend, the container ` +
            `"${first}"${this.#services.elsewhere(live)}; detach it first`,
      );
    }
    const why = container.state === "exited"
      ? "it has exited"
      : container.networkMode === "host"
      ? "it uses the host's network"
      : container.networkMode.startsWith("container:")
      ? "it shares the sandbox of another container; attach that one"
      : this.#clash(service, container.id);
    if (why === undefined) return;
    throw new NetsvcError("invalid", `Cannot attach the container "${label}": ${why}`);
  }

  /** Networks of many hosts may have the same subnet; a container can't be on two such. */
  #clash(service: ServiceRecord, container: string): string | undefined {
    const { state } = this.#context;
    const subnets = (network: string) =>
      state.networks.get(network)?.record.pools.map(({ subnet }) => parseCidr(subnet)) ?? [];
    const own = subnets(service.network);
    for (const { record } of state.servicesBackedBy(container)) {
      if (record.network === service.network) continue;
      if (!subnets(record.network).some((a) => own.some((b) => cidrsOverlap(a, b)))) continue;
      const name = state.networks.get(record.network)?.record.name ?? "?";
      return `it is on network "${name}", whose subnet overlaps that of ` +
        `"${state.networks.get(service.network)?.record.name}"; take it off that one first`;
    }
    return undefined;
  }

  /** Unplugs the backend of a service; the service stays, with its address. */
  async detach(reference: string, request: DetachService): Promise<Service> {
    const { state, locks } = this.#context;
    const service = (await this.#services.find(reference)).record;
    const wanted = request.container === undefined
      ? undefined
      : this.#wanted(request.container, service);
    if (!wanted && !request.force) {
      throw new NetsvcError("invalid", "Name the container to detach, or force with -f");
    }
    const own = service.backend?.hostId === state.hostId ? service.backend.container : undefined;
    const action = () => this.detachHere(service.id, wanted, request.force ?? false);
    await (own === undefined ? action() : locks.run(`container:${own}`, action));
    const shown = this.#services.show(this.#services.current(service.id).record);
    if (own !== undefined) {
      await this.#foreign!.setFollow(own, followOf(service), undefined);
      // A service that is the container's own goes with it.
      await this.#foreign!.letGo(own);
    }
    return shown;
  }

  /** The container that a user means: of this host, or the backend as other hosts see it. */
  #wanted(reference: string, service: ServiceRecord): { id: string; name?: string } {
    const live = this.#context.state.liveBackend(service);
    if (live && live.hostId !== this.#context.hostId) {
      const { container, containerName } = live;
      const means = reference === containerName ||
        (reference.length >= 1 && container.startsWith(reference));
      if (means) return backendContainer(live);
    }
    return findContainer(this.#context.state, reference).record;
  }

  /** Detaches for those who hold the lock of the container, if it is one of this host. */
  async detachHere(
    id: string,
    wanted: { id: string; name?: string } | undefined,
    force: boolean,
  ): Promise<void> {
    const { locks, state } = this.#context;
    const { backend, leg, network } = this.#services.current(id).record;
    const { driver } = networkAndDriver(this.#context, network);
    const left = await gated(
      this.#context,
      driver,
      () => locks.run(`service:${id}`, () => this.#detachLocked(id, wanted, force)),
    );
    if (left?.gateway) await this.#moveGateway(left.sandbox.id);
    if (leg || backend?.hostId !== state.hostId || !state.containers.has(backend.container)) return;
    await this.#settleLeg(backend.container);
  }

  /** Returns how it was joined, if it was joined here. */
  async #detachLocked(
    id: string,
    wanted: { id: string; name?: string } | undefined,
    force: boolean,
  ): Promise<Join | undefined> {
    const { hostId, joined } = this.#context;
    const before = this.#services.current(id).record;
    const check = (service: ServiceRecord) => this.#checkDetachable(service, wanted, force);
    if (before.backend?.hostId !== hostId) return void await this.#commitDetach(id, check);
    // As it was joined: gateway and ports are lost with the backend.
    const join = joinOf(this.#context, before);
    const { network, driver } = networkAndDriver(this.#context, before.network);
    const of = driven(driver, network.record);
    await noted(this.#context, of, join, async (keep) => {
      // From now on it is not the converger's to unplug.
      joined.delete(id);
      await this.#commitDetach(id, check).catch((error) => {
        if (network.record.scope === "global") joined.set(before.network, join);
        throw error;
      });
      await unplug(of, join, keep);
    });
    return join;
  }

  #checkDetachable(
    service: ServiceRecord,
    wanted: { id: string; name?: string } | undefined,
    force: boolean,
  ): void {
    const label = this.#services.label(service);
    const live = this.#context.state.liveBackend(service);
    if (!live && !force) {
      throw new NetsvcError("invalid", `The service "${label}" has no backend`);
    }
    if (!live || !wanted || live.container === wanted.id) return;
    throw new NetsvcError(
      "invalid",
      `The container "${containerLabel(wanted)}" doesn't back service "${label}"; ` +
        `"${containerLabel(backendContainer(live))}"${this.#services.elsewhere(live)} does`,
    );
  }

  /** Gives the default route and the ports of a sandbox to the next of its networks. */
  async #moveGateway(container: string): Promise<void> {
    const { locks, namespaces } = this.#context;
    const next = gatewayService(this.#context, container);
    if (!next || !namespaces.alive(container)) return;
    const { network, driver } = networkAndDriver(this.#context, next.network);
    await gated(this.#context, driver, () =>
      locks.run(`service:${next.id}`, async () => {
        if (gatewayService(this.#context, container)?.id !== next.id) return;
        await driver.join(networkSpec(network.record), joinOf(this.#context, next));
      }));
  }

  /** Takes the backend of a service out of the store. */
  #commitDetach(id: string, check: (service: ServiceRecord) => void): Promise<void> {
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

  /** Ends a service; with `force`, takes its backend first, on whatever host it is. */
  async unpublish(reference: string, force: boolean): Promise<Removed> {
    const { record } = await this.#services.find(reference);
    const label = this.#services.label(record);
    const cut: string[] = [];
    const live = this.#context.state.liveBackend(record);
    if (live && force) {
      await this.detach(record.id, { force: true });
      cut.push(
        `${containerLabel(backendContainer(live))}${this.#services.elsewhere(live)} from service ` +
          label,
      );
    }
    await this.#services.unpublish(record.id);
    return { name: label, cut };
  }
}

/** What a container that follows a service has to remember of it. */
function followOf({ id, network }: ServiceRecord): { service: string; network: string } {
  return { service: id, network };
}
