/**
 * Networks: create, remove, list.
 *
 * @module
 */
import { readFileSync } from "../../drivers/kernel/libc.ts";
import type { Driver, NetworkSpec } from "../../drivers/driver.ts";
import type { Transaction } from "../../kv/store.ts";
import { parseFibTrie, parseIpv6Routes } from "../ipam/host_routes.ts";
import { type Cidr, cidrContains, cidrsOverlap, formatCidr, parseCidr } from "../ipam/cidr.ts";
import { pickPool } from "../ipam/default_pools.ts";
import { planPools } from "../ipam/network_pools.ts";
import { keys } from "../state/keys.ts";
import type { NetworkRecord } from "../state/records.ts";
import type { Stored } from "../state/state.ts";
import { errorChain, NetsvcError } from "../wire/errors.ts";
import { checkName } from "../wire/names.ts";
import type { CreateNetwork, NetworkDetail, Pool, Removed } from "../wire/types.ts";
import {
  type Context,
  decideAndCommit,
  driverNamed,
  log,
  networkAndDriver,
  newId,
  now,
  revisionOf,
  tryAgain,
} from "./context.ts";
import { findNetwork } from "./references.ts";
import { nameList, type Services } from "./services.ts";

/** Names that `--net` gives a meaning of their own. */
const RESERVED = new Set(["container", "default"]);

/** What the driver is told of a network. */
export function networkSpec(network: NetworkRecord): NetworkSpec {
  const { id, name, internal, ipv6, pools, options } = network;
  return { id, name, internal, ipv6, pools, options };
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

  info(reference: string): NetworkDetail {
    const { record } = findNetwork(this.#context.state, reference);
    return { ...record, services: this.#services.list(record.id) };
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
        const { network, transaction } = this.#decide(request, driver, false);
        making = driver.createNetwork(networkSpec(network));
        making.catch(() => {}); // Looked at below, when the next in line may decide already.
        const [settled] = await Promise.allSettled([state.mirror.commit(transaction)]);
        return [network, settled] as const;
      });
      const [made] = await Promise.allSettled([making]);
      const won = outcome.status === "fulfilled" && outcome.value.ok;
      if (won && made.status === "fulfilled") return { done: network };
      const undo = [
        driver.deleteNetwork(networkSpec(network)),
        ...won ? [this.#forget(network.id)] : [],
      ];
      for (const result of await Promise.allSettled(undo)) {
        if (result.status === "fulfilled") continue;
        const cause = errorChain(result.reason).join(": ");
        log.error("Cannot take back network {name}: {cause}", { name: network.name, cause });
      }
      if (made.status === "rejected") throw made.reason;
      if (outcome.status === "rejected") throw outcome.reason;
      return { conflict: keys.networkName(network.name) };
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
    predefined: boolean,
  ): { network: NetworkRecord; transaction: Transaction } {
    this.#checkFree(request.name);
    const pools = driver.capabilities.addresses ? this.#planPools(request) : [];
    const network: NetworkRecord = {
      id: newId(),
      name: request.name,
      driver: driver.name,
      scope: driver.capabilities.scope,
      created: now(),
      internal: request.internal ?? false,
      ipv6: pools.some(({ family }) => family === 6),
      pools,
      options: request.options ?? {},
      labels: request.labels ?? {},
      predefined,
    };
    return {
      network,
      transaction: {
        checks: [{ key: keys.networkName(network.name), revision: null }],
        puts: [
          { key: keys.network(network.id), value: JSON.stringify(network) },
          { key: keys.networkName(network.name), value: JSON.stringify(network.id) },
          { key: keys.networkFence(network.id), value: JSON.stringify(network.created) },
        ],
      },
    };
  }

  #planPools(request: CreateNetwork): Pool[] {
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

  /** Removes a network; with `force`, its services too. */
  async remove(reference: string, force: boolean): Promise<Removed> {
    const { state, gate } = this.#context;
    const { record } = findNetwork(state, reference);
    if (record.predefined) {
      throw new NetsvcError(
        "forbidden",
        `Cannot remove network "${record.name}": it is predefined`,
      );
    }
    if (record.name === this.#context.defaultNetwork) {
      throw new NetsvcError(
        "forbidden",
        `Cannot remove network "${record.name}": it is the default network of this daemon`,
      );
    }
    const cut: string[] = [];
    if (force) {
      for (const { record: service } of state.servicesOf(record.id)) {
        const removed = await this.#services.unpublish(service.id, true);
        cut.push(...removed.cut, `service ${removed.name}`);
      }
    }
    await gate.shared(async () => {
      await decideAndCommit(this.#context, () => ({
        transaction: this.#removal(record.id),
        result: undefined,
      }));
      await driverNamed(this.#context, record.driver).deleteNetwork(networkSpec(record));
    });
    return { name: record.name, cut };
  }

  #removal(id: string) {
    const { network } = networkAndDriver(this.#context, id);
    const services = this.#context.state.servicesOf(id);
    if (services.length > 0) {
      throw new NetsvcError(
        "in_use",
        `Cannot remove network "${network.record.name}": it has ` +
          `${nameList("service", services.map(({ record }) => record.name))}`,
      );
    }
    const fence = keys.networkFence(id);
    return {
      checks: [
        { key: keys.network(id), revision: network.revision },
        { key: fence, revision: revisionOf(this.#context, fence) },
      ],
      deletes: [
        keys.network(id),
        keys.networkName(network.record.name),
        fence,
        ...this.#context.state.mirror.list(keys.retiredOf(id)).map(({ key }) => key),
      ],
    };
  }

  /** Takes back a network that the kernel refused. */
  async #forget(id: string): Promise<void> {
    await decideAndCommit(this.#context, () => ({
      transaction: this.#removal(id),
      result: undefined,
    }));
  }

  /**
   * Makes the networks that every host has, and the default network, where they are missing.
   * Their kernel objects are the reconciler's work: at this point nothing of it may be touched yet.
   *
   * @throws {NetsvcError} `invalid` when the default network is of another driver
   */
  async ensurePredefined(defaults: { driver: string; network: string }): Promise<void> {
    const wanted = [
      { name: "none", driver: "null" },
      { name: "host", driver: "host" },
      { name: "bridge", driver: "bridge" },
    ];
    checkDefaultNetwork(
      driverNamed(this.#context, defaults.driver),
      defaults.network,
      this.#context.state.networkByName(defaults.network),
    );
    const missing = [...wanted, { name: defaults.network, driver: defaults.driver }];
    for (const { name, driver } of missing) {
      if (this.#context.state.networkByName(name)) continue;
      const predefined = wanted.some((network) => network.name === name);
      await decideAndCommit(this.#context, () => {
        const of = driverNamed(this.#context, driver);
        const { network, transaction } = this.#decide({ name }, of, predefined);
        return { transaction, result: network };
      });
    }
  }
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
  const PREDEFINED: Record<string, string> = { none: "null", host: "host", bridge: "bridge" };
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
