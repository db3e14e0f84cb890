/**
 * Networks: create, remove, list.
 *
 * @module
 */
import { readFileSync } from "../../drivers/kernel/libc.ts";
import type { Driver, NetworkSpec } from "../../drivers/driver.ts";
import type { Transaction } from "../../kv/store.ts";
import { parseFibTrie, parseIpv6Routes } from "../ipam/host_routes.ts";
import {
  type Cidr,
  cidrContains,
  cidrsOverlap,
  formatCidr,
  formatIp,
  parseCidr,
  parseIp,
} from "../ipam/cidr.ts";
import { pickPool } from "../ipam/default_pools.ts";
import { planPools } from "../ipam/network_pools.ts";
import { keys } from "../state/keys.ts";
import type { NetworkRecord, ServiceRecord } from "../state/records.ts";
import type { Stored } from "../state/state.ts";
import { errorChain, NetsvcError } from "../wire/errors.ts";
import { checkName } from "../wire/names.ts";
import type { CreateNetwork, NetworkDetail, Pool, Removed } from "../wire/types.ts";
import {
  type Context,
  decideAndCommit,
  driverNamed,
  log,
  newId,
  now,
  tryAgain,
} from "./context.ts";
import { GATEWAY_NETWORK, GATEWAY_POOL } from "./legs.ts";
import { findNetwork } from "./references.ts";
import { nameList, type Services } from "./services.ts";

/** Names that `--net` gives a meaning of their own. */
const RESERVED = new Set(["container", "default", GATEWAY_NETWORK]);
/** Networks that every host has, with their drivers. */
const PREDEFINED: Record<string, string> = { none: "null", host: "host", bridge: "bridge" };
/** Keys deleted in one transaction. */
const DELETE_BATCH = 50;
/** VNIs that are picked: the low ones are left to those who give them by hand. */
const FIRST_VNI = 4096, LAST_VNI = 2 ** 24 - 1;
/** Spellings of the option that asks for a VNI. */
const VNI_OPTIONS = ["vni", "com.docker.network.driver.overlay.vxlanid_list"];

