/**
 * `netsvc service …`.
 *
 * @module
 */
import type { Command } from "commander";
import { splitServiceReference } from "../../lib/api/names.ts";
import type { LinkAlias, Service } from "../../lib/api/types.ts";
import { clientFor, forEachReference, print, warn } from "../context.ts";
import { addInfoCommands } from "../output/info.ts";
import {
  addListOptions,
  checkListOptions,
  formatListing,
  type ListOptions,
} from "../output/listing.ts";
import { collect } from "../options/collect.ts";
import { argument, option } from "../completion/declare.ts";
import { containers, networks, services, servicesOf } from "../completion/objects.ts";
import { providerName } from "../output/provider.ts";
import { parseServicePort } from "../run/ports.ts";
import { usageError } from "../options/usage.ts";
import { backendName, bare, listing, listingOf, portText } from "./service/listing.ts";
import { addUpdateCommands, MODES, parseMode } from "./service/update.ts";

interface PublishOptions {
  alias: string[];
  ip: string[];
  mac?: string;
  mode?: string;
  port: string[];
}

interface AttachOptions {
  alias: string[];
  restart?: boolean;
}

async function publish(ref: string, options: PublishOptions, command: Command): Promise<void> {
  const { service, network } = splitServiceReference(ref);
  using client = clientFor(command);
  const published = await client.services.publish({
    name: service,
    ...network !== undefined && { network },
    aliases: options.alias,
    ips: options.ip,
    ...options.mac !== undefined && { mac: options.mac },
    ports: options.port.map((text) => parseServicePort(text, "service publish")),
    ...options.mode !== undefined && { mode: parseMode("service publish", options.mode) },
  });
  print(`${published.id}\n`);
}

function parseLink(text: string): LinkAlias {
  const at = text.lastIndexOf(":");
  if (at > 0 && at < text.length - 1) {
    return { service: text.slice(0, at), alias: text.slice(at + 1) };
  }
  throw usageError("service attach", `Invalid --alias "${text}"; write it SERVICE:ALIAS`);
}

function describe(service: Service): string {
  const { backend, backends, mode } = service;
  const lines = [
    `Service Id: ${service.id}`,
    `Name: ${service.name}`,
    `Network: ${service.network.name}`,
    `Created: ${service.created}`,
    ...mode === "single" ? [] : [`Mode: ${mode}`],
    ...service.addresses.map((address) => `Address: ${address}`),
    ...mode === "single" ? [`MAC: ${service.mac}`] : [],
    ...service.aliases.map((alias) => `Alias: ${alias}`),
    ...service.ports.map((port) => `Port: ${portText(port)}`),
    ...mode === "single" ? [`Provider: ${providerName(service)}`] : [],
    ...(backends ?? []).map((one) =>
      `Backend: ${backendName(one)} ${
        one.addresses.map(bare).join(" ")
      } on ${one.host}, ${one.state}, ` +
      `weight ${one.weight}`
    ),
    ...backend
      ? [
        `Host: ${backend.host}`,
        `Interface: ${backend.interface}`,
        `Attached: ${backend.attached}`,
        ...backend.aliases.map(({ service, alias }) => `Own alias: ${service}:${alias}`),
      ]
      : [],
  ];
  return lines.map((line) => `${line.trimEnd()}\n`).join("");
}

type Force = { force?: boolean };

async function detach(
  first: string | undefined,
  second: string | undefined,
  { force = false }: Force,
  command: Command,
): Promise<void> {
  const [container, service] = second === undefined ? [undefined, first] : [first, second];
  if (service === undefined || (container === undefined && !force)) {
    throw usageError("service detach", "Give CONTAINER and SERVICE[.NETWORK], or SERVICE with -f");
  }
  using client = clientFor(command);
  await client.services.detach(service, { ...container !== undefined && { container }, force });
}

function addBackendCommands(group: Command): void {
  group.command("attach").description("Make a container a backend of a service")
    .addArgument(argument("<CONTAINER>").completedBy(containers))
    .addArgument(argument("<SERVICE[.NETWORK]>").completedBy(services))
    .usage("[OPTIONS] CONTAINER SERVICE[.NETWORK]")
    .option("--alias <SERVICE:ALIAS>", "The container's own word for a service", collect, [])
    .option("--restart", "Attach it again whenever Docker or Podman starts it")
    .action(
      async (container: string, ref: string, options: AttachOptions, command: Command) => {
        const aliases = options.alias.map(parseLink);
        using client = clientFor(command);
        await client.services.attach(ref, {
          container,
          aliases,
          ...options.restart && { restart: true },
        });
      },
    );
  group.command("detach").description("Detach a container from a service")
    .addArgument(argument("[CONTAINER]").completedBy(containers))
    .addArgument(argument("[SERVICE[.NETWORK]]").completedBy(servicesOf))
    .usage("[OPTIONS] CONTAINER SERVICE[.NETWORK]")
    .option("-f, --force", "Whatever the backend is; all of them where CONTAINER is left out")
    .action(detach);
}

export function addServiceCommands(program: Command): void {
  const group = program.command("service").description("Manage services");
  group.command("publish").description("Publish a service on a network")
    .argument("<SERVICE[.NETWORK]>").usage("[OPTIONS] SERVICE[.NETWORK]")
    .option("--alias <ALIAS>", "Further name, which others may share (repeatable)", collect, [])
    .option("--ip <IP>", "Address; one of each family (repeatable)", collect, [])
    .option("--mac <MAC>", "MAC address")
    .addOption(
      option(
        "--mode <MODE>",
        "single (default): one backend; vip: many, by one address; dnsrr: many, by theirs",
      )
        .completedBy(MODES),
    )
    .option("--port <PORT>", "Port offered, [NAME:]PORT[:TARGET][/PROTO] (repeatable)", collect, [])
    .action(publish);
  group.command("unpublish").aliases(["rm", "delete", "remove"]).description("Unpublish services")
    .addArgument(argument("<SERVICE...>").completedBy(services))
    .usage("[OPTIONS] SERVICE[.NETWORK] [SERVICE...]")
    .option("-f, --force", "Detach its backends first")
    .action(async (refs: string[], { force = false }: Force, command: Command) => {
      using client = clientFor(command);
      await forEachReference(refs, async (ref) => {
        const removed = await client.services.unpublish(ref, force);
        for (const cut of removed.cut) warn(`Cut ${cut}`);
        print(`${removed.name}\n`);
      });
    });
  addBackendCommands(group);
  addUpdateCommands(group);
  addListOptions(
    group.command("ls").alias("list").description("List services").usage("[OPTIONS]"),
    listing,
  )
    .addOption(
      option("--net <NETWORK>", "Show only services of this network").completedBy(networks),
    )
    .action(async (options: ListOptions & { net?: string }, command: Command) => {
      checkListOptions(listing, options);
      using client = clientFor(command);
      const found = await client.services.list(options.net);
      print(formatListing(found, { listing: listingOf(found), options }));
    });
  addInfoCommands(group, {
    what: "services",
    argument: "SERVICE",
    completion: services,
    usage: "SERVICE[.NETWORK] [SERVICE...]",
    get: (client, ref) => client.services.get(ref),
    describe,
  });
}
