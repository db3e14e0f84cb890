/**
 * Services: publish, attach, detach, unpublish.
 *
 * @module
 */
import type { Transaction } from "../../kv/store.ts";
import { pickAddress } from "../ipam/allocator.ts";
import { familyOf, formatIp, parseIp } from "../ipam/cidr.ts";
import { keys } from "../state/keys.ts";
import type {
  BackendRecord,
  ContainerRecord,
  NetworkRecord,
  RetiredRecord,
  ServiceRecord,
} from "../state/records.ts";
import type { Stored } from "../state/state.ts";
import { errorChain, NetsvcError } from "../wire/errors.ts";
import { checkName, shortId, splitServiceReference } from "../wire/names.ts";
import type {
  AttachService,
  DetachService,
  LinkAlias,
  PublishService,
  Removed,
  Service,
} from "../wire/types.ts";
import {
  type Context,
  decideAndCommit,
  driverNamed,
  log,
  networkAndDriver,
  newId,
  now,
  tryAgain,
} from "./context.ts";
import { endpointSpec, freeInterface, gatewayService, joinOf } from "./endpoints.ts";
import { networkSpec } from "./networks.ts";
import { findContainer, findNetwork, findService } from "./references.ts";

/** A freed address goes to no other service for this long, in milliseconds. */
const QUARANTINE_MS = 60_000;
/** Unpublished services remembered per network; beyond it the oldest are forgotten. */
const MAX_RETIRED = 1024;
const MAC = /^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/;

/** `2 services: db, web`. */
export function nameList(what: string, names: string[]): string {
  const shown = names.slice(0, 10).join(", ") + (names.length > 10 ? ", …" : "");
  return `${names.length} ${what}${names.length === 1 ? "" : "s"}: ${shown}`;
}

/** Name of a container for people: its name, else its short id. */
export function containerLabel(container: { id: string; name?: string }): string {
  return container.name ?? shortId(container.id);
}

/** Checks and normalises a MAC address. @throws {NetsvcError} `invalid` */
function checkMac(text: string): string {
  const mac = text.toLowerCase().replaceAll("-", ":");
  if (!MAC.test(mac)) {
    throw new NetsvcError(
      "invalid",
      `Invalid MAC address "${text}"; write it like 02:42:ac:11:00:02`,
    );
  }
  if (parseInt(mac.slice(0, 2), 16) & 1 || mac === "00:00:00:00:00:00") {
    throw new NetsvcError("invalid", `Invalid MAC address "${text}": it is no unicast address`);
  }
  return mac;
}

/** A locally administered unicast MAC that a service keeps wherever it is attached. */
function macOf(id: string): string {
  return ["02", ...id.slice(0, 10).match(/../g)!].join(":");
}

/** Controller of services. */
export class Services {
  readonly #context: Context;

  constructor(context: Context) {
    this.#context = context;
  }

  /** All services, or those of one network, by creation. */
  list(network?: string): Service[] {
    const { state } = this.#context;
    const all = network === undefined ? [...state.services.values()] : state.servicesOf(network);
    return all.map(({ record }) => record)
      .sort((a, b) => a.created < b.created ? -1 : a.created > b.created ? 1 : 0)
      .map((service) => this.show(service));
  }

  /** A record as the API shows it. */
  show(service: ServiceRecord): Service {
    const { id, name, created, addresses, mac, aliases, ports, backend } = service;
    const network = this.#context.state.networks.get(service.network)?.record.name ?? "";
    return {
      id,
      name,
      network: { id: service.network, name: network },
      created,
      addresses,
      mac,
      aliases,
      ports,
      auto: service.auto !== undefined,
      ...backend && {
        backend: {
          container: {
            id: backend.container,
            ...backend.containerName !== undefined && { name: backend.containerName },
            runtime: backend.runtime,
          },
          host: backend.host,
          interface: backend.interface,
          attached: backend.attached,
          aliases: backend.aliases,
        },
      },
    };
  }

  info(reference: string): Service {
    return this.show(this.find(reference).record);
  }

