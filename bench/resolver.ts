/**
 * Lookups per second and latency of the resolver inside a sandbox, beside an empty UDP loop, both
 * under dnsperf with eight clients.
 *
 * @module
 */
import { run, spawn } from "../tests/harness/command.ts";
import { TestHost } from "../tests/harness/host.ts";
import { median, type Row } from "./measure.ts";

const ROUNDS = 5, SECONDS = 3, CLIENTS = 8;

async function dnsperf(namespace: string, server: string, port: number, queries: string) {
  const { stdout } = await run([
    ...["dnsperf", "-s", server, "-p", String(port), "-d", queries, "-l", String(SECONDS)],
    ...["-c", String(CLIENTS), "-q", "64"],
  ], { namespace });
  const number = (pattern: RegExp) => Number(stdout.match(pattern)?.[1]);
  return {
    rate: number(/Queries per second:\s+([\d.]+)/),
    latency: number(/Average Latency \(s\):\s+([\d.]+)/) * 1000,
    lost: number(/Queries lost:\s+(\d+)/),
  };
}

/** Runs the rounds. */
export async function benchResolver(): Promise<Row[]> {
  await using host = await TestHost.create();
  await host.ok("network", "create", "net");
  for (let i = 0; i < 20; i++) await host.ok("container", "create", "--net", "net", `c${i}`);
  const sandbox = await host.sandbox("c0");
  const queries = `${host.directory}/queries`;
  const names = Array.from({ length: 20 }, (_, i) => `c${i} A\nc${i}.net A\n`);
  await Deno.writeTextFile(queries, names.join(""));
  const echo = spawn([
    Deno.execPath(),
    "run",
    "-A",
    "--unstable-net",
    new URL("udp_echo.ts", import.meta.url).pathname,
  ], {
    namespace: sandbox,
    stdout: "piped",
    stderr: "inherit",
  });
  try {
    const reader = echo.stdout.getReader();
    await reader.read();
    reader.releaseLock();
    const own = [];
    const floor = [];
    for (let i = 0; i < ROUNDS; i++) {
      floor.push(await dnsperf(sandbox, "127.0.0.1", 5300, queries));
      own.push(await dnsperf(sandbox, "127.0.0.11", 53, queries));
    }
    const floorIs = "an empty Deno.listenDatagram loop";
    return [
      {
        what: `lookups, ${CLIENTS} clients`,
        unit: "/s",
        median: median(own.map(({ rate }) => rate)),
        floor: median(floor.map(({ rate }) => rate)),
        floorIs,
        target: { ratio: 0.7, kind: "least" },
      },
      {
        what: "latency under that load",
        unit: "ms",
        median: median(own.map(({ latency }) => latency)),
        floor: median(floor.map(({ latency }) => latency)),
        floorIs,
      },
    ];
  } finally {
    echo.kill("SIGKILL");
    await echo.status;
    await echo.stdout.cancel().catch(() => {});
  }
}
