/**
 * `netsvc network …`.
 *
 * @module
 */
import type { Command } from "commander";
import type { Backend } from "../../lib/api/backends.ts";
import { shortId } from "../../lib/api/names.ts";
import type { ListedNetwork, NetworkDetail } from "../../lib/api/types.ts";
import { clientFor, forEachReference, print, warn } from "../context.ts";
import { addInfoCommands } from "../output/info.ts";
import { parseKeyValues } from "../options/key_values.ts";
import {
  addListOptions,
  checkListOptions,
  formatListing,
  type Listing,
  type ListOptions,
  matches,
} from "../output/listing.ts";
import { collect } from "../options/collect.ts";
import { argument, option } from "../completion/declare.ts";
import { networks } from "../completion/objects.ts";
import { oneOf, parseFilters } from "../options/filters.ts";
import { printable } from "../output/printable.ts";
import { providerName } from "../output/provider.ts";
import { usageError } from "../options/usage.ts";

const listing: Listing<ListedNetwork> = {
  command: "network ls",
  columns: [
    ["NETWORK ID", (n, id) => id(n.id)],
    ["NAME", (n) => n.name],
    ["TYPE", (n) => n.driver],
    ["SUBNET", (n) => n.pools.map(({ subnet }) => subnet).join(", ")],
    ["INTERNAL", (n) => n.internal ? "yes" : ""],
    ["SERVICES", (n) => String(n.serviceCount)],
  ],
  wide: 3,
  row: (n, id) => ({
    ID: id(n.id),
    Name: n.name,
    Type: n.driver,
    Driver: n.driver,
    Scope: n.scope,
    Created: n.created,
    Internal: n.internal,
    IPv6: n.ipv6,
    IPAM: n.ipam?.driver ?? "default",
    VNI: n.vni ?? "",
    Subnets: n.pools.map(({ subnet }) => subnet),
    Gateways: n.pools.flatMap(({ gateway }) => gateway ?? []),
    Services: n.serviceCount,
    Options: n.options,
    Labels: n.labels,
  }),
  titles: { ID: "NETWORK ID", IPv6: "IPV6" },
  id: (n) => n.id,
  filters: {
    id: (n, value) => matches.id(n.id, value),
    name: (n, value) => matches.name(n.name, value),
    driver: (n, value) => n.driver === value,
    type: (n, value) => n.driver === value,
    scope: oneOf(["local", "global"], (n) => n.scope),
    internal: oneOf(["true", "false"], (n) => n.internal ? "true" : "false"),
    label: (n, value) => matches.label(n.labels, value),
  },
};

/** Of netsvc's own drivers, and their options; a test holds them against the drivers. */
export const DRIVERS: readonly string[] = ["bridge", "overlay"];
export const OPTIONS: readonly string[] = [
  "checksum_offload=",
  "encrypted=",
  "host_access=",
  "host_ip=",
  "icc=",
  "isolation=",
  "masquerade=",
  "mtu=",
  "name=",
  "spoofing=",
  "ttl=",
  "vni=",
];

interface CreateOptions {
  driver: string;
  subnet: string[];
  gateway: string[];
  ipRange: string[];
  auxAddress: string[];
  internal?: boolean;
  ipv6?: boolean;
  ipamDriver?: string;
  ipamOpt: string[];
  opt: string[];
  label: string[];
}

interface NetworkListOptions extends ListOptions {
  last?: string;
  latest?: boolean;
}

function keyValues(flag: string, texts: string[], valueOptional = false): Record<string, string> {
  return parseKeyValues(texts, { command: "network create", flag, valueOptional });
}

async function create(name: string, options: CreateOptions, command: Command): Promise<void> {
  using client = clientFor(command);
  const network = await client.networks.create({
    name,
    driver: options.driver,
    subnets: options.subnet,
    gateways: options.gateway,
    ranges: options.ipRange,
    aux: keyValues("--aux-address", options.auxAddress),
    internal: options.internal ?? false,
    ipv6: options.ipv6 ?? false,
    ...options.ipamDriver !== undefined && { ipamDriver: options.ipamDriver },
    ipamOptions: keyValues("--ipam-opt", options.ipamOpt),
    options: keyValues("--opt", options.opt),
    labels: keyValues("--label", options.label, true),
  });
  print(`${network.id}\n`);
  for (const warning of network.warnings ?? []) warn(warning);
}

/** The last `n` matches, newest first, as with Docker's `-n`. */
function lastOf(networks: ListedNetwork[], options: NetworkListOptions): ListedNetwork[] {
  if (!options.latest && options.last === undefined) return networks;
  const count = options.latest ? 1 : Number(options.last);
  if (!Number.isInteger(count) || count < 1) {
    throw usageError("network ls", `Invalid -n "${options.last}"; give a number from 1 on`);
  }
  return networks.filter(parseFilters(options.filter, listing)).slice(-count).reverse();
}