/** What the driver is told of a network. */
export function networkSpec(network: NetworkRecord): NetworkSpec {
  const { id, name, internal, ipv6, pools, options, vni } = network;
  return { id, name, internal, ipv6, pools, options, ...vni !== undefined && { vni } };
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

  constructor(context: Context, services: Services) {
    this.#context = context;
    this.#services = services;
  }

  list(): NetworkRecord[] {
    return [...this.#context.state.networks.values()].map(({ record }) => record)
      .sort((a, b) => a.created < b.created ? -1 : a.created > b.created ? 1 : 0);
  }

  find(reference: string): NetworkRecord {
    return findNetwork(this.#context.state, reference).record;
  }

  async info(reference: string): Promise<NetworkDetail> {
    const record = this.find(reference);
    return { ...record, services: await this.#services.list(record.id) };
  }

  /** Creates a network, in the store and in the kernel. */
  async create(request: CreateNetwork): Promise<NetworkRecord> {
    const driver = driverNamed(this.#context, request.driver ?? "bridge");
    if (!driver.capabilities.createsNetworks) {
      throw new NetsvcError(
        "forbidden",
        `Cannot create a network of the driver "${driver.name}": there is one already`,
      );
    }
    if (RESERVED.has(request.name)) {
      throw new NetsvcError("invalid", `The network name "${request.name}" is reserved`);
    }
    return await this.#create(request, driver);
  }

  async #create(
    request: CreateNetwork,
    driver: Driver,
  ): Promise<NetworkRecord> {
    checkName("network", request.name);
    this.#checkFree(request.name);
    driver.validate(request.options ?? {});
    const { gate, locks } = this.#context;
    return await gate.shared(() =>
      locks.run(`network-name:${request.name}`, () => this.#commitAndMake(request, driver))
    );
  }

  /**
   * Store and kernel are written side by side: neither needs the other's answer, what one refuses is
   * taken back from the other, and after a crash between the two the reconciler goes by the store.
   */
  async #commitAndMake(request: CreateNetwork, driver: Driver): Promise<NetworkRecord> {
    const { locks, state } = this.#context;
    return await tryAgain(async () => {
      let making: Promise<void> | undefined;
      const [network, outcome] = await locks.run("pools", async () => {
        const { network, transaction } = this.#decide(request, driver);
        making = driver.createNetwork(networkSpec(network));
        making.catch(() => {}); // Looked at below, when the next in line may decide already.
        const [settled] = await Promise.allSettled([state.mirrorOf(network).commit(transaction)]);
        return [network, settled] as const;
      });
      const [made] = await Promise.allSettled([making]);
      const won = outcome.status === "fulfilled" && outcome.value.ok;
      if (won && made.status === "fulfilled") return { done: network };
      const undo = [
        driver.deleteNetwork(networkSpec(network)),
        ...won ? [this.#commitRemoval(network)] : [],
      ];
      for (const result of await Promise.allSettled(undo)) {
        if (result.status === "fulfilled") continue;
        const cause = errorChain(result.reason).join(": ");
        log.error("Cannot take back network {name}: {cause}", { name: network.name, cause });
      }
      if (made.status === "rejected") throw made.reason;
      if (outcome.status === "rejected") throw outcome.reason;
      return { conflict: outcome.value.ok ? "" : outcome.value.failed };
    });
  }

  #checkFree(name: string): void {
    if (!this.#context.state.networkByName(name)) return;
    throw new NetsvcError(
      "exists",
      `The network "${name}" already exists; choose another name or remove it first`,
    );
  }

  /** A network to be. @throws {NetsvcError} when it can't be */
  #decide(
    request: CreateNetwork,
    driver: Driver,
    fixed: Pick<NetworkRecord, "predefined" | "role"> & { pools?: Pool[] } = { predefined: false },
  ): { network: NetworkRecord; transaction: Transaction } {
    this.#checkFree(request.name);
    const pools = fixed.pools ??
      (driver.capabilities.addresses ? this.#planPools(request, driver) : []);
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
      ...fixed,
      pools,
    };
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

  #planPools(request: CreateNetwork, driver: Driver): Pool[] {
    const routes = hostRoutes();
    const networks = this.list().flatMap((network) =>
      network.pools.map((pool) => ({ network: network.name, subnet: parseCidr(pool.subnet) }))
    );
    const pools = planPools(request, (family) =>
      pickPool({
        family,
        pools: this.#context.addressPools,
        taken: [...routes, ...networks.map(({ subnet }) => subnet)],
      }));
    // Nobody but its own members sees such a network's addresses: they may be anybody else's too.
    if (driver.capabilities.gateway === "leg") return pools.map((p) => ungated(p, request));
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
    return pools;
  }

  /**
   * Removes a network.
   *
   * @param unpublish ends its services by force first; without it they are in the way
   */
  async remove(
    reference: string,
    unpublish?: (service: string) => Promise<Removed>,
  ): Promise<Removed> {
    const { state, gate } = this.#context;
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
    await this.#services.ensure(record.id);
    const cut: string[] = [];
    if (unpublish) {
      for (const { record: service } of state.servicesOf(record.id)) {
        const removed = await unpublish(service.id);
        cut.push(...removed.cut, `service ${removed.name}`);
      }
    }
    await gate.shared(async () => {
      await this.#commitRemoval(record);
      await driverNamed(this.#context, record.driver).deleteNetwork(networkSpec(record));
    });
    return { name: record.name, cut };
  }

  /**
   * Takes a network out of the store. What is looked at comes from the store itself, behind the fence
   * that every publish moves: the mirror may be a moment behind.
   */
  async #commitRemoval({ id, name, vni, scope }: NetworkRecord): Promise<void> {
    const mirror = this.#context.state.mirrorOf({ scope });
    const { store } = mirror;
    await tryAgain(async () => {
      const [record, fence] = [
        await store.get(keys.network(id)),
        await store.get(keys.networkFence(id)),
      ];
      if (!record) throw new NetsvcError("not_found", `No such network: "${name}"; it was removed`);
      const services = await store.list(keys.servicesOf(id));
      if (services.length > 0) {
        const names = services.map(({ value }) => JSON.parse(value) as ServiceRecord)
          .sort((a, b) => a.created < b.created ? -1 : 1)
          .map((service) => service.name);
        throw new NetsvcError(
          "in_use",
          `Cannot remove network "${name}": it has ${nameList("service", names)}`,
        );
      }
      // First what nobody misses, however much it is; then, in one transaction, the network.
      const remains = [
        ...await store.list(keys.retiredOf(id)),
        ...await store.list(keys.membersOf(id)),
      ];
      for (let i = 0; i < remains.length; i += DELETE_BATCH) {
        const deletes = remains.slice(i, i + DELETE_BATCH).map(({ key }) => key);
        await mirror.commit({ deletes });
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
  async ensureGateway(): Promise<NetworkRecord> {
    const { state, gate, locks } = this.#context;
    return await gate.shared(() =>
      locks.run(`network-name:${GATEWAY_NETWORK}`, async () => {
        const existing = [...state.networks.values()].find(({ record }) =>
          record.role === "gateway"
        );
        if (existing) return existing.record;
        const driver = driverNamed(this.#context, "bridge");
        const network = await decideAndCommit(state.local, () => {
          const { network, transaction } = this.#decide(
            { name: GATEWAY_NETWORK, options: { icc: "false" } },
            driver,
            { predefined: true, role: "gateway", pools: this.#gatewayPools() },
          );
          return { transaction, result: network };
        });
        try {
          await driver.createNetwork(networkSpec(network));
        } catch (error) {
          await this.#commitRemoval(network);
          throw error;
        }
        return network;
      })
    );
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
   *
   * @throws {NetsvcError} `invalid` when the default network is of another driver
   */
  async ensurePredefined(defaults: { driver: string; network: string }): Promise<void> {
    checkDefaultNetwork(
      driverNamed(this.#context, defaults.driver),
      defaults.network,
      this.#context.state.networkByName(defaults.network),
    );
    for (
      const [name, driver] of [...Object.entries(PREDEFINED), [defaults.network, defaults.driver]]
    ) {
      if (this.#context.state.networkByName(name!)) continue;
      const of = driverNamed(this.#context, driver!);
      const predefined = Object.hasOwn(PREDEFINED, name!);
      const mirror = this.#context.state.mirrorOf({ scope: of.capabilities.scope });
      await tryAgain(async () => {
        // Another host may make it at the same moment.
        if (this.#context.state.networkByName(name!)) return { done: undefined };
        const { transaction } = this.#decide({ name: name! }, of, { predefined });
        const outcome = await mirror.commit(transaction);
        return outcome.ok ? { done: undefined } : { conflict: outcome.failed };
      });
    }
  }
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
  const of = existing?.record.driver ?? PREDEFINED[name];
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
  if (of === undefined) checkName("network", name);
}
