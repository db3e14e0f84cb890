/**
 * Commands for a cluster's bad days: `netsvc cluster backup`, `restore`, `recover`, `upgrade`.
 *
 * @module
 */
import type { Command } from "commander";
import { NetsvcError } from "../../../lib/api/errors.ts";
import { argument } from "../../completion/declare.ts";
import { clientFor, print, warn } from "../../context.ts";

/** What is given up, in the words that the command asks with. */
const GIVEN_UP =
  "This host's etcd forgets all other voters. What they had acknowledged and this one had not yet seen is lost, and " +
  "they must not come back where they can't reach this host: together they'd go on as the old cluster there.";

/** Adds them. */
export function addRepair(group: Command): void {
  group.command("backup").description("Save the cluster's networks, services and authority")
    .usage("FILE").addArgument(
      argument("<FILE>").completedBy("files")
        .describe("File of the daemon's host; who has it can make hosts of the cluster"),
    )
    .action(async (file: string, _options: unknown, command: Command) => {
      using client = clientFor(command);
      const { entries, bytes } = await client.cluster.backup(absolute(file));
      print(`Saved ${entries} keys in ${bytes} bytes.\n`);
    });
  group.command("restore").description("Put networks and services back to what a backup has")
    .usage("[OPTIONS] FILE")
    .addArgument(argument("<FILE>").completedBy("files").describe("File of the daemon's host"))
    .option("-f, --force", "Also a backup of another cluster")
    .action(async (file: string, { force = false }: { force?: boolean }, command: Command) => {
      using client = clientFor(command);
      const { written, deleted } = await client.cluster.restore({ file: absolute(file), force });
      print(`Restored ${written} keys, and removed ${deleted} that are newer.\n`);
      if (written === 0) {
        warn(`The backup "${file}" has no networks or services: it is of an empty cluster`);
      }
    });
  group.command("recover").description(
    "Go on alone, when the majority of the voters is gone for good",
  )
    .usage("[OPTIONS]").option("--yes", "Don't ask").option(
      "-f, --force",
      "Also while the majority is there",
    )
    .action(async ({ yes = false, force = false }, command: Command) => {
      if (!yes) confirm();
      using client = clientFor(command);
      const { id } = await client.cluster.recover({ force });
      print(
        `Recovered cluster ${
          id.slice(0, 8)
        }: this host is its only voter. Hosts that are lost: netsvc host rm NAME\n`,
      );
    });
  group.command("upgrade").description(
    "Restart this host's etcd with the version that is installed",
  )
    .action(async (_options: unknown, command: Command) => {
      using client = clientFor(command);
      const { version } = await client.cluster.upgrade();
      print(`This host runs etcd ${version}.\n`);
    });
}

/** @throws {NetsvcError} unless the user says yes at a terminal */
function confirm(): void {
  const asked = Deno.stdin.isTerminal() && globalThis.confirm(`${GIVEN_UP}\nGo on?`);
  if (!asked) throw new NetsvcError("invalid", `${GIVEN_UP} If that is so, insist with --yes`);
}

/** The daemon has another working directory. */
function absolute(path: string): string {
  return path.startsWith("/") ? path : `${Deno.cwd()}/${path}`;
}
