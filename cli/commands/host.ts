/**
 * `netsvc host …`.
 *
 * @module
 */
import type { Command } from "commander";
import type { Host, HostDetail } from "../../lib/api/types.ts";
import { argument } from "../completion/declare.ts";
import { hosts } from "../completion/objects.ts";
import { oneOf } from "../options/filters.ts";
import { clientFor, forEachReference, print, warn } from "../context.ts";
import { addInfoCommands } from "../output/info.ts";
import {
  addListOptions,
  checkListOptions,
  formatListing,
  type Listing,
  type ListOptions,
  matches,
} from "../output/listing.ts";

const listing: Listing<Host> = {
  command: "host ls",
  columns: [
    ["HOST ID", (h, id) => id(h.id)],
    ["NAME", (h) => h.self ? `${h.name} *` : h.name],
    ["ADDRESS", (h) => h.address ?? ""],
    ["STATUS", (h) => h.status],
    ["VERSION", (h) => h.version],
  ],
  wide: 5,
  row: (h, id) => ({
    ID: id(h.id),
    Name: h.name,
    Address: h.address ?? "",
    Status: h.status,
    Self: h.self,
    Version: h.version,
    Started: h.started,
    Key: h.encryption?.key ?? "",
    KeyMade: h.encryption?.made ?? "",
    Handshake: h.encryption?.handshake ?? "",
  }),
  titles: { ID: "HOST ID" },
  id: (h) => h.id,
  filters: {
    id: (h, value) => matches.id(h.id, value),
    name: (h, value) => matches.name(h.name, value),
    status: oneOf(["up", "down"], (h) => h.status),
  },
};

/** The key of a host, and when this one last had a handshake with it. */
function encryptionLines({ key, made, handshake }: NonNullable<Host["encryption"]>): string[] {
  return [
    `Key: ${key}, made ${made}`,
    ...handshake === undefined ? [] : [`Last handshake: ${handshake}`],
  ];
}

function describe(host: HostDetail): string {
  const lines = [
    `Host Id: ${host.id}`,
    `Name: ${host.name}`,
    `Address: ${host.address ?? ""}`,
    `Overlay port: ${host.overlayPort}`,
    `Status: ${host.status}${host.self ? " (this host)" : ""}`,
    `Version: ${host.version}`,
    `Started: ${host.started}`,
    ...host.encryption ? encryptionLines(host.encryption) : [],
    ...host.services.map(({ name, network }) => `Service: ${name}.${network}`),
  ];
  return lines.map((line) => `${line.trimEnd()}\n`).join("");
}

export function addHostCommands(program: Command): void {
  const group = program.command("host").description("Manage the hosts of the cluster");
  addListOptions(
    group.command("ls").alias("list").description("List hosts; * is this one").usage("[OPTIONS]"),
    listing,
  )
    .action(async (options: ListOptions, command: Command) => {
      checkListOptions(listing, options);
      using client = clientFor(command);
      print(formatListing(await client.hosts.list(), { listing, options }));
    });
  addInfoCommands(group, {
    what: "hosts and the services that they back",
    argument: "HOST",
    completion: hosts,
    usage: "HOST [HOST...]",
    get: (client, ref) => client.hosts.get(ref),
    describe,
  });
  group.command("rm").aliases(["delete", "remove"]).description(
    "Forget hosts that are gone for good",
  ).addArgument(argument("<HOST...>").completedBy(hosts))
    .usage("[OPTIONS] HOST [HOST...]")
    .option("-f, --force", 'Also one that is alive, in a cluster of "cluster init"')
    .action(async (refs: string[], { force = false }: { force?: boolean }, command: Command) => {
      using client = clientFor(command);
      await forEachReference(refs, async (ref) => {
        const removed = await client.hosts.remove(ref, force);
        for (const cut of removed.cut) warn(`Cut ${cut}`);
        print(`${removed.name}\n`);
      });
    });
}
