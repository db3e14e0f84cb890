/**
 * `netsvc container logs`.
 *
 * @module
 */
import type { Command } from "commander";
import { NetsvcError } from "../../lib/api/errors.ts";
import type { LogRequest } from "../../lib/api/types.ts";
import { argument } from "../completion/declare.ts";
import { containers } from "../completion/objects.ts";
import { clientFor, write } from "../context.ts";
import { parseSince } from "../output/times.ts";
import { usageError } from "../options/usage.ts";

interface LogOptions {
  follow?: boolean;
  since?: string;
  tail: string;
  timestamps?: boolean;
}

function request({ follow, since, tail, timestamps }: LogOptions): LogRequest {
  if (!/^(all|\d{1,9})$/.test(tail)) {
    throw usageError(
      "container logs",
      `Invalid --tail ${JSON.stringify(tail)}; give a number or all`,
    );
  }
  return {
    ...follow && { follow },
    ...timestamps && { timestamps },
    ...tail !== "all" && { tail: Number(tail) },
    ...since !== undefined && { since: parseSince("container logs", since) },
  };
}

async function show(ref: string, options: LogOptions, command: Command): Promise<void> {
  const wanted = request(options);
  using client = clientFor(command);
  // By id: another container may get the name while this one is followed.
  const { id } = await client.containers.get(ref);
  const abort = new AbortController();
  const stop = () => abort.abort();
  for (const signal of ["SIGINT", "SIGTERM"] as const) Deno.addSignalListener(signal, stop);
  try {
    for await (const bytes of client.processes.logs(id, wanted, abort.signal)) {
      if (!write(bytes)) return;
    }
    if (wanted.follow && !abort.signal.aborted) await ended(client.containers.get(id));
  } catch (error) {
    if (!abort.signal.aborted) throw error;
  } finally {
    for (const signal of ["SIGINT", "SIGTERM"] as const) Deno.removeSignalListener(signal, stop);
  }
}

/** Tells a container's end from the daemon's. @throws {NetsvcError} `unavailable` */
async function ended(asked: Promise<{ state: string }>): Promise<void> {
  const state = await asked.then(({ state }) => state, ({ code }) => code);
  if (state === "exited" || state === "not_found") return;
  throw new NetsvcError(
    "unavailable",
    "The daemon stopped, which ended the output; the container goes on",
  );
}

/** Turns a command into `logs`. */
export function logs(command: Command): void {
  command.description("Show the output of a detached container")
    .addArgument(argument("<CONTAINER>").completedBy(containers)).usage("[OPTIONS] CONTAINER")
    .option("-f, --follow", "Go on until the container ends")
    .option("--since <TIME>", "Only output since then, e.g. 10m or 2026-01-31T12:00:00Z")
    .option("-n, --tail <N>", "Only the last N lines", "all")
    .option("-t, --timestamps", "Begin each line with its time")
    .action(show);
}
