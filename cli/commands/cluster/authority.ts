/**
 * `netsvc cluster ca rotate`.
 *
 * @module
 */
import type { Command } from "commander";
import type { ClusterStatus } from "../../../lib/api/types.ts";
import { clientFor, print } from "../../context.ts";

type Rollover = NonNullable<ClusterStatus["rollover"]>;

/** What all are doing, by the phase. */
const DOING: Record<Rollover["phase"], string> = {
  keys: "voters get the new keys",
  trust: "hosts take the new one beside the old one",
  sign: "hosts get certificates of the new one",
  drop: "hosts drop the old one",
};

/** The line below `cluster status`. */
export function rolloverLine({ phase, waits }: Rollover): string {
  const step = Object.keys(DOING).indexOf(phase) + 1;
  return `The authority is being changed, step ${step} of 4: ${DOING[phase]}${
    waits.length > 0 ? `; waiting for ${waits.join(", ")}` : ""
  }.\n`;
}

export function addAuthority(group: Command): void {
  const ca = group.command("ca").description("Manage the cluster's authority");
  ca.command("rotate")
    .description("Put another authority in the place of the cluster's, while it runs")
    .usage("[OPTIONS]")
    .option("-f, --force", "Put hosts that are down out of the cluster; they join anew")
    .action(async ({ force = false }: { force?: boolean }, command: Command) => {
      using client = clientFor(command);
      const { expelled } = await client.cluster.rotateAuthority({ force });
      const out = expelled.length > 0 ? ` Put out: ${expelled.join(", ")}.` : "";
      print(
        `All hosts have certificates of another authority; the old one is good for nothing any more.${out}\n` +
          `Join tokens of before have ended; "netsvc cluster token create" makes new ones.\n`,
      );
    });
}
