/**
 * Services and their backends as tables.
 *
 * @module
 */
import { type Backend, backendsOf } from "../../../lib/api/backends.ts";
import { shortId } from "../../../lib/api/names.ts";
import type { Service, ServicePort } from "../../../lib/api/types.ts";
import { type Listing, matches } from "../../output/listing.ts";
import { providerName } from "../../output/provider.ts";

/** An address without the length of its prefix. */
export function bare(address: string): string {
  return address.split("/")[0]!;
}

export function portText({ name, port, protocol, target }: ServicePort): string {
  const to = target === undefined ? "" : `:${target}`;
  return `${name === undefined ? "" : `${name}:`}${port}${to}/${protocol}`;
}

/** Hosts of the backends, each once. */
function hostsOf(service: Service): string[] {
  return [...new Set(backendsOf(service).map(({ host }) => host))].sort();
}

/** How many of the backends are given new connections. */
function backendsText(service: Service): string {
  const all = backendsOf(service);
  return `${all.filter(({ state }) => state === "active").length}/${all.length}`;
}

/** All services of mode `single`. */
export const listing: Listing<Service> = {
  command: "service ls",
  columns: [
    ["SERVICE ID", (s, id) => id(s.id)],
    ["NAME", (s) => s.name],
    ["NETWORK", (s) => s.network.name],
    ["PROVIDER", providerName],
    ["ADDRESS", (s) => s.addresses.map(bare).join(", ")],
    ["PORTS", (s) => s.ports.map(portText).join(", ")],
  ],
  wide: 4,
  row: (s, id) => ({
    ID: id(s.id),
    Name: s.name,
    Network: s.network.name,
    Provider: providerName(s),
    Mode: s.mode,
    Backends: backendsText(s),
    Host: hostsOf(s).join(","),
    Addresses: s.addresses,
    Ports: s.ports.map(portText),
    Mac: s.mac,
    Aliases: s.aliases,
    Created: s.created,
    Auto: s.auto,
  }),
  titles: { ID: "SERVICE ID" },
  id: (s) => s.id,
  filters: {
    id: (s, value) => matches.id(s.id, value),
    name: (s, value) => matches.name(s.name, value),
    network: (s, value) => s.network.name === value || matches.id(s.network.id, value),
    provider: (s, value) => s.backend !== undefined && providerName(s) === value,
    mode: (s, value) => s.mode === value,
    alias: (s, value) => s.aliases.some((alias) => alias.toLowerCase() === value.toLowerCase()),
  },
};

/** Where services have many backends, tables show how many, and of all their hosts. */
const many: Listing<Service> = {
  ...listing,
  columns: [
    ...listing.columns.slice(0, 3),
    ["MODE", (s) => s.mode],
    ["ADDRESS", (s) => s.addresses.map(bare).join(", ")],
    ["BACKENDS", backendsText],
    ["HOST", (s) => hostsOf(s).join(",")],
  ],
  wide: 3,
};

/** Where networks span hosts, tables show the host of each provider. */
export function listingOf(services: Service[]): Listing<Service> {
  if (services.some(({ mode }) => mode !== "single")) return many;
  if (services.every(({ network }) => network.scope === "local")) return listing;
  const columns = listing.columns.toSpliced(listing.wide, 0, [
    "HOST",
    (s) => s.backend?.host ?? "",
  ]);
  return { ...listing, columns, wide: listing.wide + 1 };
}

/** The name of a backend's container. */
export function backendName({ container }: Backend): string {
  return container.name ?? shortId(container.id);
}

/** The backends of one service. */
export const backendListing: Listing<Backend> = {
  command: "service ps",
  columns: [
    ["BACKEND", backendName],
    ["HOST", (b) => b.host],
    ["ADDRESS", (b) => b.addresses.map(bare).join(", ")],
    ["STATE", (b) => b.state],
    ["WEIGHT", (b) => String(b.weight)],
  ],
  wide: 0,
  row: (b, id) => ({
    ID: id(b.container.id),
    Backend: backendName(b),
    Host: b.host,
    Addresses: b.addresses,
    State: b.state,
    Weight: b.weight,
    Interface: b.interface,
    Mac: b.mac,
    Attached: b.attached,
  }),
  titles: { ID: "CONTAINER ID" },
  id: (b) => b.container.id,
  filters: {
    id: (b, value) => matches.id(b.container.id, value),
    name: (b, value) => matches.name(b.container.name, value),
    host: (b, value) => b.host === value,
    state: (b, value) => b.state === value,
  },
};
