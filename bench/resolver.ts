/**
 * Lookups of the resolver inside a sandbox, beside dnsmasq with the same names in the same sandbox and an
 * empty UDP loop: with eight clients, one at a time, and while a hundred containers are attached.
 *
 * @module
 */
import { Client } from "../cli/client/client.ts";
import { run, spawn } from "../tests/harness/command.ts";
import { TestHost } from "../tests/harness/host.ts";
import { median, quantile, type Row, spread } from "./measure.ts";

const ROUNDS = 7, SECONDS = 1, CLIENTS = 8, OUTSTANDING = 64, NAMES = 20;
const ATTACHES = 100, BUSY_ROUNDS = 3, LOOKUPS = 3000;
/** Lookups while containers are attached, and how many microseconds one begins after the other. */
const CALM = 1000, PAUSE = 2000;

/** Where each of the three listens, in the sandbox. */
const PEERS = {
  own: { address: "127.0.0.11", port: 53 },
  dnsmasq: { address: "127.0.0.1", port: 5301 },
  loop: { address: "127.0.0.1", port: 5300 },
};
type Peer = keyof typeof PEERS;

/** Queries per second by dnsperf. */
async function dnsperf(namespace: string, peer: Peer, queries: string): Promise<number> {
  const { address, port } = PEERS[peer];
  const { stdout } = await run([
    ...["dnsperf", "-s", address, "-p", String(port), "-d", queries, "-l", String(SECONDS)],
    ...["-c", String(CLIENTS), "-q", String(OUTSTANDING), "-T", "1"],
  ], { namespace, timeout: 60_000 });
  return Number(stdout.match(/Queries per second:\s+([\d.]+)/)?.[1]);
}

/** What is compiled: dnsperf's own pace would hide how long one lookup takes. */
async function compiled(directory: string, name: string): Promise<string> {
  const source = new URL(`${name}.c`, import.meta.url).pathname;
  const target = `${directory}/${name}`;
  const { code, stderr } = await run(["cc", "-O2", "-o", target, source]);
  if (code !== 0) throw new Error(`The resolver's measures need a C compiler: ${stderr}`);
  return target;
}

/** Lookups one after the other, or so many microseconds apart: their median and p99, in microseconds. */
async function oneAtATime(namespace: string, asker: string, peer: Peer, pause = 0) {
  const { address, port } = PEERS[peer];
  const words = [address, String(port), "c0.net", String(pause > 0 ? CALM : LOOKUPS)];
  const { stdout } = await run([asker, ...words, String(pause)], { namespace, timeout: 60_000 });
  const [middle, , p99, lost] = stdout.split(" ").map(Number);
  if (lost !== 0) throw new Error(`${lost} lookups were lost`);
  return { median: middle!, p99: p99! };
}

/** Runs the rounds. */
export async function benchResolver(): Promise<Row[]> {
  await using host = await TestHost.create();
  using client = new Client({ host: `unix://${host.socket}` });
  await client.networks.create({ name: "net" });
  await client.networks.create({ name: "other" });
  const records: string[] = [];
  for (let i = 0; i < NAMES; i++) {
    const { services } = await client.containers.create({ name: `c${i}`, network: "net" });
    const address = services![0]!.addresses[0]!.split("/")[0]!;
    records.push(`--host-record=c${i},c${i}.net,${address}`);
  }
  for (let i = 0; i < ATTACHES; i++) {
    await client.containers.create({ name: `box${i}` });
    await client.services.publish({ name: `s${i}`, network: "other" });
  }
  const sandbox = await host.sandbox("c0");
  const queries = `${host.directory}/queries`;
  const names = Array.from({ length: NAMES }, (_, i) => `c${i} A\nc${i}.net A\n`);
  await Deno.writeTextFile(queries, names.join(""));
  const asker = await compiled(host.directory, "udp_ask");
  const loop = await compiled(host.directory, "udp_echo");
  const echo = spawn([loop], { namespace: sandbox, stdout: "piped", stderr: "inherit" });
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
    const note = (what: string, value: number) => (rates[what] ??= []).push(value);
    const peers = Object.keys(PEERS) as Peer[];
    for (let round = 0; round < ROUNDS; round++) {
      for (const peer of round % 2 === 0 ? peers : peers.toReversed()) {
        note(`many ${peer}`, await dnsperf(sandbox, peer, queries));
        note(`one ${peer}`, (await oneAtATime(sandbox, asker, peer)).median);
      }
    }
    /** The p99 while all containers are attached, in milliseconds; they are detached again. */
    const busy = async (peer: Peer) => {
      const asked = oneAtATime(sandbox, asker, peer, PAUSE);
      await new Promise((resolve) => setTimeout(resolve, 300));
      const all = (action: (n: number) => Promise<unknown>) =>
        Promise.all(Array.from({ length: ATTACHES }, (_, n) => action(n)));
      await all((n) => client.services.attach(`s${n}.other`, { container: `box${n}` }));
      note(`busy ${peer}`, (await asked).p99 / 1000);
      await all((n) => client.services.detach(`s${n}.other`, { container: `box${n}` }));
    };
    for (let round = 0; round < BUSY_ROUNDS; round++) {
      for (const peer of round % 2 === 0 ? peers : peers.toReversed()) await busy(peer);
    }
    const of = (what: string) => median(rates[what]!);
    const row = (what: string, key: "many" | "one", floor: Peer, ratio: number): Row => {
      const share = key === "many" ? 0.05 : 0.95; // The bad end: of rates the low one.
      return {
        what,
        unit: key === "many" ? "/s" : "µs",
        median: of(`${key} own`),
        p95: quantile(rates[`${key} own`]!, share),
        floor: of(`${key} ${floor}`),
        floorP95: quantile(rates[`${key} ${floor}`]!, share),
        floorIs: floor === "dnsmasq" ? "dnsmasq, same names, same sandbox" : "an empty loop in C",
        target: { ratio, kind: key === "many" ? "least" : "most" },
      };
    };
    return [
      row(`lookups, ${CLIENTS} clients`, "many", "dnsmasq", 1.05),
      row(`lookups, ${CLIENTS} clients, beside a loop`, "many", "loop", 0.7),
      row("lookups, one at a time", "one", "dnsmasq", 1.5),
      row("lookups, one at a time, beside a loop", "one", "loop", 1.5),
      ...(["loop", "dnsmasq"] as const).map((peer): Row => ({
        ...{ what: `lookup's p99 during ${ATTACHES} attaches`, unit: "ms", limit: 1 },
        ...spread(rates["busy own"]!, rates[`busy ${peer}`]),
        floorIs: `${
          peer === "loop" ? "an empty loop in C" : peer
        } in the same sandbox during as many: all of it shares the processors`,
      })),
    ];
  } finally {
    for (const child of [echo, dnsmasq]) {
      child.kill("SIGKILL");
      await child.status;
    }
    await echo.stdout.cancel().catch(() => {});
  }
}
