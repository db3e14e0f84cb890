/**
 * Start of the daemon with 1,000 services, and its memory.
 *
 * @module
 */
import { Client } from "../cli/client.ts";
import { readFileSync } from "../drivers/kernel/libc.ts";
import { run } from "../tests/harness/command.ts";
import { TestHost } from "../tests/harness/host.ts";
import { median, type Row, time } from "./measure.ts";

const SERVICES = 1000, CONTAINERS = 100, ROUNDS = 5;

/** Resident memory of a process, in MiB. */
function residentMiB(pid: number): number {
  return Number(readFileSync(`/proc/${pid}/status`).match(/^VmRSS:\s+(\d+)/m)?.[1]) / 1024;
}

/** Runs the rounds. */
export async function benchDaemon(): Promise<Row[]> {
  await using host = await TestHost.create();
  const idle = residentMiB(host.pid);
  {
    using client = new Client({ host: `unix://${host.socket}` });
    await client.createNetwork({ name: "net" });
    for (let i = 0; i < SERVICES; i++) {
      await client.publishService({ name: `s${i}`, network: "net" });
    }
  }
  const start: number[] = [];
  const floor: number[] = [];
  for (let i = 0; i < ROUNDS; i++) {
    await host.stop();
    start.push(await time(() => host.start()));
    floor.push(await time(() => run([Deno.execPath(), "run", "--no-config", "/dev/null"])));
  }
  const loaded = residentMiB(host.pid);
  {
    using client = new Client({ host: `unix://${host.socket}` });
    for (let i = 0; i < CONTAINERS; i++) {
      await client.createContainer({ name: `c${i}`, network: "net" });
    }
  }
  return [
    {
      what: `daemon start, ${SERVICES} services`,
      unit: "ms",
      median: median(start),
      floor: median(floor),
      floorIs: "deno run of an empty file",
    },
    { what: "memory, idle", unit: "MiB", median: idle },
    { what: `memory, ${SERVICES} services`, unit: "MiB", median: loaded },
    { what: `memory, and ${CONTAINERS} containers`, unit: "MiB", median: residentMiB(host.pid) },
  ];
}
