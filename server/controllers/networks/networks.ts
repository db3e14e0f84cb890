/**
 * Networks: create, remove, list.
 *
 * @module
 */
import { readFileSync } from "../../../lib/linux/libc.ts";
import type { Driver } from "../../../drivers/driver.ts";
import type { ManagedDriver } from "../../drivers/managed_driver.ts";
import type { Transaction } from "../../../kv/store.ts";
import { parseFibTrie, parseIpv6Routes } from "../../ipam/host_routes.ts";
import {
  type Cidr,
  cidrContains,
  cidrsOverlap,
  formatCidr,
  formatIp,
  parseCidr,
  parseIp,
} from "../../../lib/ip/cidr.ts";
import { pickPool } from "../../ipam/default_pools.ts";
import { planPools } from "../../ipam/network_pools.ts";
import { keys } from "../../model/keys.ts";
import type { DockerNetworkFacts, NetworkRecord, ServiceRecord } from "../../model/records.ts";
import type { Stored } from "../../model/state.ts";
import { NetsvcError } from "../../../lib/api/errors.ts";
import { checkName } from "../../../lib/api/names.ts";
import type {
  CreateNetwork,
  ListedNetwork,
  NetworkDetail,
  Pool,
  Removed,
} from "../../../lib/api/types.ts";
import { confirmed } from "../confirmed.ts";
import { type Context, newId, now, tryAgain } from "../context.ts";
import { ipamOf, type Ipams } from "../../drivers/plugin_ipam.ts";
import { pluginEndpoints } from "../../drivers/plugin_endpoints.ts";
import { InDoubt } from "../../model/in_doubt.ts";
import { networkSpec } from "../../drivers/network_spec.ts";
import { begin, finish } from "../../drivers/side_by_side.ts";
import { GATEWAY_NETWORK, GATEWAY_POOL } from "../endpoints/uplink.ts";
import { findNetwork } from "../lookup.ts";
import { type Progress, ServiceEnds } from "../services/service_ends.ts";
import { inCase, nameList, type Services } from "../services/services.ts";

/** Names that `--net` gives a meaning of their own. */
const RESERVED = new Set(["container", "default", GATEWAY_NETWORK]);
/** Networks that every host has, with their drivers. */
const PREDEFINED: Record<string, string> = { none: "null", host: "host", bridge: "bridge" };
/** Keys deleted in one transaction. */
const DELETE_BATCH = 25;
/** VNIs that are picked: the low ones are left to those who give them by hand. */
const FIRST_VNI = 4096, LAST_VNI = 2 ** 24 - 1;
/** Spellings of the option that asks for a VNI. */
const VNI_OPTIONS = ["vni", "com.docker.network.driver.overlay.vxlanid_list"];

/** The driver of a network that every host has, by its name in any case, as names are stored. */
function predefinedDriver(name: string): string | undefined {
  const key = name.toLowerCase();
  return Object.hasOwn(PREDEFINED, key) ? PREDEFINED[key] : undefined;
}

/** @throws {NetsvcError} `invalid` when a name has a meaning of its own; names differ by more than case */
function checkReserved(name: string): void {
  if (!RESERVED.has(name.toLowerCase())) return;
  throw new NetsvcError(
    "invalid",
    `The network name "${name}" is reserved in any case; choose another name`,
  );
}

/** Routes and addresses of the host, all tables. */
function hostRoutes(): Cidr[] {
  const routes = parseFibTrie(readFileSync("/proc/net/fib_trie"));
  try {
    routes.push(...parseIpv6Routes(readFileSync("/proc/net/ipv6_route")));
  } catch {
    // A kernel without IPv6 has no such file.
  }
  return routes;
}

/** Controller of networks. */
export class Networks {
  readonly #context: Context;
  readonly #services: Services;
  readonly #ipams: Ipams;
  /** Networks that are being removed with all their services, and who is told how far it is. */
  readonly #forced = new Map<string, { removal: Promise<Removed>; listeners: Set<Progress> }>();
  /** Networks whose making was given up. */
  readonly #late: InDoubt<undefined>;

  /** Say, in words, what else of this host uses a network. */
  readonly users: ((network: NetworkRecord) => string | undefined)[] = [];

