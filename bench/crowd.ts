/**
 * What one more attach costs on a network of 10, 300 and 1,000 containers, and what a sandbox
 * costs in memory.
 *
 * @module
 */
import { Client } from "../cli/client/client.ts";
import { TestHost } from "../tests/harness/host.ts";
import { median, type Row, spread, time } from "./measure.ts";
import { residentMiB } from "./memory.ts";
import { Settler } from "./settle.ts";

const SIZES = [10, 300, 1000], ROUNDS = 25;

/** Fills the network and measures at each size. */
export async function benchCrowd(): Promise<Row[]> {
  await using host = await TestHost.create();
  using client = new Client({ host: `unix://${host.socket}` });
  await using settler = new Settler(host.namespace.path);
  await client.networks.create({ name: "net" });
  await client.containers.create({ name: "probe" });
  await client.services.publish({ name: "probe", network: "net" });
  const figures: { size: number; attach: number[]; resident: number }[] = [];
  let size = 0;
  for (const wanted of SIZES) {
    for (; size < wanted; size++) {
      await client.containers.create({ name: `c${size}`, network: "net" });
    }
    const attach: number[] = [];
    for (let i = 0; i <= ROUNDS; i++) {
      await settler.settle();
      const took = await time(() => client.services.attach("probe.net", { container: "probe" }));
      if (i > 0) attach.push(took);
      await client.services.detach("probe.net", { container: "probe" });
    }
    figures.push({ size, attach, resident: residentMiB(host.pid) });
  }
  const [first] = figures as [typeof figures[number]];
  return figures.flatMap(({ size, attach, resident }): Row[] => [
    {
      ...{ what: `attach, ${size} containers on the network`, unit: "ms" },
      ...spread(attach),
      ...size > first.size && {
        floor: median(first.attach),
        floorIs: `the same with ${first.size}`,
        target: { ratio: 1.15, kind: "most" as const },
      },
    },
    ...size === first.size ? [] : [{
      what: `memory of a sandbox, ${size} containers`,
      unit: "MiB",
      median: (resident - first.resident) / (size - first.size),
      limit: 0.15,
      floorIs: "growth of the daemon's resident memory; the kernel's own isn't in it",
    }],
  ]);
}
