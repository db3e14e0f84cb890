/**
 * `./task trace attach|detach|create|rm [CONTAINERS]`: one operation of a daemon, with every wait of it by name, in
 * order of their starts; the median of many rounds. CONTAINERS: how many others the network has.
 *
 * @module
 */
import { Client } from "../cli/client/client.ts";
import { TestHost } from "../tests/harness/host.ts";
import { Settler } from "./settle.ts";
import type { Span } from "./trace/spans.ts";

const ROUNDS = 20;
/** When the daemon has written what it recorded, in milliseconds. */
const WRITTEN_MS = 200;

/** Starts and lengths of one span in all rounds. */
interface Line {
  name: string;
  starts: number[];
  lengths: number[];
  sync: boolean;
}

const median = (values: number[]) => values.toSorted((a, b) => a - b)[values.length >> 1]!;

/** Spans by name, and by which one of that name they are: one that isn't in half of the rounds is left out. */
function lines(rounds: Span[][]): Line[] {
  const all = new Map<string, Line>();
  for (const spans of rounds) {
    const seen = new Map<string, number>();
    for (const { name, start, ms, sync } of spans) {
      const plain = name.replace(
        /nst\w+|[0-9a-f]{12,}|\d+\.\d+\.\d+\.\d+|([0-9a-f]{2}:){5}[0-9a-f]{2}|\d{3,}/g,
        "…",
      );
      const n = (seen.get(plain) ?? 0) + 1;
      seen.set(plain, n);
      const line = all.get(`${plain} ${n}`) ?? { name: plain, starts: [], lengths: [], sync };
      line.starts.push(start);
      line.lengths.push(ms);
      all.set(`${plain} ${n}`, line);
    }
  }
  return [...all.values()].filter(({ starts }) => starts.length > rounds.length / 2)
    .sort((a, b) => median(a.starts) - median(b.starts));
}

async function main(what: string, others: number): Promise<void> {
  const trace = await Deno.makeTempFile({ prefix: "netsvc-trace-" });
  const program = new URL("trace/traced.ts", import.meta.url).pathname;
  await using host = await TestHost.create({
    program: [Deno.execPath(), "run", "-A", "--no-check", program],
    env: { NETSVC_TRACE: trace },
  });
  using client = new Client({ host: `unix://${host.socket}` });
  await using settler = new Settler(host.namespace.path);
  await client.networks.create({ name: "net" });
  for (let n = 0; n < others; n++) {
    await client.containers.create({ name: `other${n}`, network: "net" });
  }
  await client.containers.create({ name: "box" });
  await client.services.publish({ name: "s", network: "net" });
  const attach = () => client.services.attach("s.net", { container: "box" });
  const detach = () => client.services.detach("s.net", { container: "box" });
  const create = () => client.networks.create({ name: "n" });
  const remove = () => client.networks.remove("n", false);
  const sides: Record<
    string,
    [run: () => Promise<unknown>, back: () => Promise<unknown>, first: boolean]
  > = {
    attach: [attach, detach, false],
    detach: [detach, attach, true],
    create: [create, remove, false],
    rm: [remove, create, true],
  };
  const side = sides[what];
  if (!side) {
    throw new Error(`Unknown operation "${what}"; known: ${Object.keys(sides).join(", ")}`);
  }
  const [run, back, first] = side;
  if (first) await back();
  const rounds: Span[][] = [];
  for (let i = 0; i < ROUNDS; i++) {
    await settler.settle();
    await run();
    await new Promise((resolve) => setTimeout(resolve, WRITTEN_MS));
    rounds.push(JSON.parse(await Deno.readTextFile(trace)));
    await back();
    await new Promise((resolve) => setTimeout(resolve, WRITTEN_MS));
  }
  await Deno.remove(trace);
  console.log(
    `${what}, ${others} other containers: medians of ${ROUNDS} rounds, in ms; "*" holds the event loop\n`,
  );
  console.log("  start     ms    what");
  for (const { name, starts, lengths, sync } of lines(rounds)) {
    const [start, ms] = [median(starts), median(lengths)].map((n) => n.toFixed(2).padStart(7));
    console.log(`${start} ${ms} ${sync ? "*" : " "}  ${name}`);
  }
}

await main(Deno.args[0] ?? "attach", Number(Deno.args[1] ?? 0));
