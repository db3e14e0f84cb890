/**
 * `./task simulate`: clusters of daemons without a kernel on one real etcd, beside one another. What
 * a daemon costs must go by the members of its own networks, not by the size of the cluster.
 *
 * @module
 */
import { MAX_NETWORKS, MAX_SERVICES_PER_NETWORK } from "./simulation/addresses.ts";
import { type Figures, FULL, measureCluster, QUICK } from "./simulation/measure.ts";
import type { Size } from "./simulation/plan.ts";

/** Unless flags say otherwise: a quarter, the whole, and the whole with twice the members. */
const SIZES: Size[] = [
  { daemons: 25, networks: 25, services: 2_500, networksPerDaemon: 3 },
  { daemons: 100, networks: 100, services: 10_000, networksPerDaemon: 3 },
  { daemons: 100, networks: 100, services: 10_000, networksPerDaemon: 6 },
];
const FLAGS: Record<string, keyof Size> = {
  "--daemons": "daemons",
  "--networks": "networks",
  "--services": "services",
  "--networks-per-daemon": "networksPerDaemon",
};

/** Sizes that the command line gives. */
function parseSizes(args: string[]): Size[] {
  if (args.length === 0) return SIZES;
  const size: Size = { ...SIZES[1]! };
  for (let i = 0; i < args.length; i += 2) {
    const key = FLAGS[args[i]!];
    const value = Number(args[i + 1]);
    if (!key || !Number.isInteger(value) || value < 1) {
      console.error(
        `Usage: simulate [--quick] [${Object.keys(FLAGS).map((flag) => `${flag} N`).join(" ")}]`,
      );
      Deno.exit(2);
    }
    size[key] = value;
  }
  if (size.networks > MAX_NETWORKS || size.services / size.networks > MAX_SERVICES_PER_NETWORK) {
    console.error(`At most ${MAX_NETWORKS} networks of ${MAX_SERVICES_PER_NETWORK} services each`);
    Deno.exit(2);
  }
  return [size];
}

function table(sizes: Size[], all: Figures[]): string {
  const head = (key: keyof Size) => sizes.map((size) => String(size[key]));
  const rows = [
    ["daemons", ...head("daemons")],
    ["networks", ...head("networks")],
    ["services", ...head("services")],
    ["networks per daemon", ...head("networksPerDaemon")],
    ...[...new Set(all.flatMap((figures) => [...figures.keys()]))].map((name) => [
      name,
      ...all.map((figures) => {
        const value = figures.get(name);
        if (value === undefined) return "?";
        return value >= 100 ? String(Math.round(value)) : value.toFixed(value < 10 ? 2 : 1);
      }),
    ]),
  ];
  const widths = rows[0]!.map((_, i) => Math.max(...rows.map((row) => row[i]!.length)));
  return rows.map((row) =>
    row.map((cell, i) => i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!)).join("  ")
  ).join("\n");
}

if (import.meta.main) {
  const effort = Deno.args.includes("--quick") ? QUICK : FULL;
  const sizes = parseSizes(Deno.args.filter((word) => word !== "--quick"));
  const all: Figures[] = [];
  let failed = false;
  for (const size of sizes) {
    console.error(`Simulating ${JSON.stringify(size)} …`);
    const figures: Figures = new Map();
    all.push(figures);
    await measureCluster(size, effort, figures).catch((error) => {
      console.error(error);
      failed = true;
    });
  }
  console.log(table(sizes, all));
  if (failed) Deno.exit(1);
}
