/**
 * The overlay driver's VXLAN beside a hand-made one between the same two hosts: rounds alternate.
 *
 * @module
 */
import { newJoin } from "../drivers/testing/case.ts";
import { ok, spawn, until } from "../tests/harness/command.ts";
import { TestNamespace } from "../tests/harness/host.ts";
import { TestUnderlay } from "../tests/harness/underlay.ts";
import { median, type Row } from "./measure.ts";

const ROUNDS = 15;
/** Length of one throughput round, in seconds. */
const SECONDS = 2;
/** Round trips of one latency round: the time that `ping` prints is in whole milliseconds. */
const PINGS = 20_000;
const PORT = 5201;

/** A way from one namespace to an address in another. */
interface Path {
  from: string;
  to: string;
  address: string;
}

/** The driver's own. */
async function driverPath(underlay: TestUnderlay): Promise<Path> {
  const network = underlay.hosts[0]!.network();
  const joins = [];
  for (const [n, host] of underlay.hosts.entries()) {
    const join = newJoin(network, await host.sandbox(), n + 1);
    await host.driver.join(network, join);
    joins.push(join);
  }
  for (const [n, host] of underlay.hosts.entries()) {
    const { endpoint } = joins[1 - n]!;
    await host.driver.setPeers(network, [{ endpoint, vtep: underlay.address(1 - n) }]);
  }
  const [a, b] = joins;
  const address = b!.endpoint.addresses[0]!.split("/")[0]!;
  return { from: a!.sandbox.path, to: b!.sandbox.path, address };
}

/** As one would with five lines of `ip` per host: bridge, VXLAN, veth, learning. */
async function handMadePath(underlay: TestUnderlay, ends: TestNamespace[]): Promise<Path> {
  for (const [n, host] of underlay.hosts.entries()) {
    const peer = underlay.address(1 - n);
    await host.home.ip(
      `link add hbr mtu 1450 type bridge`,
      `link add hvx mtu 1450 type vxlan id 77 dstport 8472 local ${
        underlay.address(n)
      } remote ${peer}`,
      `link add hv0 mtu 1450 type veth peer name eth0 mtu 1450 netns ${ends[n]!.path}`,
      `link set hvx master hbr up`,
      `link set hv0 master hbr up`,
      `link set hbr up`,
    );
    await ends[n]!.ip(`addr add 10.98.0.${n + 1}/24 dev eth0`, "link set eth0 up");
  }
  return { from: ends[0]!.path, to: ends[1]!.path, address: "10.98.0.2" };
}

/** TCP throughput in Gbit/s. */
async function throughput({ from, address }: Path): Promise<number> {
  const words = ["iperf3", "-c", address, "-p", String(PORT), "-t", String(SECONDS), "-O1", "-J"];
  const { end } = JSON.parse(await ok(words, { namespace: from }));
  return end.sum_received.bits_per_second / 1e9;
}

/** Mean round trip in microseconds: a packet leaves when the answer to the last one came. */
async function latency({ from, address }: Path): Promise<number> {
  const text = await ok(["ping", "-f", "-q", "-c", String(PINGS), address], { namespace: from });
  return Number(text.match(/time (\d+)ms/)![1]) * 1000 / PINGS;
}

/** Runs the rounds. */
export async function benchOverlay(): Promise<Row[]> {
  await using cleanup = new AsyncDisposableStack();
  const underlay = cleanup.use(await TestUnderlay.create(2));
  const ends = [];
  for (let i = 0; i < 2; i++) ends.push(cleanup.use(await TestNamespace.create("e")));
  const paths = {
    driver: await driverPath(underlay),
    handMade: await handMadePath(underlay, ends),
  };
  for (const { from, to, address } of Object.values(paths)) {
    const server = spawn(["iperf3", "-s", "-p", String(PORT)], {
      namespace: to,
      stdin: "null",
      stdout: "null",
      stderr: "null",
    });
    cleanup.defer(async () => {
      server.kill("SIGTERM");
      await server.status;
    });
    await until(`${address} answers`, async () => {
      await ok(["ping", "-c1", "-W2", address], { namespace: from });
      return (await ok(["ss", "-Hltn", `sport = :${PORT}`], { namespace: to })) !== "";
    });
  }
  const rates = { driver: [] as number[], handMade: [] as number[] };
  const times = { driver: [] as number[], handMade: [] as number[] };
  for (let round = 0; round < ROUNDS; round++) {
    // Each goes first in every other round: what warms up or cools down does so for both.
    const order = ["driver", "handMade"] as const;
    for (const which of round % 2 === 0 ? order : order.toReversed()) {
      rates[which].push(await throughput(paths[which]));
      times[which].push(await latency(paths[which]));
    }
  }
  const floorIs = "a hand-made VXLAN and bridge between the same hosts";
  return [
    {
      what: "overlay throughput",
      unit: "Gbit/s",
      median: median(rates.driver),
      floor: median(rates.handMade),
      floorIs,
      target: { ratio: 0.97, kind: "least" },
    },
    {
      what: "overlay round trip",
      unit: "µs",
      median: median(times.driver),
      floor: median(times.handMade),
      floorIs,
      target: { ratio: 1.05, kind: "most" },
    },
  ];
}
