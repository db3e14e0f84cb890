/**
 * `netsvc inspect`: whatever has a name or an id, as JSON.
 *
 * @module
 */
import type { Command } from "commander";
import { isNetsvcError, NetsvcError } from "../../lib/api/errors.ts";
import type { Client } from "../client/client.ts";
import { argument, option } from "../completion/declare.ts";
import { anything } from "../completion/objects.ts";
import { clientFor } from "../context.ts";
import { checkFormat } from "../output/format.ts";
import { printInfo } from "../output/info.ts";
import { usageError } from "../options/usage.ts";

/** What there is, in the order in which it is looked for. */
const KINDS: Record<string, (client: Client, reference: string) => Promise<object>> = {
  container: (client, reference) => client.containers.get(reference),
  network: (client, reference) => client.networks.get(reference),
  service: (client, reference) => client.services.get(reference),
  host: (client, reference) => client.hosts.get(reference),
};

interface InspectOptions {
  format: string;
  type?: string;
}

/** The first object of that name. @throws {NetsvcError} `not_found`, `ambiguous`, … */
async function find(client: Client, reference: string, kinds: string[]): Promise<object> {
  for (const kind of kinds) {
    try {
      return await KINDS[kind]!(client, reference);
    } catch (error) {
      if (kinds.length === 1 || !isNetsvcError(error) || error.code !== "not_found") throw error;
    }
  }
  throw new NetsvcError(
    "not_found",
    `No such ${kinds.slice(0, -1).join(", ")} or ${kinds.at(-1)}: ${JSON.stringify(reference)}`,
  );
}

async function inspect(
  references: string[],
  { format, type }: InspectOptions,
  command: Command,
): Promise<void> {
  if (type !== undefined && !Object.hasOwn(KINDS, type)) {
    throw usageError(
      "inspect",
      `Unknown type ${JSON.stringify(type)}; use one of ${Object.keys(KINDS).join(", ")}`,
    );
  }
  const wanted = format === "" ? "json" : format;
  checkFormat(wanted, { command: "inspect", words: ["json"] });
  const kinds = type === undefined ? Object.keys(KINDS) : [type];
  using client = clientFor(command);
  await printInfo(references, {
    get: (ref) => find(client, ref, kinds),
    describe: () => "",
    format: wanted,
  });
}

export function addInspectCommand(program: Command): void {
  program.command("inspect").description("Show containers, networks, services or hosts as JSON")
    .addArgument(argument("<NAME...>").completedBy(anything)).usage("[OPTIONS] NAME [NAME...]")
    .addOption(
      option("-f, --format <FORMAT>", `"json" or a template like '{{.name}}'`).completedBy(["json"])
        .default(
          "json",
        ),
    )
    .addOption(
      option("--type <TYPE>", `Only a ${Object.keys(KINDS).join(", ")}`).completedBy(
        Object.keys(KINDS),
      ),
    )
    .action(inspect);
}