function describe(network: NetworkDetail): string {
  const lines = [
    `Network Id: ${network.id}`,
    `Name: ${network.name}`,
    `Type: ${network.driver}`,
    `Scope: ${network.scope}`,
    `Created: ${network.created}`,
    ...network.pools.flatMap((pool) => [
      `Subnet: ${pool.subnet}`,
      ...pool.gateway === undefined ? [] : [`Gateway: ${pool.gateway}`],
      ...pool.range === undefined ? [] : [`Range: ${pool.range}`],
      ...Object.entries(pool.aux ?? {}).map(([name, ip]) => `Auxiliary address: ${name}=${ip}`),
    ]),
    ...network.ipam ? [`IPAM driver: ${network.ipam.driver}`] : [],
    ...Object.entries(network.ipam?.options ?? {}).map(([key, value]) =>
      `IPAM option: ${printable(`${key}=${value}`)}`
    ),
    ...network.vni === undefined ? [] : [`VNI: ${network.vni}`],
    ...network.internal ? ["Internal: true"] : [],
    ...Object.entries(network.options).map(([key, value]) =>
      `Option: ${printable(`${key}=${value}`)}`
    ),
    ...Object.entries(network.labels).map(([key, value]) =>
      `Label: ${printable(`${key}=${value}`)}`
    ),
    ...network.services.flatMap((service) => [
      `  Service Id: ${service.id}`,
      `    Name: ${service.name}`,
      ...service.mode === "single"
        ? [`    Address: ${service.addresses.join(", ")}`, `    Provider: ${providerName(service)}`]
        : [`    Mode: ${service.mode}`, ...(service.backends ?? []).map(backendLine)],
      ...network.scope === "global" && service.backend ? [`    Host: ${service.backend.host}`] : [],
      ...Object.entries(network.endpoints?.[service.id] ?? {}).map(([key, value]) =>
        `    ${oneLine(key)}: ${oneLine(typeof value === "string" ? value : JSON.stringify(value))}`
      ),
    ]),
  ];
  return lines.map((line) => `${line.trimEnd()}\n`).join("");
}

function backendLine({ container, addresses, host }: Backend): string {
  const name = container.name ?? shortId(container.id);
  return `    Backend: ${name} ${addresses.join(", ")} on ${host}`;
}

/** What a plugin says. */
function oneLine(text: string): string {
  return printable(text).slice(0, 200);
}

export function addNetworkCommands(program: Command): void {
  const group = program.command("network").description("Manage networks");
  group.command("create").description("Create a network").argument("<NETWORK>").usage(
    "[OPTIONS] NETWORK",
  )
    .addOption(
      option("-d, --driver <DRIVER>", "Driver of the network").completedBy(DRIVERS).default(
        "bridge",
      ),
    )
    .option("--subnet <CIDR>", "Subnet; several of a family, too (repeatable)", collect, [])
    .option("--gateway <IP>", "Gateway of a subnet (repeatable)", collect, [])
    .option("--ip-range <CIDR>", "Pick addresses from this part (repeatable)", collect, [])
    .option("--aux-address <NAME=IP>", "Never hand this address out (repeatable)", collect, [])
    .option("--internal", "No way out, and none in")
    .option("--ipv6", "Give the network IPv6 addresses, too")
    .option("--ipam-driver <DRIVER>", "Plugin that hands out the addresses")
    .option("--ipam-opt <KEY=VALUE>", "Option of the IPAM driver (repeatable)", collect, [])
    .addOption(
      option("-o, --opt <KEY=VALUE>", "Option of the driver (repeatable)").completedBy(OPTIONS)
        .repeatable(),
    )
    .option("--label <KEY=VALUE>", "Label (repeatable)", collect, [])
    .action(create);
  group.command("rm").aliases(["delete", "remove"]).description("Remove networks").addArgument(
    argument("<NETWORK...>").completedBy(networks),
  ).usage(
    "[OPTIONS] NETWORK [NETWORK...]",
  )
    .option("-f, --force", "Unpublish the network's services first")
    .action(async (refs: string[], { force = false }: { force?: boolean }, command: Command) => {
      using client = clientFor(command);
      await forEachReference(refs, async (ref) => {
        const removed = await client.networks.remove(ref, force);
        for (const cut of removed.cut) warn(`Cut ${cut}`);
        print(`${removed.name}\n`);
      });
    });
  addListOptions(
    group.command("ls").alias("list").description("List networks").usage("[OPTIONS]"),
    listing,
  )
    .option("-l, --latest", "Show only the network created last")
    .option("-n, --last <N>", "Show only the last N networks created")
    .action(async (options: NetworkListOptions, command: Command) => {
      checkListOptions(listing, options);
      using client = clientFor(command);
      print(formatListing(lastOf(await client.networks.list(), options), { listing, options }));
    });
  addInfoCommands(group, {
    what: "networks and their services",
    argument: "NETWORK",
    completion: networks,
    usage: "NETWORK [NETWORK...]",
    get: (client, ref) => client.networks.get(ref),
    describe,
  });
}
