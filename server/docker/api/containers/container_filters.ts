/**
 * `?filters=` of the list of containers: filters by networks and ports, which the engine doesn't know, are
 * removed from the request and applied to the answer. Pure.
 *
 * @module
 */
import { NetsvcError } from "../../../../lib/api/errors.ts";
import type { ListedPort, ShownContainer } from "./container_shape.ts";

/** The filters that netsvc applies; one value of each must match, and one port of either kind. */
export interface ContainerFilters {
  networks: string[];
  publish: PortFilter[];
  expose: PortFilter[];
  /** Limit of containers to show, counted after filtering. */
  limit?: number;
}

interface PortFilter {
  first: number;
  last: number;
  protocol: string;
}

/**
 * Splits a path with its query into the engine's part and netsvc's filters.
 *
 * @returns the path for the engine, and netsvc's filters, if any
 * @throws {NetsvcError} `invalid`
 */
export function splitContainerFilters(
  path: string,
): { path: string; filters: ContainerFilters | undefined } {
  const url = new URL(path, "http://docker");
  const { network, publish, expose, ...others } = readFilters(url.searchParams.get("filters"));
  if ([network, publish, expose].every((values) => values === undefined)) {
    return { path, filters: undefined };
  }
  url.searchParams.set("filters", JSON.stringify(others));
  const limit = Number(url.searchParams.get("limit") ?? 0);
  url.searchParams.delete("limit");
  // A limit includes containers that don't run.
  if (limit > 0) url.searchParams.set("all", "1");
  return {
    path: url.pathname + url.search,
    filters: {
      networks: valuesOf(network),
      publish: valuesOf(publish).map(readPort),
      expose: valuesOf(expose).map(readPort),
      ...limit > 0 && { limit },
    },
  };
}

function readFilters(text: string | null): Record<string, unknown> {
  try {
    const filters = JSON.parse(text || "{}");
    if (typeof filters === "object" && filters !== null && !Array.isArray(filters)) return filters;
  } catch {
    // The error is thrown below.
  }
  throw new NetsvcError("invalid", "The filters are no JSON object");
}

function valuesOf(filter: unknown): string[] {
  if (Array.isArray(filter)) return filter.map(String);
  return Object.entries(Object(filter)).filter(([, on]) => on !== false).map(([value]) => value);
}

/** `8080`, `8080-8090`, `80/tcp`. */
function readPort(text: string): PortFilter {
  const [, first, last = first, protocol = "tcp"] =
    text.match(/^(\d{1,5})(?:-(\d{1,5}))?(?:\/([a-z]+))?$/i) ?? [];
  if (first === undefined) {
    throw new NetsvcError("invalid", `invalid filter: invalid port ${JSON.stringify(text)}`);
  }
  return { first: Number(first), last: Number(last), protocol: protocol.toLowerCase() };
}

/** Makes the predicate for containers with netsvc's networks and ports already merged in. */
export function fitsContainer(
  { networks, publish, expose }: ContainerFilters,
): (shown: ShownContainer) => boolean {
  return (shown) => {
    if (networks.length > 0 && !isOn(shown, networks)) return false;
    if (publish.length === 0 && expose.length === 0) return true;
    return ((shown.Ports ?? []) as ListedPort[]).some(({ PublicPort, PrivatePort, Type }) =>
      publish.some((filter) => fitsPort(filter, PublicPort, Type)) ||
      expose.some((filter) => fitsPort(filter, PrivatePort, Type))
    );
  };
}

function fitsPort({ first, last, protocol }: PortFilter, port: number | undefined, type: string) {
  return port !== undefined && type === protocol && port >= first && port <= last;
}

/** Whether a container is on one of some networks, by name or prefix of an id. */
function isOn({ NetworkSettings }: ShownContainer, networks: string[]): boolean {
  const on = (NetworkSettings?.Networks ?? {}) as Record<string, { NetworkID?: string }>;
  return Object.entries(on).some(([name, { NetworkID }]) =>
    networks.some((wanted) =>
      wanted === name || (wanted !== "" && (NetworkID?.startsWith(wanted) ?? false))
    )
  );
}
