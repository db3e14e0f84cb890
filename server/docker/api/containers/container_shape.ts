/**
 * Merges a container's networks, as `docker inspect` and `docker ps` show them, into the engine's answers,
 * which lack them. Pure but for reading the state.
 *
 * @module
 */
import { readFileSync } from "../../../../lib/linux/libc.ts";
import type { State } from "../../../model/state.ts";
import type { NetworkRecord, ServiceRecord } from "../../../model/records.ts";
import { shortId } from "../../../../lib/api/names.ts";
import type { PublishedPort } from "../../../../lib/api/types.ts";
import { compareVersions } from "../version.ts";
import { dockerName } from "../../../controllers/docker/names.ts";
import { addressOf } from "../networks/network_shape.ts";
import type { DesiredNetworks } from "../../../controllers/adopted/desired.ts";
import type { DesiredEndpoint } from "../../../model/repository/desired.ts";

/** The fields of a container that are read and written in an answer. */
export interface ShownContainer {
  Id: string;
  State?: unknown;
  Config?: Record<string, unknown>;
  HostConfig?: { NetworkMode?: string; PortBindings?: Record<string, unknown> | null };
  NetworkSettings?: Record<string, unknown> | null;
  Ports?: unknown;
}

/** From this version on the short id is only among `DNSNames`, not among `Aliases`. */
const NAMES_APART = "1.45";

/** The kind of answer that shows the container. */
export interface ShapeOptions {
  state: State;
  /** Name of the network for containers that don't name one. */
  defaultNetwork: string;
  /** The API version of the request. */
  version: string;
  /** Whether the container is an item of a list, which has fewer fields. */
  listed: boolean;
}

/** One entry of `NetworkSettings.Networks`. */
function showEndpoint(
  { defaultNetwork, version: api }: ShapeOptions,
  container: string,
  network: NetworkRecord | undefined,
  service: ServiceRecord | undefined,
  wanted: DesiredEndpoint | undefined,
) {
  const [v4, length4] = addressOf(service?.addresses ?? [], 4).split("/");
  const [v6, length6] = addressOf(service?.addresses ?? [], 6).split("/");
  const gateway = (family: 4 | 6) =>
    service ? network?.pools.find((pool) => pool.family === family)?.gateway ?? "" : "";
  const ip = (family: 4 | 6) => wanted?.ips.find((text) => text.includes(":") === (family === 6));
  const ipam = {
    ...ip(4) !== undefined && { IPv4Address: ip(4) },
    ...ip(6) !== undefined && { IPv6Address: ip(6) },
  };
  const own = wanted?.aliases ?? service?.aliases ?? [];
  const isDefault = (network?.name ?? wanted?.name) === defaultNetwork;
  const aliases = compareVersions(api, NAMES_APART) < 0 && !isDefault
    ? [...new Set([...own, shortId(container)])]
    : own;
  const names = [service?.name, ...own, shortId(container), service?.backend?.containerHostname];
  return {
    IPAMConfig: Object.keys(ipam).length > 0 ? ipam : null,
    Links: wanted && wanted.links.length > 0
      ? wanted.links.map(({ service, alias }) => `${service}:${alias}`)
      : null,
    Aliases: aliases.length > 0 ? aliases : null,
    DNSNames: service ? [...new Set(names.filter((name) => name !== undefined))] : null,
    NetworkID: network?.id ?? wanted?.network ?? "",
    EndpointID: service?.id ?? "",
    Gateway: gateway(4),
    IPAddress: v4 ?? "",
    IPPrefixLen: Number(length4 ?? 0),
    IPv6Gateway: gateway(6),
    GlobalIPv6Address: v6 ?? "",
    GlobalIPv6PrefixLen: Number(length6 ?? 0),
    MacAddress: service?.mac ?? wanted?.mac ?? "",
    DriverOpts: wanted?.driverOpts ?? null,
    GwPriority: wanted?.gwPriority ?? service?.backend?.gwPriority ?? 0,
  };
}

/** A container's networks by name: the attached ones, and those desired for its next start. */
function showNetworks(
  options: ShapeOptions,
  container: string,
  wanted: DesiredNetworks | undefined,
): Record<string, ReturnType<typeof showEndpoint>> {
  const { state } = options;
  const networks: Record<string, ReturnType<typeof showEndpoint>> = {};
  const find = (id: string) => wanted?.endpoints.find(({ network }) => network === id);
  for (const endpoint of wanted?.endpoints ?? []) {
    const network = state.networks.get(endpoint.network)?.record;
    networks[network ? dockerName(network) : endpoint.name] = showEndpoint(
      options,
      container,
      network,
      undefined,
      endpoint,
    );
  }
  for (const { record } of state.servicesBackedBy(container)) {
    const network = state.networks.get(record.network)?.record;
    if (record.leg || !network) continue;
    networks[dockerName(network)] = showEndpoint(
      options,
      container,
      network,
      record,
      find(network.id),
    );
  }
  return networks;
}

