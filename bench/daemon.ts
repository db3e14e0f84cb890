/**
 * Start of the daemon with 1,000 services, and its memory.
 *
 * @module
 */
import { Client } from "../cli/client/client.ts";
import { run, spawn } from "../tests/harness/command.ts";
import { TestHost } from "../tests/harness/host.ts";
import { type Row, spread, time } from "./measure.ts";
import { residentMiB } from "./memory.ts";

const SERVICES = 1000, CONTAINERS = 100, ROUNDS = 5;

/** Resident memory of a Deno that does nothing. */
async function emptyMiB(): Promise<number> {
  const child = spawn([Deno.execPath(), "run", "--no-config", "-"], {
    stdin: "piped",
    stdout: "piped",
  });
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode("setInterval(() => {}, 1e6); console.log(1);"));
  await writer.close();
  await child.stdout.getReader().read();
  const resident = residentMiB(child.pid);
  child.kill("SIGKILL");
  await child.status;
  return resident;
}

/** Runs the rounds. */
export async function benchDaemon(): Promise<Row[]> {
  await using host = await TestHost.create();
  const idle = residentMiB(host.pid);
  const empty = await emptyMiB();
  {
    using client = new Client({ host: `unix://${host.socket}` });
    await client.networks.create({ name: "net" });
    for (let i = 0; i < SERVICES; i++) {
      await client.services.publish({ name: `s${i}`, network: "net" });
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
      await client.containers.create({ name: `c${i}`, network: "net" });
    }
  }
  const memory = (what: string, median: number): Row => ({
    what: `memory, ${what}`,
    unit: "MiB",
    median,
    floor: empty,
    floorIs: "a Deno that does nothing",
  });
  return [
    {
      what: `daemon start, ${SERVICES} services`,
      unit: "ms",
      ...spread(start, floor),
      floorIs: "deno run of an empty file",
      target: { ratio: 4, kind: "most" },
    },
    memory("idle", idle),
    memory(`${SERVICES} services`, loaded),
    memory(`and ${CONTAINERS} containers`, residentMiB(host.pid)),
  ];
}
