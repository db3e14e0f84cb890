/**
 * `netsvc version` and `netsvc events`.
 *
 * @module
 */
import type { Command } from "commander";
import type { NetsvcEvent } from "../../lib/api/types.ts";
import { shortId } from "../../lib/api/names.ts";
import { NetsvcError } from "../../lib/api/errors.ts";
import { option } from "../completion/declare.ts";
import { clientFor, print, QuietExit, warn } from "../context.ts";
import { checkFormat } from "../output/format.ts";
import { type Filters, filterWords, oneOf, parseFilters } from "../options/filters.ts";
import { printable } from "../output/printable.ts";
import { fillTemplate, unescapeTemplate } from "../output/template.ts";
import { parseSince } from "../output/times.ts";
import { VERSION } from "../output/version.ts";

const FORMATS = ["text", "json"];

async function version({ format }: { format: string }, command: Command): Promise<void> {
  checkFormat(format, { command: "version", words: FORMATS });
  using client = clientFor(command);
  const server = await client.version().catch((error: NetsvcError) => error);
  const reached = server instanceof Error ? undefined : server;
  const own = { version: VERSION, deno: Deno.version.deno, os: Deno.build.os };
  const all = { client: own, ...reached && { server: reached } };
  if (format === "json") print(`${JSON.stringify(all, null, 2)}\n`);
  else if (format.includes("{{")) print(`${fillTemplate(unescapeTemplate(format), all)}\n`);
  else {
    print(`Client:\n Version: ${own.version}\n Deno: ${own.deno}\n`);
    if (reached) {
      print(
        `Server:\n Version: ${reached.version}\n Deno: ${reached.deno}\n ` +
          `Kernel: ${reached.kernel}\n Default network: ${reached.defaultNetwork}\n`,
      );
    }
  }
  if (reached) return;
  warn((server as Error).message);
  throw new QuietExit(1);
}

/** A value as text output shows it: an id is shortened as in tables. */
function shown(value: string): string {
  return /^[0-9a-f]{64}$/.test(value) ? shortId(value) : value;
}

function eventLine(event: NetsvcEvent): string {
  // Tables show names; JSON has the ids.
  const { containerName, ...rest } = event.attributes;
  const attributes = Object.entries(rest).map(([key, value]) =>
    `${key}=${printable(key === "container" ? containerName ?? shown(value) : shown(value))}`
  );
  const label = event.name || shortId(event.id);
  return `${event.time} ${event.type} ${event.action} ${label}` +
    (attributes.length > 0 ? ` (${attributes.join(", ")})` : "");
}

const ACTIONS = [
  "create",
  "remove",
  "publish",
  "unpublish",
  "attach",
  "detach",
  "start",
  "die",
] as const;

/** What a filter's value is held against, by key. */
const EVENT_FILTERS: Filters<NetsvcEvent> = {
  type: oneOf(["network", "service", "container"], (event) => event.type),
  event: oneOf(ACTIONS, (event) => event.action),
  id: (event, value) => event.id.startsWith(value),
  name: (event, value) => event.name.toLowerCase() === value.toLowerCase(),
  network: (event, value) => isOf(event, "network", value),
  service: (event, value) => event.type === "service" && isNamed(event, value),
  container: (event, value) => isOf(event, "container", value),
};

function isNamed({ name, id }: NetsvcEvent, value: string): boolean {
  return name.toLowerCase() === value.toLowerCase() || id.startsWith(value);
}

/** Whether an event is of the network or container, or tells of it. */
function isOf(event: NetsvcEvent, type: "network" | "container", value: string): boolean {
  if (event.type === type) return isNamed(event, value);
  const { attributes } = event;
  return isNamed(
    {
      ...event,
      name: attributes[`${type}Name`] ?? attributes[type] ?? "",
      id: attributes[type] ?? "",
    },
    value,
  );
}

interface EventOptions {
  format: string;
  filter: string[];
  since?: string;
}

async function events({ format, filter, since }: EventOptions, command: Command): Promise<void> {
  checkFormat(format, { command: "events", words: FORMATS });
  const fits = parseFilters(filter, { command: "events", filters: EVENT_FILTERS });
  const from = since === undefined ? undefined : parseSince("events", since);
  const write = (event: NetsvcEvent) => {
    if (format === "json") return JSON.stringify(event);
    if (format === "text" || format === "") return eventLine(event);
    return fillTemplate(unescapeTemplate(format), { ...event });
  };
  using client = clientFor(command);
  const abort = new AbortController();
  const stop = () => abort.abort();
  for (const signal of ["SIGINT", "SIGTERM"] as const) Deno.addSignalListener(signal, stop);
  try {
    for await (const event of client.events(abort.signal, from)) {
      if (fits(event)) print(`${write(event)}\n`);
    }
  } catch (error) {
    if (!abort.signal.aborted) throw error;
  } finally {
    for (const signal of ["SIGINT", "SIGTERM"] as const) Deno.removeSignalListener(signal, stop);
  }
  if (!abort.signal.aborted) {
    throw new NetsvcError("unavailable", "The daemon stopped, which ended the events");
  }
}

export function addSystemCommands(program: Command): void {
  program.command("version").description("Show versions of client and daemon").usage("[OPTIONS]")
    .addOption(
      option("-f, --format <FORMAT>", `"text", "json" or a template like '{{.client.version}}'`)
        .completedBy(FORMATS).default("text"),
    )
    .action(version);
  program.command("events").description("Show what happens, as it happens").usage("[OPTIONS]")
    .addOption(
      option("-f, --filter <KEY=VALUE>", "Show only what fits (repeatable)").completedBy(
        filterWords(EVENT_FILTERS),
      ).repeatable(),
    )
    .addOption(
      option("--format <FORMAT>", `"text", "json" or a template, a line each`).completedBy(FORMATS)
        .default(
          "text",
        ),
    )
    .option("--since <TIME>", "Also events since then, e.g. 10m")
    .action(events);
}
