/**
 * What the cases of the conformance suite share.
 *
 * @module
 */
import type { DesiredNetwork, Driver, Join, NetworkSpec, SandboxSpec } from "../driver.ts";

/** A driver under test on a host of its own. Disposing of it removes the host. */
export interface DriverUnderTest extends AsyncDisposable {
  driver: Driver;
  /** Makes a new driver that knows nothing, as a daemon does that was killed. */
  restart(): Promise<void>;
  /** A new network of the driver, with an address pool if it has pools. */
  network(options?: Record<string, string>): NetworkSpec;
  /** A new sandbox. */
  sandbox(): Promise<SandboxSpec>;
  /** Takes a sandbox away, as when its container ended. */
  removeSandbox(sandbox: SandboxSpec): Promise<void>;
  /** The driver's kernel objects, each `WHERE/NAME`, sorted. */
  objects(): Promise<string[]>;
  /** Removes one of them, as somebody else might. */
  destroy(object: string): Promise<void>;
  /** Whether a sandbox reaches an address. */
  reaches(from: SandboxSpec, address: string): Promise<boolean>;
  /** Share of packets between the two lost while `action` runs, 0 to 1. */
  lossDuring(from: SandboxSpec, address: string, action: () => Promise<unknown>): Promise<number>;
}

/** Cases by title. */
export type Cases = Record<string, (subject: DriverUnderTest) => Promise<void>>;

let serial = 0;

/** A join of a new endpoint: the nth of its network, from 1. */
export function newJoin(network: NetworkSpec, sandbox: SandboxSpec, n: number): Join {
  const id = (++serial).toString(16).padStart(12, "0") + crypto.randomUUID().replaceAll("-", "") +
    "0".repeat(20);
  return {
    endpoint: {
      id,
      addresses: network.pools.map(({ subnet }) => {
        const [base, prefix] = subnet.split("/");
        return `${base!.replace(/(\.|:)0?$/, "$1")}${n + 1}/${prefix}`;
      }),
      mac: ["02", ...id.slice(2, 12).match(/../g)!].join(":"),
    },
    sandbox,
    interface: "eth0",
    gateway: false,
    ports: [],
  };
}

/** The first address of a join, without prefix length. */
export function addressOf(join: Join): string {
  return join.endpoint.addresses[0]!.split("/")[0]!;
}

/** A network with two sandboxes on it. */
export interface Pair extends DesiredNetwork {
  a: Join;
  b: Join;
}

/** Makes a network and joins two sandboxes to it. */
export async function joinedPair(subject: DriverUnderTest): Promise<Pair> {
  const network = subject.network();
  await subject.driver.createNetwork(network);
  const a = newJoin(network, await subject.sandbox(), 1);
  const b = newJoin(network, await subject.sandbox(), 2);
  for (const join of [a, b]) {
    await subject.driver.join(network, join);
  }
  return { network, joins: [a, b], peers: [], a, b };
}
