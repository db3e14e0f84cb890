/**
 * A daemon with 10,000 services and 100 sandboxes: its start, its memory, and for how long it answers
 * nothing while a thousand changes come as fast as a client can send them.
 *
 * @module
 */
import { Client } from "../cli/client/client.ts";
import { TestHost } from "../tests/harness/host.ts";
import { median, quantile, type Row, time } from "./measure.ts";
import { residentMiB } from "./memory.ts";

const NETWORKS = 100, SERVICES = 10_000, SANDBOXES = 100, CHANGES = 1000, STARTS = 3;
/** Requests of the client beside each other. */
const BESIDE = 16;

/** Runs an action for each number below `count`, some beside each other. */
async function each(count: number, action: (n: number) => Promise<unknown>): Promise<void> {
  let next = 0;
  await Promise.all(Array.from({ length: BESIDE }, async () => {
    while (next < count) await action(next++);
  }));
}

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
async function waits(socket: string, action: () => Promise<unknown>): Promise<number[]> {
  const directory = await Deno.makeTempDir({ prefix: "netsvc-bench-" });
  await Deno.writeTextFile(`${directory}/probe.ts`, PROBE);
  const probe = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-config", `${directory}/probe.ts`, socket],
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
    await Deno.remove(directory, { recursive: true });
  }
}

/** Measures all. */
export async function benchBigDaemon(): Promise<Row[]> {
  await using host = await TestHost.create();
  {
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
  const starts: number[] = [];
  for (let i = 0; i < STARTS; i++) {
    await host.stop();
    starts.push(await time(() => host.start()));
  }
  using client = new Client({ host: `unix://${host.socket}` });
  const calm = await waits(
    host.socket,
    () => new Promise((resolve) => setTimeout(resolve, 3000)),
  );
  const storm = await waits(
    host.socket,
    () =>
      each(
        CHANGES,
        (n) => client.services.publish({ name: `storm${n}`, network: `n${n % NETWORKS}` }),
      ),
  );
  const size = `${SERVICES.toLocaleString("en")} services, ${SANDBOXES} sandboxes`;
  return [
    {
      ...{ what: `daemon start, ${size}`, unit: "ms", median: median(starts) },
      floorIs: "until it serves",
    },
    {
      ...{ what: `memory, ${size}`, unit: "MiB", median: residentMiB(host.pid) },
      floorIs: "after the storm",
    },
    {
      ...{ what: `longest wait for an answer, ${CHANGES} changes at once`, unit: "ms", limit: 20 },
      median: Math.max(...storm),
      floor: Math.max(...calm),
      floorIs: "the same request for 3 s in which nothing else happens; two cores share all of it",
    },
    {
      ...{ what: "median wait meanwhile", unit: "ms", median: median(storm) },
      ...{ p95: quantile(storm, 0.95), floor: median(calm), floorP95: quantile(calm, 0.95) },
      floorIs: "as above",
    },
  ];
}
