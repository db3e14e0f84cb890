/**
 * `netsvc service update` and `netsvc service ps`.
 *
 * @module
 */
import type { Command } from "commander";
import { backendsOf } from "../../../lib/api/backends.ts";
import { MAX_WEIGHT } from "../../../lib/api/names.ts";
import type { Service, UpdateService } from "../../../lib/api/types.ts";
import { argument, option } from "../../completion/declare.ts";
import { backendsOf as backendWords, services } from "../../completion/objects.ts";
import { clientFor, print } from "../../context.ts";
import { parseServicePort } from "../../run/ports.ts";
import { usageError } from "../../options/usage.ts";
import {
  addListOptions,
  checkListOptions,
  formatListing,
  type ListOptions,
} from "../../output/listing.ts";
import { backendListing } from "./listing.ts";

/** Modes of services. */
export const MODES: readonly Service["mode"][] = ["single", "vip", "dnsrr"];

interface UpdateOptions {
  mode?: string;
  port: string[];
  weight: string[];
  drain: string[];
  activate: string[];
}

/** A mode by its word. @throws {NetsvcError} a usage error */
export function parseMode(command: string, word: string): Service["mode"] {
  const mode = MODES.find((mode) => mode === word);
  if (mode !== undefined) return mode;
  throw usageError(command, `Unknown mode ${JSON.stringify(word)}; use ${MODES.join(", ")}`);
}

function parseWeight(text: string): { container: string; weight: number } {
  const [, container, digits] = text.match(/^(.+)=(\d{1,4})$/) ?? [];
  const weight = Number(digits);
  if (container !== undefined && weight >= 1 && weight <= MAX_WEIGHT) return { container, weight };
  throw usageError(
    "service update",
    `Invalid --weight ${JSON.stringify(text)}; write it CONTAINER=N, N from 1 to ${MAX_WEIGHT}`,
  );
}

async function update(ref: string, options: UpdateOptions, command: Command): Promise<void> {
  const { mode, port, weight, drain, activate } = options;
  const request: UpdateService = {
    ...mode !== undefined && { mode: parseMode("service update", mode) },
    ...port.length > 0 && {
      ports: port.map((text) => parseServicePort(text, "service update")),
    },
    ...weight.length > 0 && { weights: weight.map(parseWeight) },
    ...drain.length > 0 && { drain },
    ...activate.length > 0 && { activate },
  };
  if (Object.keys(request).length === 0) {
    throw usageError(
      "service update",
      "Say what to change: --mode, --port, --weight, --drain, --activate",
    );
  }
  using client = clientFor(command);
  await client.services.update(ref, request);
}

async function ps(ref: string, options: ListOptions, command: Command): Promise<void> {
  checkListOptions(backendListing, options);
  using client = clientFor(command);
  const backends = backendsOf(await client.services.get(ref));
  print(formatListing(backends, { listing: backendListing, options }));
}

/** Adds both to the group. */
export function addUpdateCommands(group: Command): void {
  group.command("update").description("Change a service that lives")
    .addArgument(argument("<SERVICE[.NETWORK]>").completedBy(services))
    .usage("[OPTIONS] SERVICE[.NETWORK]")
    .addOption(
      option("--mode <MODE>", "single, vip or dnsrr; from and to single while it has no backend")
        .completedBy(MODES),
    )
    .addOption(
      option("--port <PORT>", "Port offered, in place of those before (repeatable)").repeatable(),
    )
    .addOption(
      option("--weight <CONTAINER=N>", "Share of a backend beside the others' (repeatable)")
        .repeatable(),
    )
    .addOption(
      option("--drain <CONTAINER>", "Give a backend no new connections (repeatable)")
        .completedBy(backendWords).repeatable(),
    )
    .addOption(
      option("--activate <CONTAINER>", "Give it new ones again (repeatable)")
        .completedBy(backendWords).repeatable(),
    )
    .action(update);
  addListOptions(
    group.command("ps").description("List the backends of a service")
      .addArgument(argument("<SERVICE[.NETWORK]>").completedBy(services))
      .usage("[OPTIONS] SERVICE[.NETWORK]"),
    backendListing,
  ).action(ps);
}
