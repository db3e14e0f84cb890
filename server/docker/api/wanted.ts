/**
 * What networks a container of Docker's is to be on whenever it runs, which netsvc keeps in its own store:
 * Docker itself is told that it is on none. Pure.
 *
 * @module
 */
import { z } from "zod";
import { formatIp, parseIp } from "../../../lib/ip/cidr.ts";
import { NetsvcError } from "../../../lib/api/errors.ts";
import { checkAlias, dnsName, shortId } from "../../../lib/api/names.ts";
import type { LinkAlias, PublishedPort } from "../../../lib/api/types.ts";
import type { EndpointConfig } from "./bodies.ts";
import type { Inspected, PortBindings } from "../../engines/docker/inspected.ts";
import { type WantedEndpoint, WantedNetworks } from "../../model/repository/docker.ts";

export type { WantedEndpoint, WantedNetworks } from "../../model/repository/docker.ts";

/**
 * Label of containers that netsvc connects. It shows what was asked for, and ties a container to what the
 * store holds for it; by itself it means nothing, since images have labels, too.
 */
export const LABEL = "netsvc.networks";

/** Reads a label of an earlier version; `undefined` when it is none of that. */
export function parseWanted(text: string | undefined): WantedNetworks | undefined {
  if (text === undefined) return undefined;
  try {
    return WantedNetworks.parse(JSON.parse(text));
  } catch {
    return undefined;
  }
}

/** The label of a container that is being made; `key` ties it to the store. */
export function writeLabel(key: string, wanted: WantedNetworks): string {
  return JSON.stringify({ key, ...wanted });
}

/** The key of a label that netsvc may have written. */
export function labelKey(text: string | undefined): string | undefined {
  try {
    return z.object({ key: z.string().regex(/^[0-9a-f]{32}$/) }).parse(JSON.parse(text ?? "")).key;
  } catch {
    return undefined;
  }
}

/**
 * The networks in the order in which a container is plugged into them at its start: who leads out comes
 * first, and so has `eth0`, as with Docker.
 */
export function inOrder(endpoints: WantedEndpoint[]): WantedEndpoint[] {
  return endpoints.toSorted((a, b) =>
    (b.gwPriority ?? 0) - (a.gwPriority ?? 0) || (a.name < b.name ? -1 : a.name > b.name ? 1 : 0)
  );
}

/**
 * Reads how a container is to be on a network.
 *
 * @throws {NetsvcError} `invalid` for what netsvc's networks can't do
 */
export function readEndpoint(
  network: { id: string; name: string },
  config: z.output<typeof EndpointConfig> | undefined,
): WantedEndpoint {
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

/** Options of an endpoint that mean something: the name of its link, and what netsvc hasn't. */
const IFNAME = "com.docker.network.endpoint.ifname",
  ENDPOINT_OPTION = "com.docker.network.endpoint.";

/**
 * The name of the link that options of an endpoint ask for. Other vendors' options mean nothing, as with
 * Docker.
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

/** Reads `CONTAINER:ALIAS`; without an alias the container's own name. */
export function parseLink(text: string): LinkAlias {
  const colon = text.indexOf(":");
  const container = (colon < 0 ? text : text.slice(0, colon)).replace(/^.*\//, "");
  const alias = colon < 0 ? container : text.slice(colon + 1).replace(/^.*\//, "");
  return { service: serviceName(container, container), alias };
}

/** The name of the service that a container is: its own, as far as DNS has it. */
export function serviceName(name: string, id: string): string {
  return dnsName(name) || shortId(id);
}

/**
 * The ports that a container publishes, as it was created.
 *
 * @throws {NetsvcError} `invalid` for what netsvc can't publish
 */
export function publishedPorts({ HostConfig, Config }: Inspected): PublishedPort[] {
  const exposed = HostConfig.PublishAllPorts ? Object.keys(Config.ExposedPorts ?? {}) : [];
  const any = Object.fromEntries(exposed.map((port) => [port, [{ HostIp: "", HostPort: "" }]]));
  return readBindings({ ...any, ...HostConfig.PortBindings });
}

/** Reads bindings: `{"80/tcp": [{HostIp, HostPort}]}`. @throws {NetsvcError} `invalid` */
export function readBindings(bindings: PortBindings): PublishedPort[] {
  return Object.entries(bindings).flatMap(([key, hosts]) => {
    const [port, protocol = "tcp"] = key.split("/");
    return (hosts ?? []).map(({ HostIp, HostPort }): PublishedPort => {
      if (protocol !== "tcp" && protocol !== "udp") {
        refuse(
          `Cannot publish port ${key}: netsvc publishes tcp and udp; leave it out of the ports`,
        );
      }
      return {
        ...hostIp(HostIp ?? ""),
        ...hostPorts(HostPort ?? ""),
        containerPort: Number(port),
        protocol,
      };
    });
  });
}

function hostIp(text: string): { hostIp?: string } {
  if (text === "") return {};
  const ip = formatIp(parseIp(text));
  return { hostIp: ip };
}

/** A host port, or a range of which any free one is as good. */
function hostPorts(text: string): { hostPort: number; hostPortEnd?: number } {
  if (text === "") return { hostPort: 0 };
  const [, first, last] = text.match(/^(\d{1,5})(?:-(\d{1,5}))?$/) ?? [];
  const [low, high] = [Number(first), Number(last ?? first)];
  if (first === undefined || low > high || high > 65_535) {
    refuse(`Invalid host port ${JSON.stringify(text)}; write a port or a range like 8000-8010`);
  }
  return low === high ? { hostPort: low } : { hostPort: low, hostPortEnd: high };
}
