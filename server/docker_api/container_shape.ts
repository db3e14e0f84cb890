/**
 * The networks of a container as `docker inspect` and `docker ps` show them, put into the engine's
 * answers, which know nothing of them. Pure but for the state that is looked at.
 *
 * @module
 */
import type { State } from "../state/state.ts";
import type { NetworkRecord, ServiceRecord } from "../state/records.ts";
import { shortId } from "../wire/names.ts";
import type { PublishedPort } from "../wire/types.ts";
import { compareVersions } from "./version.ts";
import { addressOf } from "./network_shape.ts";
import type { WantedEndpoint, WantedNetworks } from "./wanted.ts";

/** What is read and written of a container in an answer. */
export interface ShownContainer {
  Id: string;
  HostConfig?: { NetworkMode?: string };
  NetworkSettings?: Record<string, unknown> | null;
  Ports?: unknown;
}

/** From this version on the short id is among the names of the DNS alone. */
const NAMES_APART = "1.45";

/** The aliases of a container, as a version of the API shows them. */
function aliasesOf(container: string, aliases: string[], version: string): string[] | null {
  if (compareVersions(version, NAMES_APART) < 0) {
    return [...new Set([...aliases, shortId(container)])];
  }
  const own = aliases.filter((alias) => alias !== shortId(container));
  return own.length > 0 ? own : null;
}

/** One entry of `NetworkSettings.Networks`. */
function showEndpoint(
  container: string,
  network: NetworkRecord | undefined,
  service: ServiceRecord | undefined,
  wanted: WantedEndpoint | undefined,
  version: string,
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
  return {
    IPAMConfig: Object.keys(ipam).length > 0 ? ipam : null,
    Links: wanted && wanted.links.length > 0
      ? wanted.links.map(({ service, alias }) => `${service}:${alias}`)
      : null,
    Aliases: aliasesOf(container, wanted?.aliases ?? service?.aliases ?? [], version),
    DNSNames: service ? [...new Set([service.name, ...service.aliases, shortId(container)])] : null,
    NetworkID: network?.id ?? wanted?.network ?? "",
    EndpointID: service?.id ?? "",
    Gateway: gateway(4),
    IPAddress: v4 ?? "",
    IPPrefixLen: Number(length4 ?? 0),
    IPv6Gateway: gateway(6),
    GlobalIPv6Address: v6 ?? "",
    GlobalIPv6PrefixLen: Number(length6 ?? 0),
    MacAddress: service?.mac ?? wanted?.mac ?? "",
    DriverOpts: null,
    GwPriority: 0,
  };
}

/** A container's networks by name: those that it is on, and those that it is to be on. */
export function showNetworks(
  state: State,
  container: string,
  wanted: WantedNetworks | undefined,
  version: string,
): Record<string, ReturnType<typeof showEndpoint>> {
  const networks: Record<string, ReturnType<typeof showEndpoint>> = {};
  const find = (id: string) => wanted?.endpoints.find(({ network }) => network === id);
  for (const endpoint of wanted?.endpoints ?? []) {
    const network = state.networks.get(endpoint.network)?.record;
    networks[network?.name ?? endpoint.name] = showEndpoint(
      container,
      network,
      undefined,
      endpoint,
      version,
    );
  }
  for (const { record } of state.servicesBackedBy(container)) {
    const network = state.networks.get(record.network)?.record;
    if (record.leg || !network) continue;
    networks[network.name] = showEndpoint(container, network, record, find(network.id), version);
  }
  return networks;
}

/** Modes of a container on the default network. */
const DEFAULT_MODES = ["default", "bridge"];
/** What Docker shows of the default network beside all networks, too: scripts read it there. */
const SHOWN_TWICE = [
  ...["IPAddress", "IPPrefixLen", "Gateway", "MacAddress", "GlobalIPv6Address"],
  ...["GlobalIPv6PrefixLen", "IPv6Gateway", "EndpointID"],
] as const;

function onDefault(networks: Record<string, ReturnType<typeof showEndpoint>>) {
  const [first] = Object.values(networks);
  return first && Object.fromEntries(SHOWN_TWICE.map((key) => [key, first[key]]));
}

/** In which answer a container is shown. */
export interface Answer {
  /** The API's version. */
  version: string;
  /** It is one of a list, which says less. */
  listed: boolean;
}

/** Puts netsvc's networks into a container of an answer, in place. */
export function mergeNetworks(
  shown: ShownContainer,
  state: State,
  wanted: WantedNetworks | undefined,
  { version, listed }: Answer,
): void {
  const networks = showNetworks(state, shown.Id, wanted, version);
  if (!wanted && Object.keys(networks).length === 0) return;
  const before = (shown.NetworkSettings?.Networks ?? {}) as Record<string, unknown>;
  const { none: _, ...others } = before;
  shown.NetworkSettings = {
    ...shown.NetworkSettings,
    ...wanted && DEFAULT_MODES.includes(wanted.mode) && !listed && onDefault(networks),
    Networks: wanted ? { ...others, ...networks } : { ...before, ...networks },
  };
  if (wanted && shown.HostConfig) shown.HostConfig.NetworkMode = wanted.mode;
}

/** The ports that netsvc publishes for a container. */
function portsOf(state: State, container: string): PublishedPort[] {
  const record = state.containers.get(container)?.record;
  return record?.state === "running" ? record.ports : [];
}

/** Puts published ports into an answer about one container: `{"80/tcp": [{HostIp, HostPort}]}`. */
export function mergePortMap(shown: ShownContainer, state: State): void {
  const map: Record<string, unknown> = {
    ...shown.NetworkSettings?.Ports as Record<string, unknown> | undefined,
  };
  for (const { hostIp, hostPort, containerPort, protocol } of portsOf(state, shown.Id)) {
    const key = `${containerPort}/${protocol}`;
    const before = (map[key] ?? []) as unknown[];
    map[key] = [...before, { HostIp: hostIp ?? "0.0.0.0", HostPort: String(hostPort) }];
  }
  shown.NetworkSettings = { ...shown.NetworkSettings, Ports: map };
}

/** Puts published ports into an item of a list of containers. */
export function mergePortList(shown: ShownContainer, state: State): void {
  const ports = portsOf(state, shown.Id).map((port) => ({
    IP: port.hostIp ?? "0.0.0.0",
    PrivatePort: port.containerPort,
    PublicPort: port.hostPort,
    Type: port.protocol,
  }));
  const published = new Set(ports.map(({ PrivatePort, Type }) => `${PrivatePort}/${Type}`));
  const before = (shown.Ports ?? []) as { PrivatePort: number; Type: string }[];
  shown.Ports = [
    ...before.filter(({ PrivatePort, Type }) => !published.has(`${PrivatePort}/${Type}`)),
    ...ports,
  ];
}
