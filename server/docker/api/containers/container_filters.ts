/**
 * `?filters=` of the list of containers: what concerns networks and ports, of which the engine knows
 * nothing, is taken out of the request and applied to the answer. Pure.
 *
 * @module
 */
import { NetsvcError } from "../../../../lib/api/errors.ts";
import type { ListedPort, ShownContainer } from "./container_shape.ts";

/** Filters that are netsvc's; of each one value must fit, and of ports one of either kind. */
export interface ContainerFilters {
  networks: string[];
  publish: PortFilter[];
  expose: PortFilter[];
  /** How many to show at most; it is about what fits. */
  limit?: number;
}

interface PortFilter {
  first: number;
  last: number;
  protocol: string;
}

/**
 * Splits a path with its query.
 *
 * @returns the path for the engine, and what is left to filter by, if anything
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
  // A limit shows what doesn't run, too.
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
    // Told below.
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

/** Whether a container, with its networks and ports put in, fits. */
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

/** Whether a container is on one of some networks, by name or the beginning of an id. */
function isOn({ NetworkSettings }: ShownContainer, networks: string[]): boolean {
  const on = (NetworkSettings?.Networks ?? {}) as Record<string, { NetworkID?: string }>;
  return Object.entries(on).some(([name, { NetworkID }]) =>
    networks.some((wanted) =>
      wanted === name || (wanted !== "" && (NetworkID?.startsWith(wanted) ?? false))
    )
  );
}
