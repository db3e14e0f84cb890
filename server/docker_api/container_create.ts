/**
 * From the container that a client asks for to the one that the engine is asked for: on no network
 * of the engine's, with a label that keeps which of netsvc's it is to be on. Pure.
 *
 * @module
 */
import type { z } from "zod";
import { NetsvcError } from "../wire/errors.ts";
import { type Anything, EndpointConfig } from "./bodies.ts";
import { LABEL, parseLink, readEndpoint, type WantedEndpoint } from "./wanted.ts";

type Body = z.output<typeof Anything>;

/** Modes that are no network's. */
const NO_NETWORK = /^(none|host|container:.*)$/;

function object(value: unknown): Body {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? value as Body : {};
}

/**
 * The body to send on; `undefined`: as it came, since it names no network.
 *
 * @param find the network of a reference
 * @param defaultNetwork name of the network of containers that name none
 * @throws {NetsvcError} `invalid`, or as `find`
 */
export function rewriteContainerCreate(
  body: Body,
  find: (reference: string) => { id: string; name: string },
  defaultNetwork: string,
): Body | undefined {
  const host = object(body.HostConfig);
  const mode = typeof host.NetworkMode === "string" ? host.NetworkMode : "default";
  if (NO_NETWORK.test(mode)) return undefined;
  const named = object(object(body.NetworkingConfig).EndpointsConfig);
  const endpoints = new Map<string, WantedEndpoint>();
  const add = (reference: string, config: unknown) => {
    const isDefault = reference === "default" || reference === "";
    const network = find(isDefault ? defaultNetwork : reference);
    const read = EndpointConfig.nullish().safeParse(config);
    if (!read.success) {
      throw new NetsvcError("invalid", `Invalid endpoint of network "${network.name}"`, {
        cause: read.error,
      });
    }
    // What is said of a network by its name goes before what only mentions it.
    if (config === undefined && endpoints.has(network.id)) return;
    endpoints.set(network.id, readEndpoint(network, read.data ?? undefined));
  };
  add(mode, undefined);
  for (const [reference, config] of Object.entries(named)) add(reference, config ?? {});
  const [first] = endpoints.values();
  if (typeof body.MacAddress === "string" && body.MacAddress !== "") first!.mac ??= body.MacAddress;
  const links = Array.isArray(host.Links) ? host.Links.map(String) : [];
  first!.links.push(...links.map(parseLink));
  const { MacAddress: _, NetworkingConfig: __, ...rest } = body;
  return {
    ...rest,
    HostConfig: { ...host, NetworkMode: "none", Links: null },
    Labels: {
      ...object(body.Labels),
      [LABEL]: JSON.stringify({ mode, endpoints: [...endpoints.values()] }),
    },
  };
}
