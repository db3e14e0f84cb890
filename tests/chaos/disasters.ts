/**
 * What may happen to a cluster. Each starts a disaster and gives back what ends it.
 *
 * @module
 */
import type { TestCluster } from "../harness/cluster.ts";
import { pick, type Random } from "./random.ts";

/** A disaster under way. */
export interface Disaster {
  what: string;
  /** Ends it: daemons and store run again, ways are good. */
  heal: () => Promise<void>;
}

type Kind = (cluster: TestCluster, next: Random) => Promise<Disaster>;

/** Kills a daemon in one way. */
function daemonEnds(signal: "SIGTERM" | "SIGKILL"): Kind {
  return async (cluster, next) => {
    const n = Math.floor(next() * cluster.hosts.length);
    await cluster.hosts[n]!.stop(signal);
    return {
      what: `${signal} to the daemon of ${cluster.name(n)}`,
      heal: () => cluster.hosts[n]!.start(),
    };
  };
}

const hostCrashes: Kind = async (cluster, next) => {
  const n = Math.floor(next() * cluster.hosts.length);
  await cluster.crash(n);
  return { what: `${cluster.name(n)} lost its power`, heal: () => cluster.hosts[n]!.start() };
};

function storeEnds(signal: "SIGTERM" | "SIGKILL"): Kind {
  return async ({ store }) => {
    if (!store.running) throw new Error("The store is down already");
    await store.stop(signal);
    return { what: `${signal} to the store`, heal: () => store.start() };
  };
}

const storeHangs: Kind = async ({ store }) => {
  if (!store.running) throw new Error("The store is down already");
  await store.freeze();
  return {
    what: "the store hangs",
    // It may have been killed since, and started again.
    heal: () => Promise.resolve(store.running ? store.thaw() : undefined),
  };
};

/** A host's port, or the store's. */
function somePort(cluster: TestCluster, next: Random): string {
  return pick(next, [...cluster.hosts.map((_, n) => cluster.name(n)), "store"]);
}

const unplugged: Kind = async (cluster, next) => {
  const port = somePort(cluster, next);
  await cluster.setLink(port, "down");
  return { what: `${port} is unplugged`, heal: () => cluster.setLink(port, "up") };
};

const lossy: Kind = async (cluster, next) => {
  const port = somePort(cluster, next);
  const loss = 5 + Math.floor(next() * 60);
  await cluster.disturb(port, { loss });
  return { what: `${loss} % of ${port}'s packets are lost`, heal: () => cluster.calm(port) };
};

const halfOpen: Kind = async (cluster, next) => {
  const port = somePort(cluster, next);
  const direction = pick(next, ["to", "from"] as const);
  await cluster.disturb(port, { loss: 100, direction });
  return {
    what: `packets ${direction} ${port} are lost, the others not`,
    heal: () => cluster.calm(port),
  };
};

const late: Kind = async (cluster, next) => {
  const port = somePort(cluster, next);
  const percent = 10 + Math.floor(next() * 80);
  await cluster.disturb(port, { late: percent });
  return {
    what: `${percent} % of the packets to ${port} are late and out of order`,
    heal: () => cluster.calm(port),
  };
};

const KINDS: Kind[] = [
  daemonEnds("SIGTERM"),
  daemonEnds("SIGKILL"),
  daemonEnds("SIGKILL"),
  hostCrashes,
  storeEnds("SIGTERM"),
  storeEnds("SIGKILL"),
  storeHangs,
  unplugged,
  unplugged,
  lossy,
  halfOpen,
  late,
];

/** Starts a disaster of a random kind. */
export function strike(cluster: TestCluster, next: Random): Promise<Disaster> {
  return pick(next, KINDS)(cluster, next);
}
