/**
 * What is written when a network is created. Decides only; neither store nor kernel is touched.
 *
 * @module
 */
import type { Cidr } from "../../../lib/ip/cidr.ts";
import { NetsvcError } from "../../../lib/api/errors.ts";
import type { ManagedDriver } from "../../drivers/managed_driver.ts";
import { newId, now } from "../../model/identity.ts";
import type { DockerNetworkFacts, NetworkRecord } from "../../model/records.ts";
import { networkRecords } from "../../model/repository/networks.ts";
import type { State } from "../../model/state.ts";
import type { Fragment } from "../../model/transaction.ts";
import type { AddressPool } from "../../ipam/default_pools.ts";
import { inCase } from "../labels.ts";
import {
  checkPools,
  planGatewayPools,
  planNetworkPools,
  type PoolsWanted,
  readHostRoutes,
} from "./pools.ts";
import { pickVni } from "./vni.ts";

/** What the decision on a network depends on. */
export interface Wanted extends PoolsWanted {
  driver: ManagedDriver;
  docker?: DockerNetworkFacts;
}

/** Parts that are fixed in advance. */
export type Fixed = Partial<
  Pick<NetworkRecord, "id" | "predefined" | "role" | "ipam" | "pools">
>;

/** What deciding on networks needs of the daemon. */
export interface DecisionContext {
  readonly state: State;
  readonly addressPools: AddressPool[];
  /** Whether networks that can be encrypted are, unless their user says otherwise. */
  readonly encryptByDefault: () => boolean;
}

/** @throws {NetsvcError} `exists` when a network has the name */
export function checkFree({ state }: Pick<DecisionContext, "state">, name: string): void {
  const known = state.networkByName(name)?.record;
  if (!known) return;
  throw new NetsvcError(
    "exists",
    `The network "${name}" already exists${inCase(name, known.name)}; choose another name or ` +
      `remove it first`,
  );
}

/** Decides a network and all that is written for it. @throws {NetsvcError} when it can't be created */
export function decideNetwork(
  context: DecisionContext,
  wanted: Wanted,
  fixed: Fixed = {},
): { network: NetworkRecord; transaction: Fragment } {
  const { request, driver } = wanted;
  checkFree(context, request.name);
  const networks = [...context.state.networks.values()].map(({ record }) => record);
  const pools = poolsOf(wanted, fixed, { ...context, networks });
  const vni = driver.capabilities.vni ? pickVni(request.options ?? {}, networks) : undefined;
  const network: NetworkRecord = {
    id: newId(),
    name: request.name,
    driver: driver.name,
    scope: driver.capabilities.scope,
    created: now(),
    internal: request.internal ?? false,
    ipv6: pools.some(({ family }) => family === 6),
    predefined: false,
    ...vni !== undefined && { vni },
    options: optionsOf(context, wanted),
    labels: request.labels ?? {},
    ...wanted.docker && { docker: wanted.docker },
    ...fixed,
    pools,
  };
  driver.validate(network.options, network.ipv6);
  return { network, transaction: networkRecords.create(network) };
}

/** The options, and the default of encryption: it stays as it is when the default becomes another. */
function optionsOf(
  { encryptByDefault }: DecisionContext,
  { request: { options = {} }, driver }: Wanted,
): Record<string, string> {
  const decides = driver.capabilities.encrypts === true && options["encrypted"] === undefined;
  return decides && encryptByDefault() ? { ...options, encrypted: "true" } : options;
}

function poolsOf(
  wanted: Wanted,
  { pools, ipam, role }: Fixed,
  context: DecisionContext & { networks: NetworkRecord[] },
) {
  let routes: Cidr[] | undefined; // The same for all that one decision asks.
  const around = { ...context, hostRoutes: () => routes ??= readHostRoutes() };
  if (ipam) checkPools({ pools: pools ?? [], driver: wanted.driver }, around);
  if (pools) return pools;
  if (role === "gateway") return planGatewayPools(around);
  return wanted.driver.capabilities.addresses ? planNetworkPools(wanted, around) : [];
}
