/**
 * What may happen to a cluster of `cluster init`. Each starts a disaster and gives back what ends it.
 *
 * @module
 */
import { deviceName } from "../../../drivers/overlay/tunnel/address.ts";
import { signal } from "../../../lib/linux/processes/process_table.ts";
import type { FormedCluster } from "../../harness/formed.ts";
import { pick, type Random } from "../random.ts";
import type { Boxes } from "./boxes.ts";
import { statusOf } from "./status.ts";

/**
 * How long a name may be answered after its host has lost its power, beyond its lease, in ms: a leader that is new counts
 * it anew, and hosts believe each other for as long again after an outage.
 */
const named = (lease: number) => 3_000 * lease + 11_000;
/** A daemon may take this long to serve, on a machine that has much else to do, in milliseconds. */
const START_MS = 120_000;
/** Within this time a voter that is gone is replaced, in milliseconds. */
const REPLACED_MS = 120_000;

/** A disaster under way. */
export interface Disaster {
  what: string;
  /** Which went wrong already. */
  wrong?: string;
  /** Milliseconds until the host's name was gone everywhere. */
  unnamed?: number;
  /** Ends it. */
  heal: () => Promise<void>;
}

/** What may be struck. */
export interface Target {
  cluster: FormedCluster;
  boxes: Boxes;
  /** Which host. */
  n: number;
  /** Time to live of leases, in seconds. */
  lease: number;
}

type Kind = (target: Target) => Promise<Disaster>;

const nothing = () => Promise.resolve();

const daemonKilled: Kind = async ({ cluster: { hosts }, n }) => {
  await hosts[n]!.stop("SIGKILL");
  return { what: "the daemon is killed", heal: () => hosts[n]!.start(START_MS) };
};

const daemonStopped: Kind = async ({ cluster: { hosts }, n }) => {
  await hosts[n]!.stop("SIGTERM");
  return { what: "the daemon is stopped", heal: () => hosts[n]!.start(START_MS) };
};

/** Ends a host's etcd, where it has one. */
function endEtcd({ cluster: { hosts } }: Target, n: number): boolean {
  try {
    const record = `${hosts[n]!.stateDir}/cluster/etcd.json`;
    signal(JSON.parse(Deno.readTextFileSync(record)).process.pid, 9);
    return true;
  } catch {
    return false; // It has no vote now.
  }
}

const etcdKilled: Kind = (target) => {
  const killed = endEtcd(target, target.n);
  return Promise.resolve({
    what: killed ? "etcd is killed" : "has no etcd to kill",
    heal: nothing,
  });
};

/** The majority is gone, until the daemons have started theirs again. */
const etcdsKilled: Kind = (target) => {
  const killed = target.cluster.hosts.filter((_, n) => endEtcd(target, n)).length;
  return Promise.resolve({ what: `all ${killed} etcds are killed`, heal: nothing });
};

/** The device of encrypted networks is gone, where a program carries it. */
const tunnelKilled: Kind = async ({ cluster: { hosts }, n }) => {
  const self = (await statusOf(hosts[n]!)).find(({ self }) => self);
  const device = deviceName(self!.id);
  const pids = [...Deno.readDirSync("/proc")].map(({ name }) => Number(name))
    .filter((pid) => pid > 0 && carries(pid, device));
  for (const pid of pids) signal(pid, 9);
  return { what: `${pids.length} wireguard-go is killed`, heal: nothing };
};

/** Whether a process is the WireGuard of a device. */
function carries(pid: number, device: string): boolean {
  try {
    const words = Deno.readTextFileSync(`/proc/${pid}/cmdline`).split("\0");
    return /wireguard-go/.test(words[0]!) && words.includes(device);
  } catch {
    return false; // It has ended.
  }
}

const crashed: Kind = async ({ cluster, boxes, n, lease }) => {
  const most = named(lease);
  boxes.lost(n);
  await cluster.crash(n);
  const heal = () => cluster.hosts[n]!.start(START_MS);
  const ms = await boxes.untilUnnamed(n, most);
  const what = `the host lost its power; its name was gone after ${Math.round(ms ?? most)} ms`;
  const wrong = `${cluster.name(n)}'s name is still answered ${most} ms after its end`;
  return { what, heal, ...ms === undefined ? { wrong } : { unnamed: ms } };
};

const flickered: Kind = async ({ cluster, boxes, n }) => {
  boxes.lost(n);
  await cluster.crash(n);
  return {
    what: "the host lost its power for a moment",
    heal: () => cluster.hosts[n]!.start(START_MS),
  };
};

const unplugged: Kind = async ({ cluster, n }) => {
  await cluster.setLink(n, "down");
  return { what: "the host is unplugged", heal: () => cluster.setLink(n, "up") };
};

const lossy: Kind = async ({ cluster, n }) => {
  await cluster.disturb(n, { loss: 30 });
  return { what: "30 % of the host's packets are lost", heal: () => cluster.calm(n) };
};

/** A voter is gone for so long that another host votes in its place. */
const replaced: Kind = async ({ cluster, boxes, n }) => {
  const voters = async (from: number) =>
    (await statusOf(cluster.hosts[from]!)).filter(({ role, store }) =>
      role === "voter" && store !== "unreachable"
    ).map(({ name }) => name);
  const other = (n + 1) % cluster.hosts.length;
  const before = await voters(other);
  const gone = cluster.hosts.findIndex((_, m) => m !== other && before.includes(cluster.name(m)));
  boxes.lost(gone);
  await cluster.crash(gone);
  const heal = () => cluster.hosts[gone]!.start(START_MS);
  const begun = performance.now();
  while (performance.now() - begun < REPLACED_MS) {
    const now: string[] = await voters(other).catch(() => []);
    if (now.length === before.length && !now.includes(cluster.name(gone))) {
      const seconds = ((performance.now() - begun) / 1000).toFixed(1);
      return { what: `${cluster.name(gone)}'s vote went to another after ${seconds} s`, heal };
    }
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
  const wrong = `${cluster.name(gone)} was gone for ${REPLACED_MS} ms, and no other got its vote`;
  return { what: wrong, wrong, heal };
};

const KINDS: Kind[] = [
  daemonKilled,
  daemonKilled,
  daemonStopped,
  etcdKilled,
  etcdKilled,
  etcdsKilled,
  tunnelKilled,
  crashed,
  flickered,
  unplugged,
  unplugged,
  lossy,
];

/** Starts a disaster of a random kind; with more hosts than votes, perhaps one that costs a voter its vote. */
export function strike(target: Target, next: Random): Promise<Disaster> {
  const { hosts } = target.cluster;
  return pick(next, hosts.length > 3 ? [...KINDS, replaced] : KINDS)(target);
}
