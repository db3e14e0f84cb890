/**
 * From the container that a client asks for to the one that the engine is asked for: on no network
 * of the engine's. Pure.
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

/** A container to be. */
export interface ContainerCreate {
  /** What the engine is to be asked for. */
  body: Body;
  /** Where netsvc is to put it; `undefined`: on no network of netsvc's. */
  wanted: DesiredNetworks | undefined;
  /** Containers that it links to; they must be there. */
  links: string[];
  warnings: string[];
}

/** Modes that are no network's. */
const NO_NETWORK = /^(none|host|container:.*)$/;

function object(value: unknown): Body {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? value as Body : {};
}

function refuse(message: string, cause?: unknown): never {
  throw new NetsvcError("invalid", message, { cause });
}

/** The networks that a container can be on. */
export interface NetworksToBe {
  /** The network of a reference. */
  find: (reference: string) => { id: string; name: string };
  /** Name of the network of containers that name none. */
  defaultNetwork: string;
}

/**
 * Reads what is asked for.
 *
 * As with Docker, a container is on the networks of `EndpointsConfig`, and on that of `NetworkMode` where
 * there are none.
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
  // Whoever made the image, or a copy of another container's settings, has no say in this.
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

/** The endpoint that the container's own settings are for. */
function mainEndpoint(
  endpoints: Map<string, DesiredEndpoint>,
  mode: string,
  { find, defaultNetwork }: NetworksToBe,
): DesiredEndpoint | undefined {
  if (endpoints.size === 1) return endpoints.values().next().value!;
  try {
    return endpoints.get(find(mode === "default" ? defaultNetwork : mode).id);
  } catch {
    return undefined; // Its mode is no network's, and isn't used.
  }
}

/** The MAC address of a whole container is that of its main network. */
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

/** What is said of options that mean nothing to netsvc, as they mean nothing to Docker. */
function ignoredOptions(endpoints: Iterable<DesiredEndpoint>): string[] {
  return [...endpoints].flatMap(({ name, driverOpts = {} }) =>
    Object.keys(driverOpts).filter((key) => !key.startsWith("com.docker.network.endpoint."))
      .map((key) =>
        `The option ${JSON.stringify(key)} of network "${name}" means nothing to netsvc`
      )
  );
}
