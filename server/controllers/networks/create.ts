/**
 * Creates networks, in the store and in the kernel.
 *
 * @module
 */
import type { Driver } from "../../../drivers/driver.ts";
import { errorChain, NetsvcError } from "../../../lib/api/errors.ts";
import { checkName } from "../../../lib/api/names.ts";
import type { CreateNetwork, Pool } from "../../../lib/api/types.ts";
import type { ManagedDriver } from "../../drivers/managed_driver.ts";
import { networkSpec } from "../../drivers/network_spec.ts";
import type { Ipams } from "../../drivers/ipam/ipams.ts";
import { ipamOf } from "../../drivers/ipam/plugins.ts";
import { begin, finish } from "../../drivers/side_by_side.ts";
import { newId } from "../../model/identity.ts";
import { InDoubt } from "../../model/in_doubt.ts";
import type { DockerNetworkFacts, NetworkRecord } from "../../model/records.ts";
import { tryAgain } from "../../model/transaction.ts";
import { confirmed } from "../confirmed.ts";
import { type Context, log } from "../context.ts";
import { checkFree, decideNetwork, type Fixed, type Wanted } from "./decide.ts";
import { checkReserved } from "./names.ts";
import type { RemoveNetworks } from "./remove.ts";

/** What creating networks needs of the daemon. */
export type CreateContext = Pick<
  Context,
  "state" | "cluster" | "drivers" | "locks" | "addressPools" | "encryptByDefault"
>;

export class CreateNetworks {
  readonly #context: CreateContext;
  readonly #ipams: Ipams;
  readonly #removal: Pick<RemoveNetworks, "commit" | "remove">;
  /** Networks whose commit is in doubt. */
  readonly #inDoubt: InDoubt<undefined>;

  constructor(
    context: CreateContext,
    ipams: Ipams,
    removal: Pick<RemoveNetworks, "commit" | "remove">,
  ) {
    this.#context = context;
    this.#ipams = ipams;
    this.#removal = removal;
    this.#inDoubt = new InDoubt(context.state, "network", (id) => this.#rollBackLate(id));
  }

  /** @param docker further facts from a client of Docker's API */
  async create(request: CreateNetwork, docker?: DockerNetworkFacts): Promise<NetworkRecord> {
    const { state, drivers } = this.#context;
    const driver = drivers.get(request.driver ?? "bridge");
    if (!driver.capabilities.createsNetworks) {
      throw new NetsvcError(
        "forbidden",
        `Cannot create a network of the driver "${driver.name}": there is one already`,
      );
    }
    checkReserved(request.name);
    const shared = driver.capabilities.scope === "global" ||
      state.networkByName(request.name) !== undefined;
    return await confirmed(
      { context: this.#context, networks: shared ? [request.name] : [] },
      () => this.#create(request, driver, docker),
    );
  }

  async #create(
    request: CreateNetwork,
    driver: ManagedDriver,
    docker?: DockerNetworkFacts,
  ): Promise<NetworkRecord> {
    checkName("network", request.name);
    checkFree(this.#context, request.name);
    driver.validate(request.options ?? {});
    const ipam = ipamOf(request);
    await this.#context.drivers.activate(driver);
    const needs = await driver.needsGateway(request.options ?? {});
    const gateless = (family: Pool["family"]) => !needs[family];
    const wanted = { request, driver, gateless, ...docker && { docker } };
    return await this.#context.locks.networkName(request.name, () => {
      if (ipam === undefined) return this.make(wanted);
      checkFree(this.#context, request.name);
      return this.#withIpam(ipam, wanted);
    });
  }

  /** Requests the pools from a plugin first; they are released when the creation fails. */
  async #withIpam(ipam: string, wanted: Wanted): Promise<NetworkRecord> {
    const { request, driver, gateless } = wanted;
    const id = newId();
    if (ipam === "null") return await this.make(wanted, { id, ...noAddresses(request, driver) });
    const { scope } = driver.capabilities;
    const { given, notes } = await this.#ipams.requestPools(
      ipam,
      { request, network: id, scope, gateless },
    );
    try {
      const network = await this.make(wanted, { id, ...given });
      await this.#ipams.confirm(notes);
      return network;
    } catch (error) {
      await this.#ipams.giveBack(notes);
      throw error;
    }
  }

  /** Creates a network; the caller holds the lock of its name. */
  make(wanted: Wanted, fixed: Fixed = {}): Promise<NetworkRecord> {
    const { locks, state } = this.#context;
    return tryAgain(() => {
      const id = fixed.id ?? newId();
      let doubt: unknown;
      return wanted.driver.change(async (changes) => {
        const { network, halves } = await locks.pools(async () => {
          const { network, transaction } = decideNetwork(this.#context, wanted, { ...fixed, id });
          const halves = begin(
            () => state.mirrorOf(network).commit(transaction),
            () => changes.createNetwork(networkSpec(network)),
          );
          await halves.committed.catch((error) => doubt = error);
          return { network, halves };
        });
        return await finish(halves, {
          what: `network "${network.name}"`,
          confirm: () => network,
          undoMake: () => changes.deleteNetwork(networkSpec(network)),
          undoCommit: () => this.#removal.commit(network),
        });
      }).finally(() => doubt === undefined || this.#rollBack(id, doubt));
    });
  }

  /** Removes a network whose commit is in doubt, if the store has it: now, or as soon as it is seen. */
  async #rollBack(id: string, doubt: unknown): Promise<void> {
    if (!this.#context.state.networks.has(id)) return this.#inDoubt.note(id, undefined, doubt);
    try {
      await this.#rollBackLate(id);
    } catch (error) {
      log.error("Cannot roll back a network: {cause}", { cause: errorChain(error).join(": ") });
    }
  }

  /** Removes a network whose commit turned out to have happened, unless it is in use by now. */
  async #rollBackLate(id: string): Promise<void> {
    const network = this.#context.state.networks.get(id)?.record;
    if (network) await this.#removal.remove(network);
  }
}

/** Pools of a network whose driver manages the addresses. */
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
