/**
 * Start of the daemon with 1,000 services, and its memory.
 *
 * @module
 */
import { Client } from "../cli/client/client.ts";
import { run, spawn } from "../tests/harness/command.ts";
import { TestHost } from "../tests/harness/host.ts";
import { type Row, spread, time } from "./measure.ts";
import { type Memory, memoryOf, settledMemory } from "./memory.ts";

const SERVICES = 1000, CONTAINERS = 100, ROUNDS = 5;
/** What the issue asks for. */
const LIMIT_MIB = 90;

/** Memory of a Deno that does nothing. */
async function emptyMemory(): Promise<Memory> {
  const child = spawn([Deno.execPath(), "run", "--no-config", "-"], {
    stdin: "piped",
    stdout: "piped",
  });
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode("setInterval(() => {}, 1e6); console.log(1);"));
  await writer.close();
  await child.stdout.getReader().read();
  const memory = memoryOf(child.pid);
  child.kill("SIGKILL");
  await child.status;
  return memory;
}

/** Starts with many services, beside an empty program. */
async function starts(host: TestHost): Promise<Row> {
  const start: number[] = [];
  const floor: number[] = [];
  for (let i = 0; i < ROUNDS; i++) {
    await host.stop();
    start.push(await time(() => host.start()));
    floor.push(await time(() => run([Deno.execPath(), "run", "--no-config", "/dev/null"])));
  }
  return {
    what: `daemon start, ${SERVICES} services`,
    unit: "ms",
    ...spread(start, floor),
    floorIs: "deno run of an empty file",
    target: { ratio: 4, kind: "most" },
  };
}

/** Runs the rounds. */
export async function benchDaemon(): Promise<Row[]> {
  await using host = await TestHost.create();
  const empty = await emptyMemory();
  const memory = (what: string, { all, own, files }: Memory, limit?: number): Row => ({
    ...{ what: `memory, ${what}`, unit: "MiB", median: all, floor: empty.all },
    ...limit !== undefined && { limit },
    floorIs: `a Deno that does nothing (its own ${empty.own.toFixed(0)}, of files ${
      empty.files.toFixed(0)
    }); the daemon's own ${own.toFixed(0)}, of files ${files.toFixed(0)}`,
  });
  const idle = await settledMemory(host.pid);
  let first: Memory;
  {
    using client = new Client({ host: `unix://${host.socket}` });
    await client.networks.create({ name: "net" });
    await client.containers.create({ name: "first", network: "net" });
    first = await settledMemory(host.pid);
    await client.containers.remove("first", true);
    for (let i = 0; i < SERVICES; i++) {
      await client.services.publish({ name: `s${i}`, network: "net" });
    }
  }
  const started = await starts(host);
  const loaded = memoryOf(host.pid);
  {
    using client = new Client({ host: `unix://${host.socket}` });
    for (let i = 0; i < CONTAINERS; i++) {
      await client.containers.create({ name: `c${i}`, network: "net" });
    }
  }
  return [
    started,
    memory("idle for half a minute", idle, LIMIT_MIB),
    memory("half a minute after the first sandbox", first, LIMIT_MIB),
    memory(`just started with ${SERVICES} services`, loaded),
    memory(`and ${CONTAINERS} containers just created`, memoryOf(host.pid)),
  ];
}
