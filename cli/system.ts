/**
 * `netsvc version` and `netsvc events`.
 *
 * @module
 */
import type { Command } from "commander";
import type { NetsvcEvent } from "../server/wire/types.ts";
import { shortId } from "../server/wire/names.ts";
import { NetsvcError } from "../server/wire/errors.ts";
import { clientFor, print, QuietExit, warn } from "./context.ts";
import { VERSION } from "./version.ts";

async function version({ format }: { format?: string }, command: Command): Promise<void> {
  using client = clientFor(command);
  const server = await client.version().catch((error: NetsvcError) => error);
  const reached = server instanceof Error ? undefined : server;
  const own = { version: VERSION, deno: Deno.version.deno, os: Deno.build.os };
  if (format === "json") {
    print(`${JSON.stringify({ client: own, ...reached && { server: reached } }, null, 2)}\n`);
  } else {
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

function eventLine(event: NetsvcEvent): string {
  const attributes = Object.entries(event.attributes).map(([key, value]) => `${key}=${value}`);
  const label = event.name || shortId(event.id);
  return `${event.time} ${event.type} ${event.action} ${label}` +
    (attributes.length > 0 ? ` (${attributes.join(", ")})` : "");
}

async function events({ format }: { format: string }, command: Command): Promise<void> {
  using client = clientFor(command);
  const abort = new AbortController();
  const stop = () => abort.abort();
  for (const signal of ["SIGINT", "SIGTERM"] as const) Deno.addSignalListener(signal, stop);
  try {
    for await (const event of client.events(abort.signal)) {
      print(format === "json" ? `${JSON.stringify(event)}\n` : `${eventLine(event)}\n`);
    }
  } catch (error) {
    if (!abort.signal.aborted) throw error;
  } finally {
    for (const signal of ["SIGINT", "SIGTERM"] as const) Deno.removeSignalListener(signal, stop);
  }
  if (!abort.signal.aborted) {
    throw new NetsvcError("unavailable", "The daemon ended the events; it stopped");
  }
}

/** Adds both commands. */
export function addSystemCommands(program: Command): void {
  program.command("version").description("Show versions of client and daemon").usage("[OPTIONS]")
    .option("--format <FORMAT>", `"json"`)
    .action(version);
  program.command("events").description("Show what happens, as it happens").usage("[OPTIONS]")
    .option("--format <FORMAT>", `"text" or "json", a line each`, "text")
    .action(events);
}
