/**
 * Lookups of the resolver inside a sandbox, beside dnsmasq with the same names in the same sandbox and an
 * empty UDP loop: with eight clients, one at a time, and while a hundred containers are attached.
 *
 * @module
 */
import { Client } from "../cli/client.ts";
import { run, spawn } from "../tests/harness/command.ts";
import { TestHost } from "../tests/harness/host.ts";
import { median, quantile, type Row } from "./measure.ts";

const ROUNDS = 7, SECONDS = 2, CLIENTS = 8, NAMES = 20, ATTACHES = 100;
/** Lookups per second while containers are attached: fewer than a busy resolver can't answer. */
const CALM_RATE = 500;

/** Where each of the three listens, in the sandbox. */
const PEERS = {
  own: { address: "127.0.0.11", port: 53 },
  dnsmasq: { address: "127.0.0.1", port: 5301 },
  loop: { address: "127.0.0.1", port: 5300 },
};
type Peer = keyof typeof PEERS;

interface Load {
  clients: number;
  /** Queries on the way at a time. */
  outstanding: number;
  /** Most queries per second. */
  rate?: number;
  seconds?: number;
}

/** Runs dnsperf against one of them; each latency in milliseconds only where it is asked for. */
async function dnsperf(namespace: string, peer: Peer, queries: string, load: Load, each = false) {
  const { address, port } = PEERS[peer];
  const { clients, outstanding, rate, seconds = SECONDS } = load;
  const { stdout } = await run([
    ...["dnsperf", "-s", address, "-p", String(port), "-d", queries, "-l", String(seconds)],
    ...["-c", String(clients), "-q", String(outstanding), "-T", "1"],
    ...rate === undefined ? [] : ["-Q", String(rate)],
    ...each ? ["-v"] : [],
  ], { namespace, timeout: 60_000 });
  const number = (pattern: RegExp) => Number(stdout.match(pattern)?.[1]);
  return {
    rate: number(/Queries per second:\s+([\d.]+)/),
    lost: number(/Queries lost:\s+(\d+)/),
    latencies: [...stdout.matchAll(/^> \w+ \S+ \S+ ([\d.]+)$/gm)].map(([, s]) => Number(s) * 1000),
  };
}

/** The empty loop: of C where there is a compiler, since one lookup at a time measures the loop itself. */
async function emptyLoop(directory: string): Promise<{ argv: string[]; is: string }> {
  const source = (name: string) => new URL(name, import.meta.url).pathname;
  const compiled = await run(["cc", "-O2", "-o", `${directory}/echo`, source("udp_echo.c")])
    .then(({ code }) => code === 0, () => false);
  return compiled ? { argv: [`${directory}/echo`], is: "an empty loop in C" } : {
    argv: [Deno.execPath(), "run", "-A", "--unstable-net", source("udp_echo.ts")],
    is: "an empty Deno.listenDatagram loop (no C compiler here)",
  };
}

/** Runs the rounds. */
export async function benchResolver(): Promise<Row[]> {
  await using host = await TestHost.create();
  using client = new Client({ host: `unix://${host.socket}` });
  await client.createNetwork({ name: "net" });
  await client.createNetwork({ name: "other" });
  const records: string[] = [];
  for (let i = 0; i < NAMES; i++) {
    const { services } = await client.createContainer({ name: `c${i}`, network: "net" });
    const address = services![0]!.addresses[0]!.split("/")[0]!;
    records.push(`--host-record=c${i},c${i}.net,${address}`);
  }
  for (let i = 0; i < ATTACHES; i++) {
    await client.createContainer({ name: `box${i}` });
    await client.publishService({ name: `s${i}`, network: "other" });
  }
  const sandbox = await host.sandbox("c0");
  const queries = `${host.directory}/queries`;
  const names = Array.from({ length: NAMES }, (_, i) => `c${i} A\nc${i}.net A\n`);
  await Deno.writeTextFile(queries, names.join(""));
  const loop = await emptyLoop(host.directory);
  const echo = spawn(loop.argv, { namespace: sandbox, stdout: "piped", stderr: "inherit" });
  const dnsmasq = spawn([
    ...["dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--no-resolv", "--no-hosts"],
    ...["--port=5301", "--listen-address=127.0.0.1", "--bind-interfaces", "--local-ttl=5"],
    ...["--user=root", "--pid-file=", ...records],
  ], { namespace: sandbox, stdin: "null", stdout: "null", stderr: "inherit" });
  try {
    const reader = echo.stdout.getReader();
    await reader.read();
    reader.releaseLock();
    const rates: Record<string, number[]> = {};
    const note = async (what: string, peer: Peer, load: Load) => {
      const { rate } = await dnsperf(sandbox, peer, queries, load);
      (rates[`${what} ${peer}`] ??= []).push(rate);
    };
    const peers = Object.keys(PEERS) as Peer[];
    for (let round = 0; round < ROUNDS; round++) {
      for (const peer of round % 2 === 0 ? peers : peers.toReversed()) {
        await note("many", peer, { clients: CLIENTS, outstanding: 64 });
        await note("one", peer, { clients: 1, outstanding: 1 });
      }
    }
    /** Latencies while all containers are attached and detached again. */
    const busy = async (peer: Peer) => {
      const load = { clients: 1, outstanding: 1, rate: CALM_RATE, seconds: 3 };
      const asked = dnsperf(sandbox, peer, queries, load, true);
      await new Promise((resolve) => setTimeout(resolve, 300));
      const all = (action: (n: number) => Promise<unknown>) =>
        Promise.all(Array.from({ length: ATTACHES }, (_, n) => action(n)));
      await all((n) => client.attachService(`s${n}.other`, { container: `box${n}` }));
      const { latencies } = await asked;
      await all((n) => client.detachService(`s${n}.other`, { container: `box${n}` }));
      return latencies;
    };
    const meanwhile = { own: [] as number[], dnsmasq: [] as number[] };
    for (let round = 0; round < 3; round++) {
      meanwhile.own.push(...await busy("own"));
      meanwhile.dnsmasq.push(...await busy("dnsmasq"));
    }
    const of = (what: string) => median(rates[what]!);
    const p95 = (what: string) => quantile(rates[what]!, 0.05);
    const rate = (what: string, key: string, floor: Peer, target: number): Row => ({
      ...{ what, unit: "/s", median: of(`${key} own`), p95: p95(`${key} own`) },
      ...{ floor: of(`${key} ${floor}`), floorP95: p95(`${key} ${floor}`) },
      floorIs: floor === "dnsmasq" ? "dnsmasq, same names, same sandbox" : loop.is,
      target: { ratio: target, kind: "least" },
    });
    return [
      rate(`lookups, ${CLIENTS} clients`, "many", "dnsmasq", 1.05),
      rate(`lookups, ${CLIENTS} clients, beside a loop`, "many", "loop", 0.7),
      rate("lookups, one at a time", "one", "dnsmasq", 1),
      rate("lookups, one at a time, beside a loop", "one", "loop", 1 / 1.5),
      {
        ...{ what: `lookup's p99 during ${ATTACHES} attaches`, unit: "ms" },
        median: quantile(meanwhile.own, 0.99),
        floor: quantile(meanwhile.dnsmasq, 0.99),
        floorIs: "dnsmasq's in the same sandbox during as many; two cores share all of it",
      },
    ];
  } finally {
    for (const child of [echo, dnsmasq]) {
      child.kill("SIGKILL");
      await child.status;
    }
    await echo.stdout.cancel().catch(() => {});
  }
}
