/**
 * Translates a client's request for a container into the request that goes to the engine, where the
 * container is on none of the engine's networks. Pure.
 *
 * @module
 */
import { z } from "zod";
import { NetsvcError } from "../../../../lib/api/errors.ts";
import { type Anything, EndpointConfig, inGosCase } from "../bodies.ts";
import { PortBindings } from "../../../engines/docker/inspected.ts";
import { readBindings } from "../../../engines/docker/ports.ts";
import type { DesiredNetworks } from "../../../controllers/adopted/desired.ts";
import { LABEL } from "../../../controllers/docker/labels.ts";
import type { DesiredEndpoint } from "../../../model/repository/desired.ts";
import { parseLink, readEndpoint } from "./endpoint_config.ts";

type Body = z.output<typeof Anything>;

/** A parsed request for a container. */
export interface ContainerCreate {
  /** The body of the request to the engine. */
  body: Body;
  /** The networks that netsvc will attach the container to; `undefined`: none of netsvc's. */
  wanted: DesiredNetworks | undefined;
  /** Containers that it links to, which must exist. */
  links: string[];
  warnings: string[];
}

/** Network modes that don't name a network. */
const NO_NETWORK = /^(none|host|container:.*)$/;

function object(value: unknown): Body {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? value as Body : {};
}

function refuse(message: string, cause?: unknown): never {
  throw new NetsvcError("invalid", message, { cause });
}

/** How to look up the networks of a request. */
export interface NetworksToBe {
  /** Finds a network by a reference. */
  find: (reference: string) => { id: string; name: string };
  /** Name of the network for containers that don't name one. */
  defaultNetwork: string;
}

/**
 * Parses a client's request for a container.
 *
 * As with Docker, a container is on the networks of `EndpointsConfig`, or on that of `NetworkMode` if
 * `EndpointsConfig` is empty.
 *
 * @throws {NetsvcError} `invalid`, or as `find`
 */
export function readContainerCreate(
  given: Body,
  { find, defaultNetwork }: NetworksToBe,
): ContainerCreate {
  const body = inGosCase(given, [
    ...["HostConfig", "NetworkingConfig", "Labels", "MacAddress", "NetworkDisabled"],
  ]);
  const host = inGosCase(object(body.HostConfig), ["NetworkMode", "PortBindings", "Links"]);
  const mode = typeof host.NetworkMode === "string" && host.NetworkMode !== ""
    ? host.NetworkMode
    : "default";
  // Drop netsvc's own label: it may come from an image, or from a copy of another container's settings.
  const { [LABEL]: _, ...labels } = object(body.Labels);
  const asked: Body = { ...body, ...body.Labels ? { Labels: labels } : {} };
  const named = Object.entries(
    object(inGosCase(object(body.NetworkingConfig), ["EndpointsConfig"]).EndpointsConfig),
  )
    .filter(([reference]) => reference !== mode || !NO_NETWORK.test(mode));
  if (body.NetworkDisabled === true || (NO_NETWORK.test(mode) && named.length === 0)) {
    return { body: asked, wanted: undefined, links: [], warnings: [] };
  }
  if (/^(host|container:)/.test(mode)) {
    refuse(
      `A container with the network mode "${mode}" can't be on network "${
        named[0]![0]
      }" as well; ` +
        `leave one of the two out`,
    );
  }
  const ports = PortBindings.nullish().safeParse(host.PortBindings);
  if (!ports.success) refuse("Invalid PortBindings", ports.error);
  readBindings(ports.data ?? {});
  const endpoints = new Map<string, DesiredEndpoint>();
  for (const [reference, config] of named.length > 0 ? named : [[mode, {}] as const]) {
    const network = find(reference === "default" ? defaultNetwork : reference);
    const read = EndpointConfig.nullish().safeParse(config);
    if (!read.success) refuse(`Invalid endpoint of network "${network.name}"`, read.error);
    endpoints.set(network.id, readEndpoint(network, read.data ?? undefined));
  }
  const main = mainEndpoint(endpoints, mode, { find, defaultNetwork });
  putMac(main, body.MacAddress, endpoints.size);
  const links = Array.isArray(host.Links) ? host.Links.map(String) : [];
  (main ?? endpoints.values().next().value!).links.push(...links.map(parseLink));
  const { MacAddress: __, NetworkingConfig: ___, ...rest } = asked;
  return {
    body: { ...rest, HostConfig: { ...host, NetworkMode: "none", Links: null } },
    wanted: { mode, endpoints: [...endpoints.values()] },
    links: links.map((link) => link.replace(/:.*/, "").replace(/^\//, "")),
    warnings: ignoredOptions(endpoints.values()),
  };
}

/** The endpoint that the container's own settings apply to. */
function mainEndpoint(
  endpoints: Map<string, DesiredEndpoint>,
  mode: string,
  { find, defaultNetwork }: NetworksToBe,
): DesiredEndpoint | undefined {
  if (endpoints.size === 1) return endpoints.values().next().value!;
  try {
    return endpoints.get(find(mode === "default" ? defaultNetwork : mode).id);
  } catch {
    return undefined; // The mode doesn't name a known network, and isn't used.
  }
}

/** Applies the container's MAC address to the endpoint on its main network. */
function putMac(main: DesiredEndpoint | undefined, mac: unknown, endpoints: number): void {
  if (typeof mac !== "string" || mac === "") return;
  if (!main) {
    refuse(
      `The container's MacAddress ${mac} is for the network of its NetworkMode, which is none of the ` +
        `${endpoints} in EndpointsConfig; give it to one of those`,
    );
  }
  if (main.mac !== undefined && main.mac.toLowerCase() !== mac.toLowerCase()) {
    refuse(
      "the container-wide MAC address must match the endpoint-specific MAC address for the main " +
        "network, or be left empty",
    );
  }
  main.mac = mac;
}

/** Warnings about options that netsvc ignores, as Docker does. */
function ignoredOptions(endpoints: Iterable<DesiredEndpoint>): string[] {
  return [...endpoints].flatMap(({ name, driverOpts = {} }) =>
    Object.keys(driverOpts).filter((key) => !key.startsWith("com.docker.network.endpoint."))
      .map((key) =>
        `The option ${JSON.stringify(key)} of network "${name}" means nothing to netsvc`
      )
  );
}
