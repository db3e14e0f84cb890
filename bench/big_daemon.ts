/**
 * A daemon with 10,000 services and 100 sandboxes: its start, its memory, and for how long its event loop does nothing
 * else, and it answers nothing, while a thousand changes come as fast as a client can send them.
 *
 * @module
 */
import { Client } from "../cli/client/client.ts";
import { TestHost } from "../tests/harness/host.ts";
import { type Turn, turnsDuring, watched } from "./loop/turns.ts";
import { median, quantile, type Row, time } from "./measure.ts";
import { residentMiB } from "./memory.ts";

const NETWORKS = 100, SERVICES = 10_000, SANDBOXES = 100, CHANGES = 1000, STARTS = 3;
/** Requests of the client beside each other. */
const BESIDE = 16;
/** How long nothing happens, for the floor, in milliseconds. */
const CALM_MS = 3000;

/** Runs an action for each number below `count`, some beside each other. */
async function each(count: number, action: (n: number) => Promise<unknown>): Promise<void> {
  let next = 0;
  await Promise.all(Array.from({ length: BESIDE }, async () => {
    while (next < count) await action(next++);
  }));
}

const calm = () => new Promise((resolve) => setTimeout(resolve, CALM_MS));

/** Asks one after the other until told to stop; a process of its own, so that nothing of ours delays it. */
const PROBE = `
const client = Deno.createHttpClient({ proxy: { transport: "unix", path: Deno.args[0] } });
const times = [];
let stop = false;
Deno.addSignalListener("SIGTERM", () => stop = true);
console.log("ready");
while (!stop) {
  const start = performance.now();
  await (await fetch("http://localhost/healthz", { client })).text();
  times.push(performance.now() - start);
  await new Promise((resolve) => setTimeout(resolve, 1));
}
console.log(JSON.stringify(times));
Deno.exit(0);
`;

/** How long answers took while an action ran, in milliseconds. */
async function waits(host: TestHost, action: () => Promise<unknown>): Promise<number[]> {
  await Deno.writeTextFile(`${host.directory}/probe.ts`, PROBE);
  const probe = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-config", `${host.directory}/probe.ts`, host.socket],
    stdout: "piped",
  }).spawn();
  try {
    const reader = probe.stdout.pipeThrough(new TextDecoderStream()).getReader();
    await reader.read();
    await action();
    probe.kill("SIGTERM");
    let text = "";
    for (let part = await reader.read(); !part.done; part = await reader.read()) text += part.value;
    return JSON.parse(text);
  } finally {
    await probe.status;
  }
}

async function fill(host: TestHost): Promise<void> {
  using client = new Client({ host: `unix://${host.socket}` });
  for (let n = 0; n < NETWORKS; n++) {
    await client.networks.create({ name: `n${n}`, driver: "bridge" });
  }
  await each(
    SERVICES - SANDBOXES,
    (n) => client.services.publish({ name: `s${n}`, network: `n${n % NETWORKS}` }),
  );
  await each(
    SANDBOXES,
    (n) => client.containers.create({ name: `c${n}`, network: `n${n % NETWORKS}` }),
  );
}

/** The changes, and what takes them back. */
function storms(client: Client) {
  return {
    publish: () =>
      each(
        CHANGES,
        (n) => client.services.publish({ name: `storm${n}`, network: `n${n % NETWORKS}` }),
      ),
    unpublish: () =>
      each(CHANGES, (n) => client.services.unpublish(`storm${n}.n${n % NETWORKS}`, false)),
  };
}

const longest = (turns: Turn[], key: "ms" | "processor") =>
  Math.max(0, ...turns.map((turn) => turn[key]));

/** The event loop's turns, in a daemon that runs from the sources. */
async function benchTurns(host: TestHost): Promise<Row[]> {
  const file = `${host.directory}/turns`;
  const { program, env } = watched(file);
  host.program = program!;
  Object.assign(host.env, env);
  await host.stop();
  await host.start();
  using client = new Client({ host: `unix://${host.socket}` });
  const still = await turnsDuring(host, file, calm);
  const rows: Row[] = [];
  for (const [what, storm] of Object.entries(storms(client))) {
    const turns = await turnsDuring(host, file, storm);
    rows.push({
      ...{ what: `longest block of the event loop, ${CHANGES} × ${what}`, unit: "ms", limit: 20 },
      median: longest(turns, "ms"),
      floor: longest(still, "ms"),
      floorIs: `3 s in which nothing happens; of it the thread's own processor time: ${
        longest(turns, "processor").toFixed(1)
      } ms`,
    });
  }
  return rows;
}

/** Measures all. */
export async function benchBigDaemon(): Promise<Row[]> {
  await using host = await TestHost.create();
  await fill(host);
  const starts: number[] = [];
  for (let i = 0; i < STARTS; i++) {
    await host.stop();
    starts.push(await time(() => host.start()));
  }
  const started = residentMiB(host.pid);
  const still = await waits(host, calm);
  using client = new Client({ host: `unix://${host.socket}` });
  const { publish, unpublish } = storms(client);
  const storm = await waits(host, publish);
  const size = `${SERVICES.toLocaleString("en")} services, ${SANDBOXES} sandboxes`;
  const memory = (median: number, floorIs: string): Row => ({
    ...{ what: `memory, ${size}`, unit: "MiB", median, floorIs },
  });
  const stormed = residentMiB(host.pid);
  await unpublish();
  return [
    {
      ...{ what: `daemon start, ${size}`, unit: "ms", median: median(starts) },
      floorIs: "until it serves",
    },
    memory(started, "after the start"),
    memory(stormed, "after the storm"),
    {
      ...{ what: `longest wait for an answer, ${CHANGES} changes at once`, unit: "ms" },
      median: Math.max(...storm),
      floor: Math.max(...still),
      floorIs: "the same request for 3 s in which nothing else happens; two cores share all of it",
    },
    {
      ...{ what: "median wait meanwhile", unit: "ms", median: median(storm) },
      ...{ p95: quantile(storm, 0.95), floor: median(still), floorP95: quantile(still, 0.95) },
      floorIs: "as above",
    },
    ...await benchTurns(host),
  ];
}
