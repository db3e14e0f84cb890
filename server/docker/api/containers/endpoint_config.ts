/**
 * Parses the endpoint settings that a Docker client requests for a container on a network. Pure.
 *
 * @module
 */
import type { z } from "zod";
import { NetsvcError } from "../../../../lib/api/errors.ts";
import { checkAlias } from "../../../../lib/api/names.ts";
import type { LinkAlias } from "../../../../lib/api/types.ts";
import { parseIp } from "../../../../lib/ip/cidr.ts";
import { serviceName } from "../../../controllers/docker/names.ts";
import type { DesiredEndpoint } from "../../../model/repository/desired.ts";
import type { EndpointConfig } from "../bodies.ts";

/**
 * Parses the endpoint settings of a container on a network.
 *
 * @throws {NetsvcError} `invalid` for settings that netsvc's networks don't support
 */
export function readEndpoint(
  network: { id: string; name: string },
  config: z.output<typeof EndpointConfig> | undefined,
): DesiredEndpoint {
  const ipam = config?.IPAMConfig;
  if (ipam?.LinkLocalIPs && ipam.LinkLocalIPs.length > 0) {
    refuse(`Invalid link-local address "${ipam.LinkLocalIPs[0]}": netsvc gives none; leave it out`);
  }
  const ips = [ipam?.IPv4Address, ipam?.IPv6Address].filter((ip) => ip !== undefined && ip !== "");
  for (const ip of ips) parseIp(ip!);
  const aliases = config?.Aliases ?? [];
  for (const alias of aliases) checkAlias(alias);
  const { GwPriority, DriverOpts } = config ?? {};
  const inside = readDriverOpts(DriverOpts ?? {});
  return {
    network: network.id,
    name: network.name,
    aliases,
    links: (config?.Links ?? []).map(parseLink),
    ips: ips as string[],
    ...config?.MacAddress && { mac: config.MacAddress },
    ...GwPriority && { gwPriority: GwPriority },
    ...inside !== undefined && { interface: inside },
    ...DriverOpts && Object.keys(DriverOpts).length > 0 && { driverOpts: DriverOpts },
  };
}

/** The option of an endpoint that names its link. */
const IFNAME = "com.docker.network.endpoint.ifname";
const ENDPOINT_OPTION = "com.docker.network.endpoint.";

/**
 * The name of the link that an endpoint's options request. Other vendors' options are ignored, as by Docker.
 *
 * @throws {NetsvcError} `invalid`
 */
function readDriverOpts(options: Record<string, string>): string | undefined {
  for (const key of Object.keys(options)) {
    if (key === IFNAME || !key.startsWith(ENDPOINT_OPTION)) continue;
    refuse(
      key === "com.docker.network.endpoint.sysctls"
        ? `netsvc sets no ${key}; give --sysctl to the container`
        : `netsvc's networks have no endpoint option ${JSON.stringify(key)}; leave it out`,
    );
  }
  const name = options[IFNAME];
  if (name === undefined) return undefined;
  if (/^(?!\.{1,2}$)(?!lo$)(?!-)[A-Za-z0-9_.-]{1,15}$/.test(name)) return name;
  refuse(
    `Invalid ${IFNAME}=${
      JSON.stringify(name)
    }: use 1 to 15 letters, digits, "_", "-" and ".", and not "lo"`,
  );
}

function refuse(message: string): never {
  throw new NetsvcError("invalid", message);
}

/** Parses `CONTAINER:ALIAS`; without an alias it is the container's own name. */
export function parseLink(text: string): LinkAlias {
  const colon = text.indexOf(":");
  const container = (colon < 0 ? text : text.slice(0, colon)).replace(/^.*\//, "");
  const alias = colon < 0 ? container : text.slice(colon + 1).replace(/^.*\//, "");
  return { service: serviceName(container, container), alias };
}
