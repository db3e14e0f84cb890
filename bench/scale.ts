/**
 * What a daemon costs in a cluster beside one of a third of its size, with as many members per network:
 * the short form of `./task simulate`.
 *
 * @module
 */
import type { Row } from "./measure.ts";
import { measureCluster, QUICK } from "./simulation/measure.ts";

const NETWORKS_PER_DAEMON = 3, SERVICES_PER_NETWORK = 100;
const SMALL = 6, LARGE = 18;

/** Figures that must not grow with the cluster: unit, and how much they may differ by chance. */
const FLAT: Record<string, { unit: string; ratio?: number }> = {
  "watches per daemon": { unit: "", ratio: 1.05 },
  "per change: events to watches": { unit: "", ratio: 1.1 },
  "per change: sent by store, KiB": { unit: "KiB", ratio: 1.25 },
  "in the end: heap per daemon, MiB": { unit: "MiB", ratio: 1.25 },
  "in the end: RSS per daemon, MiB": { unit: "MiB", ratio: 1.25 },
  // Processor time depends on what else the machine does.
  "at rest: CPU per daemon, ms/s": { unit: "ms/s" },
  "per change: CPU of all daemons, ms": { unit: "ms" },
};

/** Measures both. */
export async function benchScale(): Promise<Row[]> {
  const figures = (daemons: number) =>
    measureCluster({
      daemons,
      networks: daemons,
      services: daemons * SERVICES_PER_NETWORK,
      networksPerDaemon: NETWORKS_PER_DAEMON,
    }, QUICK);
  const small = await figures(SMALL);
  const large = await figures(LARGE);
  return Object.entries(FLAT).map(([what, { unit, ratio }]) => ({
    what: `${LARGE} daemons, ${what.replace(/, \S+$/, "")}`,
    unit,
    median: large.get(what)!,
    floor: small.get(what)!,
    floorIs: `${SMALL} daemons`,
    ...ratio !== undefined && { target: { ratio, kind: "most" as const } },
  }));
}
