/**
 * The overlay driver's VXLAN beside a hand-made one between the same two hosts: rounds alternate.
 *
 * @module
 */
import { tunnelAddress } from "../drivers/overlay/tunnel/address.ts";
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
/**
 * With `wireguard-go` the scheduler decides more than the path: two hand-made VXLANs that are alike differ by 16 % in the
 * median of ten times 4,000 round trips. So there are many short measurements, which alternate.
 */
const ENCRYPTED: Extent = { rounds: 9, pings: 1_000, repeats: 8 };

/** A way from one namespace to an address in another. */
interface Path {
  from: string;
  to: string;
  address: string;
}

/** The driver's own. */
async function driverPath(underlay: TestUnderlay, encrypted: boolean): Promise<Path> {
  const network = underlay.hosts[0]!.network(encrypted ? { encrypted: "true" } : {});
  const joins = [];
  for (const [n, host] of underlay.hosts.entries()) {
    const join = newJoin(network, await host.sandbox(), n + 1);
    await host.driver.join(network, join);
    joins.push(join);
  }
  for (const [n, host] of underlay.hosts.entries()) {
    const { endpoint } = joins[1 - n]!;
    const { id } = underlay.members[1 - n]!;
    await host.driver.setPeers(network, [{ endpoint, vtep: underlay.address(1 - n), host: id }]);
  }
  const [a, b] = joins;
  const address = b!.endpoint.addresses[0]!.split("/")[0]!;
  return { from: a!.sandbox.path, to: b!.sandbox.path, address };
}

/** Where a hand-made VXLAN lies: between which addresses, and in which namespace of a host. */
interface Ground {
  mtu: number;
  address: (n: number) => string;
  ip: (n: number, ...lines: string[]) => Promise<void>;
}

/** The hosts' own namespaces. */
function hostGround(underlay: TestUnderlay): Ground {
  return {
    mtu: 1450,
    address: (n) => underlay.address(n),
    ip: (n, ...lines) => underlay.hosts[n]!.home.ip(...lines),
  };
}

/** The driver's tunnel, in its namespace: the very device that encrypts for the driver. */
function tunnelGround(underlay: TestUnderlay): Ground {
  return {
    mtu: 1366,
    address: (n) => tunnelAddress(underlay.members[n]!.id),
    ip: async (n, ...lines) => {
      const namespace = underlay.hosts[n]!.parts.tunnel!.path;
      await ok(["ip", "-batch", "-"], {
        namespace,
        stdin: lines.map((line) => `${line}\n`).join(""),
      });
    },
  };
}

/** As one would with five lines of `ip` per host: bridge, VXLAN, veth, learning. */
async function handMadePath({ mtu, address, ip }: Ground, ends: TestNamespace[]): Promise<Path> {
  for (const [n, end] of ends.entries()) {
    await ip(
      n,
      `link add hbr mtu ${mtu} type bridge`,
      `link add hvx mtu ${mtu} type vxlan id 77 dstport 8472 local ${address(n)} remote ${
        address(1 - n)
      }`,
      `link add hv0 mtu ${mtu} type veth peer name eth0 mtu ${mtu} netns ${end.path}`,
      `link set hvx master hbr up`,
      `link set hv0 master hbr up`,
      `link set hbr up`,
    );
    await end.ip(`addr add 10.98.0.${n + 1}/24 dev eth0`, "link set eth0 up");
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
async function latency({ from, address }: Path, pings: number): Promise<number> {
  const text = await ok(["ping", "-f", "-q", "-c", String(pings), address], { namespace: from });
  return Number(text.match(/time (\d+)ms/)![1]) * 1000 / pings;
}

/** Each goes first in every other round. */
function turned(round: number): ("driver" | "handMade")[] {
  return round % 2 === 0 ? ["driver", "handMade"] : ["handMade", "driver"];
}

/** How long it is measured. */
interface Extent {
  rounds: number;
  /** Round trips of one measurement. */
  pings: number;
  /** Measurements of round trips in a round, which alternate, too. */
  repeats: number;
}

/** The driver's overlays beside hand-made ones. */
export async function benchOverlay(): Promise<Row[]> {
  return await compare(false, { rounds: ROUNDS, pings: PINGS, repeats: 1 });
}

/** Its encrypted ones beside a hand-made VXLAN over the same WireGuard. */
export async function benchEncrypted(): Promise<Row[]> {
  return await compare(true, ENCRYPTED);
}

/** Runs the rounds. */
async function compare(encrypted: boolean, { rounds, pings, repeats }: Extent): Promise<Row[]> {
  await using cleanup = new AsyncDisposableStack();
  const underlay = cleanup.use(await TestUnderlay.create(2));
  if (encrypted) await underlay.introduceAll();
  const ends = [];
  for (let i = 0; i < 2; i++) ends.push(cleanup.use(await TestNamespace.create("e")));
  const driver = await driverPath(underlay, encrypted);
  const ground = encrypted ? tunnelGround(underlay) : hostGround(underlay);
  const paths = { driver, handMade: await handMadePath(ground, ends) };
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
  for (let round = 0; round < rounds; round++) {
    // Each goes first in every other round: what warms up or cools down does so for both.
    const order = turned(round);
    for (const which of order) rates[which].push(await throughput(paths[which]));
    for (let i = 0; i < repeats; i++) {
      for (const which of turned(round + i)) times[which].push(await latency(paths[which], pings));
    }
  }
  const floorIs = `a hand-made VXLAN and bridge ${
    encrypted ? "over the same WireGuard" : "between the same hosts"
  }`;
  const kind = encrypted ? "encrypted overlay" : "overlay";
  return [
    {
      what: `${kind} throughput`,
      unit: "Gbit/s",
      median: median(rates.driver),
      floor: median(rates.handMade),
      floorIs,
      target: { ratio: encrypted ? 0.95 : 0.97, kind: "least" },
    },
    {
      what: `${kind} round trip`,
      unit: "µs",
      median: median(times.driver),
      floor: median(times.handMade),
      floorIs,
      target: { ratio: 1.05, kind: "most" },
    },
  ];
}
