/**
 * `netsvc container …`.
 *
 * @module
 */
import type { Command } from "commander";
import { shortId } from "../server/wire/names.ts";
import type { Container, PublishedPort } from "../server/wire/types.ts";
import { clientFor, forEachReference, print, warn } from "./context.ts";
import { infoFormat, printInfo } from "./info.ts";
import {
  addListOptions,
  formatListing,
  type Listing,
  type ListOptions,
  matches,
} from "./listing.ts";
import { collect } from "./collect.ts";
import { parsePublish } from "./ports.ts";

function serviceNames(container: Container): string[] {
  return container.services.map(({ name, network }) => `${name}.${network}`);
}

function stateText({ state, exitCode }: Container): string {
  return state === "exited" && exitCode !== undefined ? `exited (${exitCode})` : state;
}

function portText({ hostIp, hostPort, containerPort, protocol }: PublishedPort): string {
  const ip = hostIp?.includes(":") ? `[${hostIp}]` : hostIp ?? "*";
  return `${ip}:${hostPort}->${containerPort}/${protocol}`;
}

const listing: Listing<Container> = {
  command: "container ls",
  columns: [
    ["CONTAINER ID", (c, id) => id(c.id)],
    ["NAME", (c) => c.name ?? ""],
    ["STATE", stateText],
    ["RUNTIME", (c) => c.runtime],
    ["SERVICES", (c) => serviceNames(c).join(", ")],
  ],
  row: (c, id) => ({
    ID: id(c.id),
    Name: c.name ?? "",
    State: c.state,
    Status: stateText(c),
    Runtime: c.runtime,
    Services: serviceNames(c),
    Networks: [...new Set(c.services.map(({ network }) => network))],
    Ports: c.ports.map(portText),
    Command: (c.command ?? []).join(" "),
    Hostname: c.hostname,
    Created: c.created,
    Pid: c.pid ?? 0,
    Sandbox: c.sandbox ?? "",
  }),
  titles: { ID: "CONTAINER ID" },
  id: (c) => c.id,
  filters: {
    id: (c, value) => matches.id(c.id, value),
    name: (c, value) => matches.name(c.name, value),
    state: (c, value) => c.state === value,
    runtime: (c, value) => c.runtime === value,
    network: (c, value) => c.services.some(({ network }) => network === value),
    service: (c, value) =>
      c.services.some(({ name, network }) =>
        [name, `${name}.${network}`].some((own) => own.toLowerCase() === value.toLowerCase())
      ),
  },
};

function describe(container: Container): string {
  const lines = [
    `Container Id: ${container.id}`,
    `Name: ${container.name ?? ""}`,
    `State: ${stateText(container)}`,
    `Runtime: ${container.runtime}`,
    `Created: ${container.created}`,
    `Hostname: ${container.hostname}`,
    `Network mode: ${container.networkMode}`,
    ...container.pid === undefined ? [] : [`Pid: ${container.pid}`],
    ...container.sandbox === undefined ? [] : [`Sandbox: ${container.sandbox}`],
    ...container.command ? [`Command: ${container.command.join(" ")}`] : [],
    ...container.ports.map((port) => `Port: ${portText(port)}`),
    ...container.services.flatMap((service) => [
      `  Service Id: ${service.id}`,
      `    Name: ${service.name}`,
      `    Network: ${service.network}`,
      `    Address: ${service.addresses.join(", ")}`,
      `    Interface: ${service.interface}`,
    ]),
  ];
  return lines.map((line) => `${line.trimEnd()}\n`).join("");
}

/** Options by which a container goes to networks; `run` has them too. */
export interface PlacementOptions {
  name?: string;
  hostname?: string;
  net?: string;
  publishService: string[];
  publish: string[];
}

/** Adds {@linkcode PlacementOptions}. */
export function addPlacementOptions(command: Command): Command {
  return command
    .option("--name <NAME>", "Name; on a network it is a service of this name")
    .option("--hostname <NAME>", "Host name inside")
    .option("--net <NETWORK>", "Network, or host, none, container:NAME")
    .option("--publish-service <SERVICE.NETWORK>", "Be this service (repeatable)", collect, [])
    .option("-p, --publish <PORT>", "Publish [IP:]HOST:CTR[/PROTO] (repeatable)", collect, []);
}

/** What a request says of placement. */
export function placement(options: PlacementOptions) {
  return {
    ...options.name !== undefined && { name: options.name },
    ...options.hostname !== undefined && { hostname: options.hostname },
    ...options.net !== undefined && { network: options.net },
    publishServices: options.publishService,
    ports: options.publish.flatMap(parsePublish),
  };
}

/** Adds the group. */
export function addContainerCommands(program: Command): void {
  const group = program.command("container").description("Manage containers");
  addPlacementOptions(group.command("create").description("Create a container without a process"))
    .argument("[NAME]").usage("[OPTIONS] [NAME]")
    .action(async (name: string | undefined, options: PlacementOptions, command: Command) => {
      const request = placement({ ...options, ...name !== undefined && { name } });
      using client = clientFor(command);
      print(`${(await client.createContainer(request)).id}\n`);
    });
  group.command("rm").description("Remove containers").argument("<CONTAINER...>")
    .usage("[OPTIONS] CONTAINER [CONTAINER...]")
    .option("-f, --force", "Kill it if it is running")
    .action(async (refs: string[], { force = false }: { force?: boolean }, command: Command) => {
      using client = clientFor(command);
      await forEachReference(refs, async (ref) => {
        const removed = await client.removeContainer(ref, force);
        for (const cut of removed.cut) warn(`Cut ${cut}`);
        print(`${removed.name}\n`);
      });
    });
  addListOptions(group.command("ls").description("List containers").usage("[OPTIONS]"))
    .action(async (options: ListOptions, command: Command) => {
      using client = clientFor(command);
      print(formatListing(await client.containers(), listing, options));
    });
  infoFormat(group.command("info").description("Show containers"))
    .argument("<CONTAINER...>").usage("[OPTIONS] CONTAINER [CONTAINER...]")
    .action(async (refs: string[], { format }: { format?: string }, command: Command) => {
      using client = clientFor(command);
      await printInfo(refs, (ref) => client.container(ref), describe, format);
    });
  group.command("logs").description("Show the last output of a detached container")
    .argument("<CONTAINER>").usage("CONTAINER")
    .action(async (ref: string, _options: unknown, command: Command) => {
      using client = clientFor(command);
      print(await client.containerLogs(ref));
    });
  group.command("kill").description("Send a signal to containers").argument("<CONTAINER...>")
    .usage("[OPTIONS] CONTAINER [CONTAINER...]")
    .option("-s, --signal <SIGNAL>", "Signal to send", "SIGKILL")
    .action(async (refs: string[], { signal }: { signal: string }, command: Command) => {
      using client = clientFor(command);
      await forEachReference(refs, async (ref) => {
        await client.killContainer(ref, { signal });
        print(`${ref}\n`);
      });
    });
  group.command("wait").description("Wait for a container's end and print its exit status")
    .argument("<CONTAINER>").usage("CONTAINER")
    .action(async (ref: string, _options: unknown, command: Command) => {
      using client = clientFor(command);
      const { id } = await client.container(ref);
      let result = await client.waitContainer(id);
      while (!result.done) result = await client.waitContainer(id);
      print(`${result.exitCode ?? `unknown (${shortId(id)} ended unseen)`}\n`);
    });
}