  constructor(context: Context, services: Services, ipams: Ipams) {
    this.#context = context;
    this.#services = services;
    this.#ipams = ipams;
    this.#late = new InDoubt(context.state, "network", (id) => this.#removeLate(id));
  }

  list(): NetworkRecord[] {
    return [...this.#context.state.networks.values()].map(({ record }) => record)
      .sort((a, b) => a.created < b.created ? -1 : a.created > b.created ? 1 : 0);
  }

  /** All networks, with the number of their services. */
  async listed(): Promise<ListedNetwork[]> {
    const counts = await this.#services.counts();
    return this.list().map((network) => ({
      ...network,
      serviceCount: counts.get(network.id) ?? 0,
    }));
  }

  /** A network by reference. @throws {NetsvcError} `not_found`, `ambiguous`, `unavailable` */
  find(reference: string): Promise<NetworkRecord> {
    return confirmed(
      this.#context,
      [reference],
      () => Promise.resolve().then(() => findNetwork(this.#context.state, reference).record),
    );
  }

  async info(reference: string): Promise<NetworkDetail> {
    const record = await this.find(reference);
    const services = await this.#services.list(record.id);
    const endpoints = await pluginEndpoints(this.#context, record.id);
    return { ...record, services, ...endpoints && { endpoints } };
  }

  /** What only the user can do, so that a network works on this host: a sentence each. */
  missing({ driver }: NetworkRecord): string[] {
    return [...this.#context.drivers.get(driver).missing ?? []];
  }

  /**
   * Creates a network, in the store and in the kernel.
   *
   * @param docker what a client of Docker's API said of it besides
   */
  async create(request: CreateNetwork, docker?: DockerNetworkFacts): Promise<NetworkRecord> {
    const driver = this.#context.drivers.get(request.driver ?? "bridge");
    if (!driver.capabilities.createsNetworks) {
      throw new NetsvcError(
        "forbidden",
        `Cannot create a network of the driver "${driver.name}": there is one already`,
      );
    }
    checkReserved(request.name);
    const known = this.#context.state.networkByName(request.name);
    const shared = driver.capabilities.scope === "global" || known !== undefined;
    return await confirmed(
      this.#context,
      shared ? [request.name] : [],
      () => this.#create(request, driver, docker),
    );
  }

  async #create(
    request: CreateNetwork,
    driver: ManagedDriver,
    docker?: DockerNetworkFacts,
  ): Promise<NetworkRecord> {
    checkName("network", request.name);
    this.#checkFree(request.name);
    driver.validate(request.options ?? {});
    const ipam = ipamOf(request);
    await this.#context.drivers.activate(driver);
    const needs = await driver.needsGateway(request.options ?? {});
    const gateless = (family: Pool["family"]) => !needs[family];
    return await this.#context.locks.networkName(request.name, async () => {
      const wanted = { request, driver, gateless, ...docker && { docker } };
      const make = (fixed?: Fixed) => this.#commitAndMake(wanted, fixed);
      if (ipam === undefined) return await make();
      this.#checkFree(request.name);
      return await this.#withIpam(ipam, wanted, make);
    });
  }

  /** Gets the pools of a plugin first; they are given back when there is no network after all. */
  async #withIpam(
    ipam: string,
    { request, driver, gateless }: Wanted,
    make: (fixed: Fixed) => Promise<NetworkRecord>,
  ): Promise<NetworkRecord> {
    const id = newId();
    if (ipam === "null") {
      return await make({ predefined: false, id, ...noAddresses(request, driver) });
    }
    const { scope } = driver.capabilities;
    const { given, notes } = await this.#ipams.requestPools(ipam, {
      ...{ request, network: id, scope, gateless },
    });
    try {
      const network = await make({ predefined: false, id, ...given });
      await this.#ipams.confirm(notes);
      return network;
    } catch (error) {
      await this.#ipams.giveBack(notes);
      throw error;
    }
  }

  #commitAndMake(wanted: Wanted, fixed?: Fixed): Promise<NetworkRecord> {
    const { locks, state } = this.#context;
    const { driver } = wanted;
    return tryAgain(() => {
      const id = fixed?.id ?? newId();
      return driver.change(async (changes) => {
        const { network, halves } = await locks.pools(async () => {
          const { network, transaction } = this.#decide(wanted, {
            predefined: false,
            ...fixed,
            id,
          });
          const mirror = state.mirrorOf(network);
          const halves = begin(
            () => mirror.commit(transaction),
            () => changes.createNetwork(networkSpec(network)),
          );
          await halves.committed.catch((error) => this.#late.note(id, undefined, error));
          return { network, halves };
        });
        return await finish(halves, {
          what: `network "${network.name}"`,
          confirm: () => network,
          undoMake: () => changes.deleteNetwork(networkSpec(network)),
          undoCommit: () => this.#commitRemoval(network),
        });
      });
    });
  }

  /** Takes a network back that was given up, unless somebody has come to use it. */
  async #removeLate(id: string): Promise<void> {
    const network = this.#context.state.networks.get(id)?.record;
    if (network) await this.#remove(network);
  }

  #checkFree(name: string): void {
    const known = this.#context.state.networkByName(name)?.record;
    if (!known) return;
    throw new NetsvcError(
      "exists",
      `The network "${name}" already exists${inCase(name, known.name)}; choose another name or ` +
        `remove it first`,
    );
  }

  /** A network to be. @throws {NetsvcError} when it can't be */
  #decide(
    wanted: Wanted,
    fixed: Fixed = { predefined: false },
  ): { network: NetworkRecord; transaction: Transaction } {
    const { request, driver } = wanted;
    this.#checkFree(request.name);
    const pools = fixed.pools ??
      (fixed.role === "gateway"
        ? this.#gatewayPools()
        : driver.capabilities.addresses
        ? this.#planPools(wanted)
        : []);
    if (fixed.ipam) this.#checkPools(pools, driver);
    const vni = driver.capabilities.vni ? this.#pickVni(request.options ?? {}) : undefined;
    const network: NetworkRecord = {
      id: newId(),
      name: request.name,
      driver: driver.name,
      scope: driver.capabilities.scope,
      created: now(),
      internal: request.internal ?? false,
      ipv6: pools.some(({ family }) => family === 6),
      ...vni !== undefined && { vni },
      options: request.options ?? {},
      labels: request.labels ?? {},
      ...wanted.docker && { docker: wanted.docker },
      ...fixed,
      pools,
    };
    driver.validate(network.options, network.ipv6);
    const id = JSON.stringify(network.id);
    const owned = [
      keys.networkName(network.name),
      ...vni === undefined ? [] : [keys.vni(vni)],
    ];
    return {
      network,
      transaction: {
        checks: owned.map((key) => ({ key, revision: null })),
        puts: [
          { key: keys.network(network.id), value: JSON.stringify(network) },
          ...owned.map((key) => ({ key, value: id })),
          { key: keys.networkFence(network.id), value: JSON.stringify(network.created) },
        ],
      },
    };
  }

  /** The VNI that was asked for, or any free one. @throws {NetsvcError} `exists` */
  #pickVni(options: Record<string, string>): number {
    const taken = new Map(
      this.list().flatMap(({ vni, name }) => vni === undefined ? [] : [[vni, name]]),
    );
    const given = VNI_OPTIONS.map((name) => options[name]).find((value) => value !== undefined);
    if (given !== undefined) {
      const owner = taken.get(Number(given));
      if (owner === undefined) return Number(given);
      throw new NetsvcError(
        "exists",
        `The VNI ${given} is that of network "${owner}"; choose another -o vni=, or leave it out`,
      );
    }
    // At random, so that hosts that pick at the same moment don't pick the same.
    while (true) {
      const vni = FIRST_VNI + Math.floor(Math.random() * (LAST_VNI - FIRST_VNI + 1));
      if (!taken.has(vni)) return vni;
    }
  }

  #planPools({ request, driver, gateless }: Wanted): Pool[] {
    const taken = [
      ...hostRoutes(),
      ...this.#subnets().map(({ subnet }) => subnet),
    ];
    const pools = planPools(request, (family) =>
      pickPool({
        family,
        pools: this.#context.addressPools,
        taken,
      })).map((pool) => gateless(pool.family) ? ungated(pool, request) : pool);
    this.#checkPools(pools, driver);
    return pools;
  }

  /** Subnets of all networks. */
  #subnets(): { network: string; subnet: Cidr }[] {
    return this.list().flatMap((network) =>
      network.pools.map((pool) => ({ network: network.name, subnet: parseCidr(pool.subnet) }))
    );
  }

  /** Refuses subnets that the host or another network has. */
  #checkPools(pools: Pool[], driver: Driver): void {
    // Nobody but its own members sees such a network's addresses: they may be anybody else's too.
    if (driver.capabilities.gateway === "leg") return;
    const networks = this.#subnets();
    // What a plugin's network is to the host the plugin knows: its bridge may have the route already.
    const routes = driver.capabilities.external ? [] : hostRoutes();
    for (const pool of pools) {
      const subnet = parseCidr(pool.subnet);
      const other = networks.find((n) => cidrsOverlap(n.subnet, subnet));
      if (other) {
        throw new NetsvcError(
          "exists",
          `The subnet ${pool.subnet} overlaps ${formatCidr(other.subnet)} of network ` +
            `"${other.network}"; choose another --subnet`,
        );
      }
      // A wider route of the host stays useful beside a more specific one; anything inside doesn't.
      const route = routes.find((r) => cidrContains(subnet, r));
      if (route) {
        throw new NetsvcError(
          "exists",
          `The subnet ${pool.subnet} overlaps ${formatCidr(route)}, an address or a route of ` +
            `this host; choose another --subnet`,
        );
      }
    }
  }

  /**
   * Removes a network.
   *
   * @param unpublish ends its services by force first; without it they are in the way
   * @param progress told, again and again, how many services are ended
   */
  remove(
    reference: string,
    unpublish?: (service: string) => Promise<Removed>,
    progress?: Progress,
  ): Promise<Removed> {
    return confirmed(
      this.#context,
      [reference],
      () => this.#removeNamed(reference, unpublish, progress),
    );
  }

  async #removeNamed(
    reference: string,
    unpublish?: (service: string) => Promise<Removed>,
    progress?: Progress,
  ): Promise<Removed> {
    const { state } = this.#context;
    const { record } = findNetwork(state, reference);
    if (record.predefined) {
      throw new NetsvcError(
        "forbidden",
        `Cannot remove network "${record.name}": it is predefined`,
      );
    }
    if (record.name.toLowerCase() === this.#context.defaultNetwork.toLowerCase()) {
      throw new NetsvcError(
        "forbidden",
        `Cannot remove network "${record.name}": it is the default network of this daemon`,
      );
    }
    const user = unpublish ? undefined : this.users.map((use) => use(record)).find(Boolean);
    if (user !== undefined) {
      throw new NetsvcError(
        "in_use",
        `Cannot remove network "${record.name}": ${user}; remove that first or use -f`,
      );
    }
    await this.#services.ensure(record.id);
    if (unpublish) return await this.#removeByForce(record, unpublish, progress);
    await this.#remove(record);
    return { name: record.name, cut: [] };
  }

  /** Who asks for the same again meanwhile gets the same answer. */
  #removeByForce(
    record: NetworkRecord,
    unpublish: (service: string) => Promise<Removed>,
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
    unpublish: (service: string) => Promise<Removed>,
    progress: Progress,
  ): Promise<Removed> {
    const ends = new ServiceEnds(this.#context, this.#services, record, unpublish, progress);
    const driver = this.#context.drivers.get(record.driver);
    try {
      await tryAgain(async () => {
        await ends.run(record.ipam !== undefined || driver.capabilities.external);
        try {
          await this.#remove(record);
        } catch (error) {
          // Somebody has published another one meanwhile.
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

  #remove(record: NetworkRecord): Promise<void> {
    const driver = this.#context.drivers.get(record.driver);
    return this.#ipams.releasingPools(record, () =>
      driver.removeNetwork(networkSpec(record), {
        check: () => this.#checkEmpty(record),
        commit: () => this.#commitRemoval(record),
      }));
  }

  /** @throws {NetsvcError} `in_use` naming the services of a network, if it has any */
  async #checkEmpty({ id, name, scope }: NetworkRecord): Promise<void> {
    const { store } = this.#context.state.mirrorOf({ scope });
    const services = await store.list(keys.servicesOf(id));
    if (services.length === 0) return;
    const names = services.map(({ value }) => JSON.parse(value) as ServiceRecord)
      .sort((a, b) => a.created < b.created ? -1 : 1)
      .map((service) => service.name);
    throw new NetsvcError(
      "in_use",
      `Cannot remove network "${name}": it has ${nameList("service", names)}; unpublish ` +
        `${names.length === 1 ? "it" : "them"} first or use -f`,
    );
  }

  /**
   * Takes a network out of the store. What is looked at comes from the store itself, behind the fence
   * that every publish moves: the mirror may be a moment behind.
   */
  async #commitRemoval(network: NetworkRecord): Promise<void> {
    const { id, name, vni, scope } = network;
    const mirror = this.#context.state.mirrorOf({ scope });
    const { store } = mirror;
    await tryAgain(async () => {
      // Before the services: who attaches after that writes the key of its host anew.
      const members = await store.list(keys.membersOf(id));
      const [record, fence] = [
        await store.get(keys.network(id)),
        await store.get(keys.networkFence(id)),
      ];
      if (!record) throw new NetsvcError("not_found", `No such network: "${name}"; it was removed`);
      await this.#checkEmpty(network);
      // First what nobody misses, however much it is; then, in one transaction, the network.
      const remains = [...members, ...await store.list(keys.retiredOf(id))];
      for (let i = 0; i < remains.length; i += DELETE_BATCH) {
        const batch = remains.slice(i, i + DELETE_BATCH);
        const outcome = await mirror.commit({
          checks: batch.map(({ key, revision }) => ({ key, revision })),
          deletes: batch.map(({ key }) => key),
        });
        if (!outcome.ok) return { conflict: outcome.failed };
      }
      const outcome = await mirror.commit({
        checks: [
          { key: keys.network(id), revision: record.revision },
          { key: keys.networkFence(id), revision: fence?.revision ?? null },
        ],
        deletes: [
          keys.network(id),
          keys.networkName(name),
          ...vni === undefined ? [] : [keys.vni(vni)],
          ...fence ? [keys.networkFence(id)] : [],
        ],
      });
      return outcome.ok ? { done: undefined } : { conflict: outcome.failed };
    });
  }

  /** The network that carries legs, made when the first one is needed. */
  ensureGateway(): Promise<NetworkRecord> {
    const { state, locks, drivers } = this.#context;
    return locks.networkName(GATEWAY_NETWORK, async () => {
      const existing = [...state.networks.values()].find(({ record }) => record.role === "gateway");
      if (existing) return existing.record;
      const wanted = plain(
        { name: GATEWAY_NETWORK, options: { icc: "false" } },
        drivers.get("bridge"),
      );
      return await this.#commitAndMake(wanted, { predefined: true, role: "gateway" });
    });
  }

  #gatewayPools(): Pool[] {
    try {
      readFileSync("/proc/net/if_inet6");
    } catch {
      return [GATEWAY_POOL]; // A kernel without IPv6.
    }
    // A leg must clash with no network that its container is on, so with none that there is.
    const networks = this.list().flatMap(({ pools }) => pools.map((p) => parseCidr(p.subnet)));
    const subnet = pickPool({
      family: 6,
      pools: this.#context.addressPools,
      taken: [...hostRoutes(), ...networks],
    });
    return planPools(
      { name: GATEWAY_NETWORK, subnets: [formatCidr(subnet)] },
      () => parseCidr(GATEWAY_POOL.subnet),
    );
  }

  /**
   * Makes the networks that every host has, and the default network, where they are missing.
   * Their kernel objects are the reconciler's work: at this point nothing of it may be touched yet.
   * A plugin's network is {@linkcode ensureDefault}'s.
   *
   * @throws {NetsvcError} `invalid` when the default network is of another driver
   */
  async ensurePredefined(defaults: { driver: string; network: string }): Promise<void> {
    const { drivers } = this.#context;
    checkDefaultNetwork(
      drivers.get(defaults.driver),
      defaults.network,
      this.#context.state.networkByName(defaults.network),
    );
    for (
      const [name, driver] of [...Object.entries(PREDEFINED), [defaults.network, defaults.driver]]
    ) {
      const of = drivers.get(driver!);
      if (this.#context.state.networkByName(name!) || of.capabilities.external) continue;
      const predefined = Object.hasOwn(PREDEFINED, name!);
      const mirror = this.#context.state.mirrorOf({ scope: of.capabilities.scope });
      await tryAgain(async () => {
        // Another host may make it at the same moment.
        if (this.#context.state.networkByName(name!)) return { done: undefined };
        const { transaction } = this.#decide(plain({ name: name! }, of), { predefined });
        const outcome = await mirror.commit(transaction);
        return outcome.ok ? { done: undefined } : { conflict: outcome.failed };
      });
    }
  }

  /** Makes the default network where it is missing and a plugin's, which may take a while. */
  async ensureDefault({ driver, network }: { driver: string; network: string }): Promise<void> {
    if (!this.#context.drivers.get(driver).capabilities.external) return;
    if (this.#context.state.networkByName(network)) return;
    try {
      await this.create({ name: network, driver });
    } catch (error) {
      // Another host may have made it at the same moment.
      if (!(error instanceof NetsvcError) || error.code !== "exists") throw error;
    }
  }
}

/** What a network is decided by. */
interface Wanted {
  request: CreateNetwork;
  driver: ManagedDriver;
  /** Whether its pools of a family need no gateway. */
  gateless: (family: Pool["family"]) => boolean;
  docker?: DockerNetworkFacts;
}

/** What is decided of it already. */
type Fixed =
  & Pick<NetworkRecord, "predefined" | "role" | "ipam">
  & Partial<Pick<NetworkRecord, "id" | "pools">>;

/** A network that no plugin has to do with. */
function plain(request: CreateNetwork, driver: ManagedDriver): Wanted {
  return { request, driver, gateless: () => driver.capabilities.gateway === "leg" };
}

/** Pools of a network whose addresses are up to its driver's plugin. */
function noAddresses(request: CreateNetwork, driver: Driver): Pick<Fixed, "pools" | "ipam"> {
  const { subnets = [], gateways = [], ranges = [], aux = {} } = request;
  if (!driver.capabilities.external) {
    throw new NetsvcError(
      "invalid",
      `The driver "${driver.name}" gives no addresses itself; leave --ipam-driver null out`,
    );
  }
  if ([...subnets, ...gateways, ...ranges, ...Object.keys(aux)].length > 0) {
    throw new NetsvcError(
      "invalid",
      "A network with --ipam-driver null has no addresses of its own; leave --subnet, --gateway, " +
        "--ip-range and --aux-address out",
    );
  }
  const options = request.ipamOptions ?? {};
  return { pools: [], ipam: { driver: "null", options, pools: [], replay: false } };
}

/** A pool without the gateway that nobody serves, unless the user wants the address kept free. */
function ungated({ gateway, ...pool }: Pool, request: CreateNetwork): Pool {
  const asked = (request.gateways ?? []).some((text) => formatIp(parseIp(text)) === gateway);
  return asked ? { ...pool, gateway: gateway! } : pool;
}

/**
 * Checks `--default-network` against the network of that name, if there is one.
 *
 * @throws {NetsvcError} `invalid`
 */
export function checkDefaultNetwork(
  driver: Driver,
  name: string,
  existing: Stored<NetworkRecord> | undefined,
): void {
  const of = existing?.record.driver ?? predefinedDriver(name);
  const value = `${driver.name}:${name}`;
  if (of !== undefined && of !== driver.name) {
    throw new NetsvcError(
      "invalid",
      `Invalid default network "${value}": the network "${name}" is of the driver "${of}"; ` +
        `use "${of}:${name}"`,
    );
  }
  if (of === undefined && !driver.capabilities.createsNetworks) {
    const only = Object.entries(PREDEFINED).find(([, d]) => d === driver.name)?.[0];
    throw new NetsvcError(
      "invalid",
      `Invalid default network "${value}": the driver "${driver.name}" makes no networks; ` +
        `use "${driver.name}:${only}"`,
    );
  }
  if (of !== undefined) return;
  checkName("network", name);
  checkReserved(name);
}
