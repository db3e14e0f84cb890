/**
 * The calls of libnetwork's NetworkDriver protocol, typed.
 *
 * @module
 */
import type { z } from "zod";
import type { PublishedPort, Scope } from "../../lib/api/types.ts";
import type { EndpointSpec, HostSpec, Join, NetworkSpec } from "../driver.ts";
import { PluginAnswerError, PluginRefusal, PluginUnimplemented } from "./protocol/errors.ts";
import {
  CREATED_ENDPOINT,
  EMPTY,
  ENDPOINT_INFO,
  GATEWAY_CHECK,
  JOINED,
  type Joined,
  NETWORK_CAPABILITIES,
} from "./protocol/messages.ts";
import type { CallOptions, Plugin } from "./plugin/plugin.ts";
import {
  createEndpointBody,
  createNetworkBody,
  discoveryBody,
  pluginOptions,
  portOptions,
} from "./protocol/requests.ts";

/** Identifies the endpoint of a call. */
interface EndpointId {
  network: string;
  endpoint: string;
}

/** NetworkDriver.* of one plugin. Each throws what {@linkcode Plugin.call} throws. */
export class NetworkCalls {
  readonly #plugin: Plugin;

  constructor(plugin: Plugin) {
    this.#plugin = plugin;
  }

  #call<T>(
    method: string,
    body: unknown,
    answer: z.ZodType<T>,
    options?: CallOptions,
  ): Promise<T> {
    return this.#plugin.call({ type: "NetworkDriver", method, body, answer }, options);
  }

  async #do(method: string, body: unknown, options?: CallOptions): Promise<void> {
    await this.#call(method, body, EMPTY, options);
  }

  capabilities(options?: CallOptions): Promise<z.infer<typeof NETWORK_CAPABILITIES>> {
    return this.#call("GetCapabilities", undefined, NETWORK_CAPABILITIES, options);
  }

  /** Whether the plugin needs no gateway address on such a network. */
  async gatewayCheck(options: Record<string, string>): Promise<{ skip4: boolean; skip6: boolean }> {
    const { SkipIPv4, SkipIPv6 } = await this.#call("GwAllocCheck", {
      Options: { "com.docker.network.generic": pluginOptions(options) },
    }, GATEWAY_CHECK);
    return { skip4: SkipIPv4 ?? false, skip6: SkipIPv6 ?? false };
  }

  createNetwork(network: NetworkSpec, scope: Scope, options?: CallOptions): Promise<void> {
    return this.#do("CreateNetwork", createNetworkBody(network, scope), options);
  }

  deleteNetwork(network: string, options?: CallOptions): Promise<void> {
    return this.#do("DeleteNetwork", { NetworkID: network }, options);
  }

  /**
   * Makes the endpoint and returns its addresses and MAC: netsvc's, completed by the plugin's.
   *
   * @throws {PluginAnswerError} when the plugin answers other values than it was given
   */
  async createEndpoint(
    network: NetworkSpec,
    { endpoint, ports }: Join,
    options?: CallOptions,
  ): Promise<Pick<EndpointSpec, "addresses" | "mac">> {
    const body = createEndpointBody(network, { endpoint, ports });
    const { Interface } = await this.#call("CreateEndpoint", body, CREATED_ENDPOINT, options);
    const given = body.Interface;
    const pick = (field: keyof typeof given): string => {
      const answer = Interface?.[field];
      if (answer === undefined || answer === given[field]) return given[field];
      if (given[field] === "") return answer;
      throw new PluginAnswerError(
        this.#plugin.name,
        "NetworkDriver.CreateEndpoint",
        `it gives the ${field} ${answer} where ${given[field]} was told`,
      );
    };
    return {
      addresses: [pick("Address"), pick("AddressIPv6")].filter((address) => address !== ""),
      mac: pick("MacAddress"),
    };
  }

  deleteEndpoint(id: EndpointId, options?: CallOptions): Promise<void> {
    return this.#do("DeleteEndpoint", idBody(id), options);
  }

  join(id: EndpointId, sandboxKey: string, options?: CallOptions): Promise<Joined> {
    return this.#call(
      "Join",
      { ...idBody(id), SandboxKey: sandboxKey, Options: {} },
      JOINED,
      options,
    );
  }

  leave(id: EndpointId, options?: CallOptions): Promise<void> {
    return this.#do("Leave", idBody(id), options);
  }

  /** Tolerates a plugin that doesn't implement the call; most don't. */
  async programExternalConnectivity(
    id: EndpointId,
    ports: PublishedPort[],
    options?: CallOptions,
  ): Promise<void> {
    const body = { ...idBody(id), Options: portOptions(ports) };
    await this.#do("ProgramExternalConnectivity", body, options).catch(unlessUnknown);
  }

  /** Tolerates a plugin that doesn't implement the call. */
  async revokeExternalConnectivity(id: EndpointId, options?: CallOptions): Promise<void> {
    await this.#do("RevokeExternalConnectivity", idBody(id), options).catch(unlessUnknown);
  }

  async endpointInfo(id: EndpointId): Promise<Record<string, unknown>> {
    return (await this.#call("EndpointOperInfo", idBody(id), ENDPOINT_INFO)).Value ?? {};
  }

  discover(event: "New" | "Delete", host: HostSpec, options?: CallOptions): Promise<void> {
    return this.#do(`Discover${event}`, discoveryBody(host), options);
  }
}

function idBody({ network, endpoint }: EndpointId) {
  return { NetworkID: network, EndpointID: endpoint };
}

function unlessUnknown(error: unknown): void {
  if (error instanceof PluginUnimplemented) return;
  if (error instanceof PluginRefusal && error.httpStatus === 404) return;
  throw error;
}