  find(reference: string): Stored<ServiceRecord> {
    return findService(this.#context.state, reference, this.#context.defaultNetwork);
  }

  /** A service by its exact name on a network. */
  named(network: string, name: string): Stored<ServiceRecord> | undefined {
    const { state } = this.#context;
    const entry = state.mirror.get(keys.serviceName(network, name));
    return entry && state.services.get(JSON.parse(entry.value));
  }

  /** Publishes a service; `auto`: the container that takes it along when it goes. */
  async publish(request: PublishService, auto?: string): Promise<Service> {
    const { state, gate, locks } = this.#context;
    checkName("service", request.name);
    for (const alias of request.aliases ?? []) checkName("alias", alias);
    const mac = request.mac === undefined ? undefined : checkMac(request.mac);
    const network = findNetwork(state, request.network ?? this.#context.defaultNetwork).record;
    const driver = driverNamed(this.#context, network.driver);
    if (!driver.capabilities.addresses) {
      throw new NetsvcError(
        "invalid",
        `Cannot publish service "${request.name}" on network "${network.name}": networks of the ` +
          `driver "${driver.name}" have no services; use another network`,
      );
    }
    return await gate.shared(async () => {
      const service = await locks.run(
        `network:${network.id}`,
        () => this.#commitPublish(request, network.id, mac, auto),
      );
      try {
        await driver.createEndpoint(networkSpec(network), endpointSpec(service));
      } catch (error) {
        await this.#commitUnpublish(service.id, false).catch((cause) =>
          log.error("Cannot take back service {name}: {cause}", { name: service.name, cause })
        );
        throw error;
      }
      return this.show(service);
    });
  }

  #commitPublish(
    request: PublishService,
    networkId: string,
    mac: string | undefined,
    auto: string | undefined,
  ): Promise<ServiceRecord> {
    return decideAndCommit(this.#context, () => {
      const { network } = networkAndDriver(this.#context, networkId);
      const name = `${request.name}.${network.record.name}`;
      if (this.named(networkId, request.name)) {
        throw new NetsvcError(
          "exists",
          `The service "${name}" already exists; choose another name or unpublish it first`,
        );
      }
      const id = newId();
      const retired = this.#retired(networkId, request.name);
      const service: ServiceRecord = {
        id,
        name: request.name,
        network: networkId,
        created: now(),
        addresses: this.#allocate(network.record, request, retired),
        mac: this.#pickMac(network.record, mac, retired?.mac ?? macOf(id)),
        aliases: [...new Set(request.aliases ?? [])],
        ports: request.ports ?? [],
        ...auto !== undefined && { auto },
      };
      const owned = ownedKeys(service);
      return {
        transaction: {
          checks: [
            { key: keys.network(networkId), revision: network.revision },
            ...owned.map((key) => ({ key, revision: null })),
          ],
          puts: [
            { key: keys.service(networkId, id), value: JSON.stringify(service) },
            ...owned.map((key) => ({ key, value: JSON.stringify(id) })),
            { key: keys.networkFence(networkId), value: JSON.stringify(id) },
          ],
          ...retired && { deletes: [keys.retired(networkId, request.name)] },
        },
        result: service,
      };
    });
  }

  #retired(network: string, name: string): RetiredRecord | undefined {
    const entry = this.#context.state.mirror.get(keys.retired(network, name));
    return entry && JSON.parse(entry.value);
  }

