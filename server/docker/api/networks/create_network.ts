/**
 * `POST /networks/create`.
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
import type { z } from "zod";
import { NetsvcError } from "../../../../lib/api/errors.ts";
import type { NetworkCreate } from "../bodies.ts";
import type { DockerContext } from "../context.ts";
import type { NetworkConfigs } from "./network_configs.ts";
import { readNetworkCreate } from "./network_create.ts";
import { netsvcName } from "./network_names.ts";
import { readNetworkOptions } from "./network_options.ts";

const log = getLogger(["netsvc", "docker"]);

/** Docker's drivers that connect containers to the host's own network. */
const LINK_DRIVERS = ["macvlan", "ipvlan"];

type Where = Pick<DockerContext, "networks" | "context"> & { configs: NetworkConfigs };

/** Creates a network, or saves a configuration. @returns the answer. @throws {NetsvcError} */
export async function createNetwork(
  asked: z.output<typeof NetworkCreate>,
  { networks, context, configs }: Where,
): Promise<{ Id: string; Warning: string }> {
  if (configs.list().some(({ body }) => body.Name === asked.Name)) {
    throw new NetsvcError("exists", `network with name ${asked.Name} already exists`);
  }
  const body = configs.apply(asked);
  const { request, scope } = readNetworkCreate(body);
  if (asked.ConfigOnly) {
    netsvcName(asked.Name, networks.list());
    return { Id: (await configs.create(asked)).id, Warning: "" };
  }
  const driver = context.drivers.get(request.driver ?? "bridge");
  if (scope && driver.capabilities.scope !== scope) {
    throw new NetsvcError(
      "invalid",
      `Networks of the driver "${driver.name}" have the scope "${driver.capabilities.scope}"`,
    );
  }
  const { options, others, warnings, ...families } = readNetworkOptions(
    driver,
    body.Options ?? {},
  );
  const name = netsvcName(body.Name, networks.list());
  const network = await networks.create({ ...request, ...families, name, options }, {
    ...name !== body.Name && { name: body.Name },
    ...body.Attachable && { attachable: true },
    ...Object.keys(others).length > 0 && { options: others },
    ...body.IPAM?.Options && { ipamOptions: body.IPAM.Options },
    ...body.ConfigFrom?.Network && { configFrom: body.ConfigFrom.Network },
  }).catch((error) => {
    throw withoutLinkDrivers(request.driver, error);
  });
  for (const warning of warnings) log.warn("{warning}", { warning });
  warnings.push(...networks.missing(network));
  return { Id: network.id, Warning: warnings.join("; ") };
}

/** Adds the alternatives to the error about a driver that netsvc doesn't have. */
function withoutLinkDrivers(driver: string | undefined, error: unknown): unknown {
  const missing = driver !== undefined && LINK_DRIVERS.includes(driver) &&
    error instanceof NetsvcError && error.code === "not_found";
  if (!missing) return error;
  return new NetsvcError(
    "invalid",
    `netsvc has no driver "${driver}": use "bridge" and publish ports, "overlay" for several hosts, or a ` +
      `libnetwork plugin of that name`,
    { cause: error },
  );
}
