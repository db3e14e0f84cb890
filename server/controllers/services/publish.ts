/**
 * Publishes services.
 *
 * @module
 */
import { NetsvcError } from "../../../lib/api/errors.ts";
import { checkAlias, checkName } from "../../../lib/api/names.ts";
import type { PublishService, Service } from "../../../lib/api/types.ts";
import { bareAddress } from "../../../lib/ip/text.ts";
import type { ManagedDriver } from "../../drivers/managed_driver.ts";
import type { Ipams } from "../../drivers/ipam/ipams.ts";
import { newId, now } from "../../model/identity.ts";
import type { NetworkRecord, RetiredRecord, ServiceRecord } from "../../model/records.ts";
import { partName, retiredRecords } from "../../model/repository/retired.ts";
import { serviceRecords, type StoredService } from "../../model/repository/services.ts";
import type { Stored } from "../../model/stored.ts";
import { decideAndCommit, type Fragment, together } from "../../model/transaction.ts";
import { confirmed } from "../confirmed.ts";
import { type Context, networkAndDriver } from "../context.ts";
import { inCase } from "../labels.ts";
import { findNetwork } from "../lookup.ts";
import type { ServiceAddresses } from "./addresses.ts";
import { checkMac, macOf } from "./mac.ts";
import { checkMode } from "./modes.ts";
import { currentService, serviceLabel } from "./service_labels.ts";
import type { ShowServices } from "./show.ts";

/** Addresses in use that a plugin may return before netsvc stops asking it. */
const MAX_TAKEN = 16;
/** Backends of one service at most. */
const MAX_BACKENDS = 256;

/** The owner of a service that a user didn't publish. */
export interface Owner {
  /** The container whose end unpublishes the service. */
  auto?: string;
  /** It is an uplink. */
  leg?: true;
  /** It isn't a service but one endpoint of a service with many backends, for this container. */
  part?: { of: string; container: string };
}

/** A checked request to publish. */
export interface Publication {
  readonly request: PublishService;
  readonly owner: Owner;
  readonly network: NetworkRecord;
  readonly driver: ManagedDriver;
  /** Whether a plugin gives the addresses. */
  readonly asksPlugin: boolean;
  /** The MAC address that the caller asked for. */
  readonly mac?: string;
}

/** What is decided before the transaction: the id, and where a plugin is involved, more. */
export type Settled =
  & Pick<ServiceRecord, "id">
  & Partial<Pick<ServiceRecord, "addresses" | "mac">>;

/** Another service has an address that a plugin gave. */
class AddressTaken extends NetsvcError {
  readonly address: string;

  constructor(address: string) {
    super("exists", `The address ${address} is already in use; choose another`);
    this.address = address;
  }
}

/** What publishing works with. */
export interface PublishParts {
  context: Pick<Context, "state" | "cluster" | "drivers" | "locks" | "defaultNetwork">;
  ipams: Ipams;
  show: ShowServices;
  addresses: ServiceAddresses;
}

export class PublishServices {
  readonly #context: PublishParts["context"];
  readonly #ipams: Ipams;
  readonly #show: ShowServices;
  readonly #addresses: ServiceAddresses;

  constructor({ context, ipams, show, addresses }: PublishParts) {
    this.#context = context;
    this.#ipams = ipams;
    this.#show = show;
    this.#addresses = addresses;
  }

  /**
   * Checks a request to publish, and loads the network's services.
   *
   * @throws {NetsvcError} `invalid`, `not_found`, `ambiguous`; `unavailable` or `timeout` of the store
   */
  async prepare(request: PublishService, owner: Owner = {}): Promise<Publication> {
    checkName("service", request.name);
    for (const alias of request.aliases ?? []) checkAlias(alias);
    const mac = request.mac === undefined ? undefined : checkMac(request.mac);
    const { state, drivers, defaultNetwork } = this.#context;
    const network = findNetwork(state, request.network ?? defaultNetwork).record;
    const driver = drivers.get(network.driver);
    if (!driver.capabilities.addresses) {
      throw new NetsvcError(
        "invalid",
        `Cannot publish service "${request.name}" on network "${network.name}": networks of the ` +
          `driver "${driver.name}" have no services; use another network`,
      );
    }
    await this.#show.ensure(network.id);
    const { mode = "single" } = request;
    checkMode(request, network);
    const asksPlugin = mode === "single" && network.ipam !== undefined &&
      network.ipam.pools.length > 0;
    return { request, owner, network, driver, asksPlugin, ...mac !== undefined && { mac } };
  }