/** Fields of the default network that Docker also shows beside all networks, where scripts read them. */
const SHOWN_TWICE = [
  ...["IPAddress", "IPPrefixLen", "Gateway", "MacAddress", "GlobalIPv6Address"],
  ...["GlobalIPv6PrefixLen", "IPv6Gateway", "EndpointID"],
] as const;

function beside(endpoint: ReturnType<typeof showEndpoint> | undefined) {
  return endpoint && Object.fromEntries(SHOWN_TWICE.map((key) => [key, endpoint[key]]));
}

/** Merges netsvc's networks into a container of an answer, in place. */
export function mergeNetworks(
  shown: ShownContainer,
  options: ShapeOptions,
  wanted?: DesiredNetworks,
): void {
  const networks = showNetworks(options, shown.Id, wanted);
  if (!wanted && Object.keys(networks).length === 0) return;
  const before = (shown.NetworkSettings?.Networks ?? {}) as Record<string, unknown>;
  const { none: _, ...others } = before;
  shown.NetworkSettings = {
    ...shown.NetworkSettings,
    ...wanted && !options.listed && beside(networks[options.defaultNetwork]),
    Networks: wanted ? { ...others, ...networks } : { ...before, ...networks },
  };
  if (wanted && shown.HostConfig) shown.HostConfig.NetworkMode = wanted.mode;
  const mac = wanted?.endpoints.find((endpoint) => endpoint.mac !== undefined)?.mac;
  if (mac !== undefined && shown.Config) shown.Config.MacAddress = mac;
}

/** Merges the reason why a container couldn't be started, as Docker shows it. */
export function mergeFailure(shown: ShownContainer, failure: string | undefined): void {
  const state = shown.State as { Running?: boolean; ExitCode?: number; Error?: string } | undefined;
  if (failure === undefined || !state || state.Running) return;
  Object.assign(state, { ExitCode: 128, Error: failure });
}

/** Whether this host has IPv6, so that ports published without an address listen on IPv6 as well. */
function hasIpv6(): boolean {
  try {
    return readFileSync("/proc/net/if_inet6") !== "";
  } catch {
    return false;
  }
}

/** The ports that netsvc publishes for a container, once for each address family that they listen on. */
function portsOf(state: State, container: string): (PublishedPort & { hostIp: string })[] {
  const record = state.containers.get(container)?.record;
  if (record?.state !== "running" || record.ports.length === 0) return [];
  const any = ["0.0.0.0", ...hasIpv6() ? ["::"] : []];
  return record.ports.flatMap((port) =>
    (port.hostIp !== undefined ? [port.hostIp] : any).map((hostIp) => ({ ...port, hostIp }))
  );
}

/**
 * Merges published ports into an answer about one container: `{"80/tcp": [{HostIp, HostPort}]}`, and ports
 * that are only exposed.
 */
export function mergePortMap(shown: ShownContainer, state: State): void {
  const running = (shown.State as { Running?: boolean } | undefined)?.Running;
  const exposed = running ? [shown.Config?.ExposedPorts, shown.HostConfig?.PortBindings] : [];
  const map: Record<string, unknown> = {
    ...Object.fromEntries(
      exposed.flatMap((ports) => Object.keys(ports ?? {})).map((k) => [k, null]),
    ),
    ...shown.NetworkSettings?.Ports as Record<string, unknown> | undefined,
  };
  for (const { hostIp, hostPort, containerPort, protocol } of portsOf(state, shown.Id)) {
    const key = `${containerPort}/${protocol}`;
    const before = (map[key] ?? []) as unknown[];
    map[key] = [...before, { HostIp: hostIp, HostPort: String(hostPort) }];
  }
  shown.NetworkSettings = { ...shown.NetworkSettings, Ports: map };
}

/** A port in a list of containers; a port without `PublicPort` is only exposed. */
export interface ListedPort {
  IP?: string;
  PrivatePort: number;
  PublicPort?: number;
  Type: string;
}

/** Merges published and exposed ports into an item of a list of containers. */
export function mergePortList(shown: ShownContainer, state: State, exposed: string[] = []): void {
  const published = portsOf(state, shown.Id).map((port): ListedPort => ({
    IP: port.hostIp,
    PrivatePort: port.containerPort,
    PublicPort: port.hostPort,
    Type: port.protocol,
  }));
  const only = (shown.State === "running" ? exposed : []).map((text): ListedPort => {
    const [port, Type = "tcp"] = text.split("/");
    return { PrivatePort: Number(port), Type };
  });
  const ports: ListedPort[] = [];
  const key = ({ PrivatePort, Type }: ListedPort) => `${PrivatePort}/${Type}`;
  for (const list of [published, (shown.Ports ?? []) as ListedPort[], only]) {
    const known = new Set(ports.map(key));
    ports.push(...list.filter((port) => !known.has(key(port))));
  }
  shown.Ports = ports;
}
