/**
 * `netsvc container …`, and the short forms of its most frequent verbs: `netsvc ps`, `netsvc logs`, ….
 *
 * @module
 */
import type { Command } from "commander";
import { shortId } from "../../lib/api/names.ts";
import { describe, listing, portText } from "../output/container_listing.ts";
import { clientFor, forEachReference, print, warn } from "../context.ts";
import { addInfoCommands } from "../output/info.ts";
import { logs } from "./logs.ts";
import {
  addListOptions,
  checkListOptions,
  formatListing,
  type ListOptions,
} from "../output/listing.ts";
import { argument, option } from "../completion/declare.ts";
import { containers } from "../completion/objects.ts";
import { SIGNALS } from "../completion/words.ts";
import { usageError } from "../options/usage.ts";
import {
  addPlacementOptions,
  placement,
  type PlacementOptions,
  tellPorts,
} from "../run/placement.ts";

const MANY = "[OPTIONS] CONTAINER [CONTAINER...]";

function create(command: Command): void {
  addPlacementOptions(command.description("Create a container without a process"))
    .argument("[NAME]").usage("[OPTIONS] [NAME]")
    .action(async (name: string | undefined, options: PlacementOptions, command: Command) => {
      const request = placement({ ...options, ...name !== undefined && { name } });
      using client = clientFor(command);
      const container = await client.containers.create(request);
      tellPorts(request.ports, container);
      print(`${container.id}\n`);
    });
}

function rm(command: Command): void {
  command.description("Remove containers").addArgument(
    argument("<CONTAINER...>").completedBy(containers),
  )
    .usage(MANY)
    .option("-f, --force", "Kill it if it is running")
    .action(async (refs: string[], { force = false }: { force?: boolean }, command: Command) => {
      using client = clientFor(command);
      await forEachReference(refs, async (ref) => {
        const removed = await client.containers.remove(ref, force);
        for (const cut of removed.cut) warn(`Cut ${cut}`);
        print(`${removed.name}\n`);
      });
    });
}

function ls(command: Command): void {
  addListOptions(command.description("List containers").usage("[OPTIONS]"), listing)
    .option("-a, --all", "Include those that have ended; they always are (for Docker's users)")
    .action(async (options: ListOptions, command: Command) => {
      checkListOptions(listing, options);
      using client = clientFor(command);
      print(formatListing(await client.containers.list(), { listing, options }));
    });
}

function kill(command: Command): void {
  command.description("Send a signal to containers").addArgument(
    argument("<CONTAINER...>").completedBy(containers),
  ).usage(MANY)
    .addOption(
      option("-s, --signal <SIGNAL>", "Signal to send").completedBy(SIGNALS).default("SIGKILL"),
    )
    .action(async (refs: string[], { signal }: { signal: string }, command: Command) => {
      using client = clientFor(command);
      await forEachReference(refs, async (ref) => {
        await client.processes.kill(ref, { signal });
        print(`${ref}\n`);
      });
    });
}

const STOP_SIGNAL = "Signal that stops it (SIGTERM, or as it was created with)";

interface StopOptions {
  signal?: string;
  time?: string;
}

/** Seconds as they are typed. @throws {NetsvcError} `invalid` */
function seconds(path: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (/^\d{1,5}$/.test(text)) return Number(text);
  throw usageError(path, `Invalid --time ${JSON.stringify(text)}; give seconds`);
}

/** `stop` and `restart`. */
function stopping(verb: "stop" | "restart", description: string) {
  return (command: Command): void => {
    command.description(description).addArgument(argument("<CONTAINER...>").completedBy(containers))
      .usage(MANY)
      .addOption(option("-s, --signal <SIGNAL>", STOP_SIGNAL).completedBy(SIGNALS))
      .option("-t, --time <SECONDS>", "Seconds until it is killed (10, or as it was created with)")
      .action(async (refs: string[], { signal, time }: StopOptions, command: Command) => {
        const timeout = seconds(`container ${verb}`, time);
        const request = {
          ...signal !== undefined && { signal: signal.toUpperCase() },
          ...timeout !== undefined && { timeout },
        };
        using client = clientFor(command);
        await forEachReference(refs, async (ref) => {
          if (verb === "stop") await client.processes.stop(ref, request);
          else await client.processes.restart(ref, request);
          print(`${ref}\n`);
        });
      });
  };
}

function start(command: Command): void {
  command.description("Start containers that were stopped or have ended")
    .addArgument(argument("<CONTAINER...>").completedBy(containers)).usage(MANY)
    .action(async (refs: string[], _options: unknown, command: Command) => {
      using client = clientFor(command);
      await forEachReference(refs, async (ref) => {
        await client.processes.start(ref);
        print(`${ref}\n`);
      });
    });
}

function wait(command: Command): void {
  command.description("Wait for a container's end and print its exit status")
    .addArgument(argument("<CONTAINER>").completedBy(containers)).usage("CONTAINER")
    .action(async (ref: string, _options: unknown, command: Command) => {
      using client = clientFor(command);
      const { id } = await client.containers.get(ref);
      let result = await client.processes.wait(id);
      while (!result.done) result = await client.processes.wait(id);
      print(`${result.exitCode ?? `unknown (${shortId(id)} ended unseen)`}\n`);
    });
}

function port(command: Command): void {
  command.description("Show where a container's published ports are reached")
    .addArgument(argument("<CONTAINER>").completedBy(containers)).usage("CONTAINER")
    .action(async (ref: string, _options: unknown, command: Command) => {
      using client = clientFor(command);
      for (const published of (await client.containers.get(ref)).ports) {
        print(`${portText(published)}\n`);
      }
    });
}

function rename(command: Command): void {
  command.description("Rename a container, and the service of its own name")
    .addArgument(argument("<CONTAINER>").completedBy(containers)).argument("<NAME>").usage(
      "CONTAINER NAME",
    )
    .action(async (ref: string, name: string, _options: unknown, command: Command) => {
      using client = clientFor(command);
      await client.containers.rename(ref, name);
    });
}

/** Verbs with their aliases, and those that also work without the group. */
const VERBS: {
  name: string;
  aliases?: string[];
  short?: string;
  add: (command: Command) => void;
}[] = [
  { name: "create", add: create },
  { name: "rm", aliases: ["delete", "remove"], short: "rm", add: rm },
  { name: "ls", aliases: ["list"], short: "ps", add: ls },
  { name: "logs", short: "logs", add: logs },
  { name: "kill", short: "kill", add: kill },
  {
    name: "stop",
    short: "stop",
    add: stopping("stop", "End containers' processes; they stay, and can be started again"),
  },
  { name: "start", short: "start", add: start },
  {
    name: "restart",
    short: "restart",
    add: stopping("restart", "End containers' processes and start them again"),
  },
  { name: "wait", add: wait },
  { name: "port", add: port },
  { name: "rename", add: rename },
];

export function addContainerCommands(program: Command): void {
  const group = program.command("container").description("Manage containers");
  for (const { name, aliases = [], add } of VERBS) add(group.command(name).aliases(aliases));
  addInfoCommands(group, {
    what: "containers",
    argument: "CONTAINER",
    completion: containers,
    usage: "CONTAINER [CONTAINER...]",
    get: (client, ref) => client.containers.get(ref),
    describe,
  });
  for (const { name, short, add } of VERBS) {
    if (short === undefined) continue;
    const command = program.command(short);
    add(command);
    command.description(`${command.description()} (container ${name})`);
  }
}