  /** Publishes a service. */
  publish(request: PublishService, owner: Owner = {}): Promise<Service> {
    const on = request.network ?? this.#context.defaultNetwork;
    return confirmed(
      { context: this.#context, networks: [on] },
      () => this.#publish(request, owner),
    );
  }

  async #publish(request: PublishService, owner: Owner): Promise<Service> {
    const publication = await this.prepare(request, owner);
    const service = await this.provide(
      publication,
      (settled) =>
        this.inTurn(publication.network.id, () => this.#commitPublish(publication, settled)),
    );
    return this.#show.show(service);
  }

  /** Decides and commits publications on a network one after the other: each takes a free address. */
  inTurn<T>(network: string, action: () => Promise<T>): Promise<T> {
    return this.#context.locks.addresses(network, action);
  }

  /**
   * Commits a new service. Where a plugin gives the addresses, it is asked first; addresses that the service doesn't
   * get after all are released. One that another service has isn't released: it is in use.
   */
  async provide<T>(
    { request, network, mac: wantedMac, asksPlugin, owner }: Publication,
    commit: (settled: Settled) => Promise<T>,
  ): Promise<T> {
    if (!asksPlugin) return await commit({ id: newId() });
    const wanted = request.ips ?? [];
    for (let left = MAX_TAKEN;; left--) {
      if (!owner.part) this.#checkFree(network, request.name);
      const id = newId();
      const retired = this.#retired(network, rememberedAs(request, owner));
      const mac = this.#addresses.pickMac(network, wantedMac, retired?.mac ?? macOf(id));
      const { given, notes } = await this.#ipams.requestAddresses(network, {
        ...{ wanted, mac, previous: retired?.addresses ?? [] },
      });
      try {
        const done = await commit({ id, addresses: given, mac });
        await this.#ipams.confirm(notes);
        return done;
      } catch (error) {
        await this.#ipams.giveBack(notes);
        if (!(error instanceof AddressTaken) || left <= 1 || wanted.length > 0) throw error;
      }
    }
  }

  #checkFree(network: NetworkRecord, name: string): void {
    const known = this.#show.named(network.id, name)?.record;
    if (!known) return;
    throw new NetsvcError(
      "exists",
      `The service "${name}.${network.name}" already exists${inCase(name, known.name)}; choose ` +
        `another name or unpublish it first`,
    );
  }

  #commitPublish(publication: Publication, settled: Settled): Promise<ServiceRecord> {
    return decideAndCommit(this.#context.state.mirrorOf(publication.network), (lost) => {
      const { service, network, transaction } = this.decide(publication, lost, settled);
      return {
        transaction: together(serviceRecords.create(service, network), transaction),
        result: service,
      };
    });
  }

  /**
   * The new service, its network as it is, and what its transaction writes besides its own records.
   *
   * @param lost keys that other hosts wrote first
   * @throws {NetsvcError} `exists`, `exhausted`, `invalid` when it can't be published
   */
  decide(
    { request, network: { id: networkId }, mac, owner }: Publication,
    lost: ReadonlySet<string>,
    settled: Settled,
  ): { service: ServiceRecord; network: Stored<NetworkRecord>; transaction: Fragment } {
    const { network } = networkAndDriver(this.#context, networkId);
    const { part, ...owns } = owner;
    const whole = part && this.#roomIn(part.of);
    if (!whole) this.#checkFree(network.record, request.name);
    const { mode = "single" } = request;
    const taken = settled.addresses?.find((address) =>
      this.#context.state.hasAddress(networkId, bareAddress(address))
    );
    if (taken !== undefined) throw new AddressTaken(taken);
    const { id } = settled;
    const remembered = rememberedAs(request, owner);
    const retired = this.#retired(network.record, remembered);
    const wanted = request.ips ?? [];
    const addresses = mode === "dnsrr" ? [] : settled.addresses ??
      this.#addresses.allocate(network.record, { wanted, retired, lost });
    const own = retired?.mac ?? macOf(id);
    const service: ServiceRecord = {
      ...{ id, name: request.name, network: networkId, created: now(), mode },
      addresses,
      mac: mode !== "single"
        ? ""
        : this.#addresses.pickMac(network.record, settled.mac ?? mac, own),
      aliases: [...new Set(request.aliases ?? [])],
      ports: whole?.record.ports ?? request.ports ?? [],
      ...owns,
      ...part && { of: part.of },
    };
    const mirror = this.#context.state.mirrorOf(network.record);
    const forgotten = retiredRecords.forget(mirror, networkId, remembered);
    return {
      service,
      network,
      transaction: together(forgotten, whole ? serviceRecords.unchanged(whole) : {}),
    };
  }

  /** A service with many backends that may have one more. @throws {NetsvcError} `conflict`, `exhausted` */
  #roomIn(id: string): StoredService {
    const { state } = this.#context;
    const stored = currentService(state, id);
    const label = serviceLabel(state, stored.record);
    if (stored.record.mode === "single") {
      throw new NetsvcError("conflict", `The service "${label}" has one backend by now; try again`);
    }
    if (state.partsOf(id).length < MAX_BACKENDS) return stored;
    throw new NetsvcError(
      "exhausted",
      `The service "${label}" has ${MAX_BACKENDS} backends, which is the most; detach another first`,
    );
  }

  #retired(network: NetworkRecord, name: string): RetiredRecord | undefined {
    return retiredRecords.get(this.#context.state.mirrorOf(network), network.id, name);
  }
}

/** What addresses that it had before are remembered under. */
function rememberedAs({ name }: PublishService, { part }: Owner): string {
  return part ? partName(part) : name;
}
