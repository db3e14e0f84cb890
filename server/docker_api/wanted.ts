/**
 * What networks a container of Docker's is to be on whenever it runs. Docker itself is told that it
 * is on none; a label, made with the container in one step, keeps what was asked for. Pure.
 *
 * @module
 */
import { z } from "zod";
import { parseIp } from "../ipam/cidr.ts";
import { NetsvcError } from "../wire/errors.ts";
import { dnsName, shortId } from "../wire/names.ts";
import type { LinkAlias, PublishedPort } from "../wire/types.ts";
import type { EndpointConfig } from "./bodies.ts";
import type { Inspected } from "./engine_socket.ts";

/** Label of containers that netsvc connects. */
export const LABEL = "netsvc.networks";

const Endpoint = z.object({
  /** Id of the network, and its name when this was asked for. */
  network: z.string(),
  name: z.string(),
  aliases: z.array(z.string()),
  /** Other containers under words of its own. */
  links: z.array(z.object({ service: z.string(), alias: z.string() })),
  /** Addresses that were asked for. */
  ips: z.array(z.string()),
  mac: z.string().optional(),
});

const Wanted = z.object({
  /** The network mode that was asked for. */
  mode: z.string(),
  endpoints: z.array(Endpoint),
});

/** How a container is to be on one network. */
export type WantedEndpoint = z.output<typeof Endpoint>;
/** All that is wanted of a container. */
export type WantedNetworks = z.output<typeof Wanted>;

/** Reads what {@linkcode LABEL} or the store holds; `undefined` when that is nothing of netsvc's. */
export function parseWanted(text: string | undefined): WantedNetworks | undefined {
  if (text === undefined) return undefined;
  try {
    return Wanted.parse(JSON.parse(text));
  } catch {
    return undefined; // A label is anybody's to write.
  }
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
    throw new NetsvcError(
      "invalid",
      `Invalid link-local address "${ipam.LinkLocalIPs[0]}": netsvc gives none; leave it out`,
    );
  }
  const ips = [ipam?.IPv4Address, ipam?.IPv6Address].filter((ip) => ip !== undefined && ip !== "");
  for (const ip of ips) parseIp(ip!);
  return {
    network: network.id,
    name: network.name,
    aliases: config?.Aliases ?? [],
    links: (config?.Links ?? []).map(parseLink),
    ips: ips as string[],
    ...config?.MacAddress && { mac: config.MacAddress },
  };
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

/** The ports that a container publishes, as it was created. */
export function publishedPorts({ HostConfig, Config }: Inspected): PublishedPort[] {
  const bound = HostConfig.PortBindings ?? {};
  const exposed = HostConfig.PublishAllPorts ? Object.keys(Config.ExposedPorts ?? {}) : [];
  const any = Object.fromEntries(exposed.map((port) => [port, [{ HostIp: "", HostPort: "" }]]));
  return Object.entries({ ...any, ...bound }).flatMap(([key, hosts]) => {
    const [port, protocol = "tcp"] = key.split("/");
    if (protocol !== "tcp" && protocol !== "udp") return [];
    return (hosts ?? []).flatMap(({ HostIp, HostPort }) =>
      hostPorts(HostPort ?? "").map((hostPort): PublishedPort => ({
        ...HostIp && HostIp !== "0.0.0.0" && HostIp !== "::" && { hostIp: HostIp },
        hostPort,
        containerPort: Number(port),
        protocol,
      }))
    );
  });
}

/** A host port; of a range, any free one is as good. */
function hostPorts(text: string): number[] {
  if (text === "" || text.includes("-")) return [0];
  return /^\d+$/.test(text) ? [Number(text)] : [];
}