  #allocate(
    network: NetworkRecord,
    request: PublishService,
    retired: RetiredRecord | undefined,
  ): string[] {
    const wanted = new Map<number, string>();
    for (const text of request.ips ?? []) {
      const ip = formatIp(parseIp(text));
      const family = familyOf(ip);
      const pool = network.pools.find((p) => p.family === family);
      if (!pool) {
        throw new NetsvcError(
          "invalid",
          `The network "${network.name}" has no IPv${family} addresses, so not ${text} either`,
        );
      }
      if (wanted.has(family)) {
        throw new NetsvcError("invalid", `Two IPv${family} addresses for one service; give one`);
      }
      wanted.set(family, ip);
    }
    const quarantine = this.#quarantine(network.id);
    return network.pools.map((pool) => {
      const previous = retired?.addresses.find((a) => familyOf(a.split("/")[0]!) === pool.family);
      const ip = pickAddress({
        pool,
        taken: (address) => this.#context.state.hasAddress(network.id, address),
        quarantined: (address) => quarantine.get(address),
        ...wanted.has(pool.family) && { wanted: wanted.get(pool.family)! },
        ...previous !== undefined && { previous: previous.split("/")[0]! },
        cursor: this.#cursors.get(`${network.id}/${pool.family}`),
      });
      if (!wanted.has(pool.family)) this.#cursors.set(`${network.id}/${pool.family}`, ip);
      return `${ip}/${pool.subnet.split("/")[1]}`;
    });
  }

  /** Where the search for a free address goes on, per network and family. */
  readonly #cursors = new Map<string, string>();

  /** Addresses freed a short while ago, with the time. */
  #quarantine(network: string): Map<string, number> {
    const quarantine = new Map<string, number>();
    const since = Date.now() - QUARANTINE_MS;
    for (const { value } of this.#context.state.mirror.list(keys.retiredOf(network))) {
      const { addresses, retired } = JSON.parse(value) as RetiredRecord;
      const time = Date.parse(retired);
      if (time > since) { for (const a of addresses) quarantine.set(a.split("/")[0]!, time); }
    }
    return quarantine;
  }

  #pickMac(network: NetworkRecord, wanted: string | undefined, generated: string): string {
    const taken = (mac: string) =>
      this.#context.state.mirror.get(keys.mac(network.id, mac)) !== undefined;
    if (wanted === undefined) return taken(generated) ? macOf(newId()) : generated;
    if (!taken(wanted)) return wanted;
    throw new NetsvcError(
      "exists",
      `The MAC address ${wanted} is already used on network "${network.name}"; choose another`,
    );
  }

  /** Ends a service; with `force`, takes its backend first. */
  async unpublish(reference: string, force: boolean): Promise<Removed> {
    const { gate, locks } = this.#context;
    const { record } = this.find(reference);
    const label = this.label(record);
    const cut: string[] = [];
    if (record.backend && force) {
      await this.detach(record.id, { force: true });
      cut.push(`${containerLabel(backendContainer(record.backend))} from service ${label}`);
    }
    await gate.shared(() =>
      locks.run(`service:${record.id}`, () => this.#commitUnpublish(record.id, true))
    );
    return { name: label, cut };
  }

  /** `SERVICE.NETWORK`. */
  label(service: ServiceRecord): string {
    const network = this.#context.state.networks.get(service.network)?.record.name ?? "?";
    return `${service.name}.${network}`;
  }

  async #commitUnpublish(id: string, tellDriver: boolean): Promise<void> {
    const service = await decideAndCommit(this.#context, () => {
      const { record, revision } = this.#current(id);
      if (record.backend) {
        throw new NetsvcError(
          "in_use",
          `Cannot unpublish service "${this.label(record)}": the container ` +
            `"${containerLabel(backendContainer(record.backend))}" backs it; ` +
            `detach it first or use -f`,
        );
      }
      const retired: RetiredRecord = {
        addresses: record.addresses,
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
          ...this.#overflow(record.network),
        ],
      };
      return { transaction, result: record };
    });
    if (!tellDriver) return;
    const { network, driver } = networkAndDriver(this.#context, service.network);
    await driver.deleteEndpoint(networkSpec(network.record), endpointSpec(service));
  }

  /** Keys of the longest retired services beyond the bound, a few at a time. */
  #overflow(network: string): string[] {
    const entries = this.#context.state.mirror.list(keys.retiredOf(network));
    if (entries.length < MAX_RETIRED) return [];
    return entries
      .sort((a, b) => a.revision < b.revision ? -1 : 1)
      .slice(0, 16).map(({ key }) => key);
  }

  /** A service as it is now. @throws {NetsvcError} `not_found` when it went meanwhile */
  #current(id: string): Stored<ServiceRecord> {
    const stored = this.#context.state.services.get(id);
    if (stored) return stored;
    throw new NetsvcError("not_found", `No such service: "${shortId(id)}"; it was unpublished`);
  }

  /** Plugs a container into a service. */
  async attach(reference: string, request: AttachService): Promise<Service> {
    const { state, gate, locks } = this.#context;
    const service = this.find(reference).record;
    const container = findContainer(state, request.container).record;
    const aliases = (request.aliases ?? []).map((link) => this.#checkLink(link, service));
    return await gate.shared(() =>
      locks.runAll([`container:${container.id}`, `service:${service.id}`], async () => {
        // A network that is just being made must be there before anything is plugged into it.
        const { network } = networkAndDriver(this.#context, service.network);
        await locks.run(`network-name:${network.record.name}`, () => Promise.resolve());
        return this.show(await this.attachLocked(service.id, container.id, aliases));
      })
    );
  }

  /**
   * {@linkcode attach} for those who hold the locks of the container and the service.
   *
   * Store and kernel are written side by side: neither needs the other's answer, what one refuses is
   * taken back from the other, and after a crash between the two the reconciler goes by the store.
   */
  async attachLocked(
    id: string,
    containerId: string,
    aliases: LinkAlias[],
  ): Promise<ServiceRecord> {
    return await tryAgain(async () => {
      const { transaction, service } = this.#decideAttach(id, containerId, aliases);
      const { network, driver } = networkAndDriver(this.#context, service.network);
      const join = joinOf(this.#context, service);
      const [committed, joined] = await Promise.allSettled([
        this.#context.state.mirror.commit(transaction),
        driver.join(networkSpec(network.record), join),
      ]);
      const won = committed.status === "fulfilled" && committed.value.ok;
      if (won && joined.status === "fulfilled") return { done: service };
      await driver.leave(networkSpec(network.record), join).catch((cause) =>
        log.error("Cannot undo a join: {cause}", { cause: errorChain(cause).join(": ") })
      );
      if (won) await this.#commitDetach(id, () => {});
      if (joined.status === "rejected") throw joined.reason;
      if (committed.status === "rejected") throw committed.reason;
      return { conflict: keys.service(service.network, id) };
    });
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
    const { record, revision } = this.#current(id);
    const container = this.#context.state.containers.get(containerId);
    if (!container) {
      throw new NetsvcError("not_found", `No such container: "${shortId(containerId)}"`);
    }
    this.#checkAttachable(record, container.record);
    const backend: BackendRecord = {
      container: containerId,
      ...container.record.name !== undefined && { containerName: container.record.name },
      runtime: "netsvc",
      host: this.#context.host,
      interface: freeInterface(this.#context, containerId),
      attached: now(),
      aliases,
    };
    const service = { ...record, backend };
    const key = keys.service(record.network, id);
    return {
      service,
      transaction: {
        checks: [
          { key, revision },
          { key: keys.container(containerId), revision: container.revision },
        ],
        puts: [{ key, value: JSON.stringify(service) }],
      },
    };
  }

  #checkAttachable(service: ServiceRecord, container: ContainerRecord): void {
    const label = containerLabel(container);
    if (service.backend) {
      const first = containerLabel(backendContainer(service.backend));
      throw new NetsvcError(
        "in_use",
        service.backend.container === container.id
          ? `The container "${first}" is attached to service "${this.label(service)}" already`
          : `The service "${this.label(service)}" already has a backend, the container ` +
            `"${first}"; detach it first`,
      );
    }
    const why = container.state === "exited"
      ? "it has exited"
      : container.networkMode === "host"
      ? "it uses the host's network"
      : container.networkMode.startsWith("container:")
      ? "it shares the sandbox of another container; attach that one"
      : undefined;
    if (why === undefined) return;
    throw new NetsvcError("invalid", `Cannot attach the container "${label}": ${why}`);
  }

  /** Unplugs the backend of a service; the service stays, with its address. */
  async detach(reference: string, request: DetachService): Promise<Service> {
    const { state, gate, locks } = this.#context;
    const service = this.find(reference).record;
    const wanted = request.container === undefined
      ? undefined
      : findContainer(state, request.container).record;
    if (!wanted && !request.force) {
      throw new NetsvcError("invalid", "Name the container to detach, or force with -f");
    }
    const lockKeys = [`service:${service.id}`];
    const container = wanted?.id ?? service.backend?.container;
    if (container) lockKeys.push(`container:${container}`);
    await gate.shared(() =>
      locks.runAll(lockKeys, () => this.detachLocked(service.id, wanted, request.force ?? false))
    );
    return this.show(this.#current(service.id).record);
  }

  /** {@linkcode detach} for those who hold the locks of the container and the service. */
  async detachLocked(
    id: string,
    wanted: ContainerRecord | undefined,
    force: boolean,
  ): Promise<void> {
    const before = this.#current(id).record;
    // As it was joined: gateway and ports are lost with the backend.
    const join = before.backend ? joinOf(this.#context, before) : undefined;
    await this.#commitDetach(id, (service) => {
      if (!service.backend && !force) {
        throw new NetsvcError("invalid", `The service "${this.label(service)}" has no backend`);
      }
      if (!service.backend || !wanted || service.backend.container === wanted.id) return;
      throw new NetsvcError(
        "invalid",
        `The container "${containerLabel(wanted)}" doesn't back service ` +
          `"${this.label(service)}"; "${containerLabel(backendContainer(service.backend))}" does`,
      );
    });
    if (!join) return;
    const { network, driver } = networkAndDriver(this.#context, before.network);
    await driver.leave(networkSpec(network.record), join);
    if (join.gateway) await this.#moveGateway(join.sandbox.id);
  }

  /** Gives the default route and the ports of a sandbox to the next of its networks. */
  async #moveGateway(container: string): Promise<void> {
    const next = gatewayService(this.#context, container);
    if (!next || !this.#context.namespaces.alive(container)) return;
    const { network, driver } = networkAndDriver(this.#context, next.network);
    await driver.join(networkSpec(network.record), joinOf(this.#context, next));
  }

  /** Takes the backend of a service out of the store. */
  #commitDetach(id: string, check: (service: ServiceRecord) => void): Promise<void> {
    return decideAndCommit(this.#context, () => {
      const { record, revision } = this.#current(id);
      check(record);
      const { backend: _, ...service } = record;
      const key = keys.service(record.network, id);
      return {
        transaction: {
          checks: [{ key, revision }],
          puts: [{ key, value: JSON.stringify(service) }],
        },
        result: undefined,
      };
    });
  }
}

/** The keys that are a service's alone besides its own: name, addresses, MAC. */
function ownedKeys(service: ServiceRecord): string[] {
  return [
    keys.serviceName(service.network, service.name),
    ...service.addresses.map((a) => keys.address(service.network, a.split("/")[0]!)),
    keys.mac(service.network, service.mac),
  ];
}

function backendContainer(backend: BackendRecord): { id: string; name?: string } {
  return {
    id: backend.container,
    ...backend.containerName !== undefined && { name: backend.containerName },
  };
}
