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
import { type Row, spread } from "./measure.ts";

const PORT = 5201;
/** Round trips: the time that `ping` prints is in whole milliseconds. */
const PLAIN: Extent = { rounds: 15, seconds: 2, pings: 20_000 };
/**
 * With `wireguard-go` the scheduler decides more than the path: two hand-made VXLANs that are alike differ by 16 % in the
 * median of ten times 4,000 round trips. So there are many short measurements, which alternate; and a second hand-made
 * one beside the first, which says how far apart two are that are alike, in the same run.
 */
const ENCRYPTED: Extent = { rounds: 30, seconds: 1, pings: 1_000, twin: true };

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

/** As one would with five lines of `ip` per host: bridge, VXLAN, veth, learning. @param which of several, from 0 */
async function handMadePath(
  { mtu, address, ip }: Ground,
  { ends, which }: { ends: TestNamespace[]; which: number },
): Promise<Path> {
  const name = (of: string) => `h${of}${which}`;
  for (const [n, end] of ends.entries()) {
    await ip(
      n,
      `link add ${name("br")} mtu ${mtu} type bridge`,
      `link add ${name("vx")} mtu ${mtu} type vxlan id ${77 + which} dstport ${8472 + which} ` +
        `local ${address(n)} remote ${address(1 - n)}`,
      `link add ${name("v")} mtu ${mtu} type veth peer name eth0 mtu ${mtu} netns ${end.path}`,
      `link set ${name("vx")} master ${name("br")} up`,
      `link set ${name("v")} master ${name("br")} up`,
      `link set ${name("br")} up`,
    );
    await end.ip(`addr add 10.98.${which}.${n + 1}/24 dev eth0`, "link set eth0 up");
  }
  return { from: ends[0]!.path, to: ends[1]!.path, address: `10.98.${which}.2` };
}

/** TCP throughput in Gbit/s. */
async function throughput({ from, address }: Path, seconds: number): Promise<number> {
  const words = ["iperf3", "-c", address, "-p", String(PORT), "-t", String(seconds), "-J"];
  const { end } = JSON.parse(await ok(words, { namespace: from }));
  return end.sum_received.bits_per_second / 1e9;
}

/** Mean round trip in microseconds: a packet leaves when the answer to the last one came. */
async function latency({ from, address }: Path, pings: number): Promise<number> {
  const text = await ok(["ping", "-f", "-q", "-c", String(pings), address], { namespace: from });
  return Number(text.match(/time (\d+)ms/)![1]) * 1000 / pings;
}

/** How long it is measured. */
interface Extent {
  rounds: number;
  /** Length of a measurement of throughput. */
  seconds: number;
  /** Round trips of a measurement. */
  pings: number;
  /** Also a second hand-made one. */
  twin?: boolean;
}

/** The driver's overlays beside hand-made ones. */
export async function benchOverlay(): Promise<Row[]> {
  return await compare(false, PLAIN);
}

/** Its encrypted ones beside a hand-made VXLAN over the same WireGuard. */
export async function benchEncrypted(): Promise<Row[]> {
  return await compare(true, ENCRYPTED);
}

/** A path with what was measured on it. */
interface Measured {
  path: Path;
  rates: number[];
  times: number[];
}

/** Runs the rounds. */
async function compare(encrypted: boolean, extent: Extent): Promise<Row[]> {
  await using cleanup = new AsyncDisposableStack();
  const underlay = cleanup.use(await TestUnderlay.create(2));
  if (encrypted) await underlay.introduceAll();
  const ground = encrypted ? tunnelGround(underlay) : hostGround(underlay);
  const paths = [await driverPath(underlay, encrypted)];
  for (let which = 0; which < (extent.twin ? 2 : 1); which++) {
    const ends = [];
    for (let i = 0; i < 2; i++) ends.push(cleanup.use(await TestNamespace.create("e")));
    paths.push(await handMadePath(ground, { ends, which }));
  }
  for (const path of paths) cleanup.defer(await serve(path));
  const all = paths.map((path): Measured => ({ path, rates: [], times: [] }));
  // The first round warms up.
  for (let round = -1; round < extent.rounds; round++) {
    const order = turned(all, round + 1);
    for (const { path, rates } of order) {
      const rate = await throughput(path, extent.seconds);
      if (round >= 0) rates.push(rate);
    }
    for (const { path, times } of order) {
      const took = await latency(path, extent.pings);
      if (round >= 0) times.push(took);
    }
  }
  return rows(encrypted, all as [Measured, Measured, Measured?]);
}

/** Each goes first as often as the others, and each behind each other: what warms up or cools down does so for all. */
export function turned<T>(all: readonly T[], round: number): T[] {
  const at = round % all.length;
  const from = [...all.slice(at), ...all.slice(0, at)];
  return Math.floor(round / all.length) % 2 === 0 ? from : from.toReversed();
}

/** Starts the other end of a path. @returns what ends it */
async function serve({ from, to, address }: Path): Promise<() => Promise<void>> {
  const server = spawn(["iperf3", "-s", "-p", String(PORT)], {
    ...{ stdin: "null", stdout: "null", stderr: "null" } as const,
    namespace: to,
  });
  await until(`${address} answers`, async () => {
    await ok(["ping", "-c1", "-W2", address], { namespace: from });
    return (await ok(["ss", "-Hltn", `sport = :${PORT}`], { namespace: to })) !== "";
  });
  return async () => {
    server.kill("SIGTERM");
    await server.status;
  };
}

/** What came of it. */
function rows(encrypted: boolean, [own, floor, twin]: [Measured, Measured, Measured?]): Row[] {
  const floorIs = `a hand-made VXLAN and bridge ${
    encrypted ? "over the same WireGuard" : "between the same hosts"
  }`;
  const kind = encrypted ? "encrypted overlay" : "overlay";
  const least = encrypted ? 0.95 : 0.97;
  const twins: Row[] = twin
    ? [
      {
        ...{ what: "a second one made by hand: throughput", unit: "Gbit/s", floorIs },
        ...spread(twin.rates, floor.rates),
      },
      {
        ...{ what: "a second one made by hand: round trip", unit: "µs", floorIs },
        ...spread(twin.times, floor.times),
      },
    ]
    : [];
  return [
    {
      ...{ what: `${kind} throughput`, unit: "Gbit/s", floorIs },
      ...spread(own.rates, floor.rates),
      target: { ratio: least, kind: "least" },
    },
    {
      ...{ what: `${kind} round trip`, unit: "µs", floorIs },
      ...spread(own.times, floor.times),
      target: { ratio: 1.05, kind: "most" },
    },
    ...twins,
  ];
}
