/**
 * What is measured in one simulated cluster.
 *
 * @module
 */
import { until } from "../../tests/harness/command.ts";
import { networkName } from "./addresses.ts";
import { SimulatedCluster } from "./cluster.ts";
import { planCluster, type Size } from "./plan.ts";
import { cpuMs, type DaemonProcess, residentMiB } from "./process.ts";
import { difference, type StoreMetrics, storeMetrics } from "./store_metrics.ts";

/** How much is measured. */
export interface Effort {
  /** Nothing is changed for so long, in milliseconds. */
  restMs: number;
  /** Changes that are made one after the other. */
  changes: number;
  /** Services that are made and removed while others do the same: four changes each. */
  load: number;
  /** Times that one daemon is started again. */
  restarts: number;
}

/** For figures to keep, and for a look. */
export const FULL: Effort = { restMs: 30_000, changes: 100, load: 200, restarts: 5 };
export const QUICK: Effort = { restMs: 5_000, changes: 20, load: 20, restarts: 1 };

/** Figures by name, in the order in which they are shown. */
export type Figures = Map<string, number>;

/** Daemons that start, or change something, at the same time: these are not so many machines. */
const AT_ONCE = 4;
/** All follow a store that was restarted again within this time, in milliseconds. */
const RESTART_MS = 300_000;

/** Does something with each, a few at a time. */
async function inParallel<T>(all: T[], action: (one: T) => Promise<void>): Promise<void> {
  const left = all.values();
  const worker = async () => {
    for (const one of left) await action(one);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
}

const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** The value below which a share of the values is. */
export function percentile(values: number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]!;
}

function mean(values: number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** What something cost: processor time of all daemons, time, traffic of the store. */
interface Cost {
  /** In milliseconds. */
  cpu: number;
  ms: number;
  store: StoreMetrics;
}

/** Processor time that all daemons have used, in milliseconds. */
function cpuOfAll({ daemons }: SimulatedCluster): number {
  return daemons.reduce((sum, { pid }) => sum + cpuMs(pid), 0);
}

/** Runs something, with what it cost. */
async function costOf(
  cluster: SimulatedCluster,
  action: () => Promise<unknown>,
): Promise<Cost> {
  const [before, cpuBefore, start] = [
    await storeMetrics(cluster.etcd),
    cpuOfAll(cluster),
    performance.now(),
  ];
  await action();
  const ms = performance.now() - start;
  const used = cpuOfAll(cluster) - cpuBefore;
  return { cpu: used, ms, store: difference(before, await storeMetrics(cluster.etcd)) };
}

/** One service's life: published, attached, detached and unpublished, on one daemon. */
async function life(
  cluster: SimulatedCluster,
  daemon: DaemonProcess,
  index: number,
  name: string,
): Promise<{ begun: number; answered: number; id: string; network: number; reference: string }> {
  const networks = cluster.plan.networksOf[cluster.daemons.indexOf(daemon)]!;
  const network = networks[index % networks.length]!;
  const reference = `${name}.${networkName(network)}`;
  await daemon.client.services.publish({ name, network: networkName(network) });
  const begun = performance.timeOrigin + performance.now();
  const { id } = await daemon.client.services.attach(reference, { container: "c0" });
  const answered = performance.timeOrigin + performance.now();
  return { begun, answered, id, network, reference };
}

async function endLife(daemon: DaemonProcess, reference: string): Promise<void> {
  await daemon.client.services.detach(reference, { container: "c0" });
  await daemon.client.services.unpublish(reference, false);
}

/** Time from the beginning of an attachment until the last member knows of it, and from its answer. */
async function attachmentTimes(
  cluster: SimulatedCluster,
  changes: number,
): Promise<{ total: number[]; behind: number[] }> {
  const total: number[] = [];
  const behind: number[] = [];
  for (let i = 0; i < changes; i++) {
    const index = (i * 7) % cluster.daemons.length;
    const daemon = cluster.daemons[index]!;
    const { begun, answered, id, network, reference } = await life(cluster, daemon, i, `x${i}`);
    for (const other of cluster.othersOn(network, index)) {
      let seen: number | undefined;
      for (let tries = 0; seen === undefined; tries++) {
        if (tries > 500) throw new Error(`${other.settings.hostName} doesn't see x${i}`);
        if (tries > 0) await wait(10);
        seen = (await other.report()).seen[id];
      }
      total.push(seen - begun);
      behind.push(Math.max(0, seen - answered));
    }
    await endLife(daemon, reference);
  }
  return { total, behind };
}

/** Lives on all daemons side by side, a few at a time. */
async function load(cluster: SimulatedCluster, lives: number): Promise<void> {
  await inParallel([...Array(lives).keys()], async (i) => {
    const daemon = cluster.daemons[(i * 13) % cluster.daemons.length]!;
    const { reference } = await life(cluster, daemon, i, `y${i}`);
    await endLife(daemon, reference);
  });
}

/** Starts etcd again; returns when all watches are there again. */
async function restartStore({ etcd }: SimulatedCluster, watchers: number): Promise<void> {
  await etcd.start();
  await until(
    "all follow the store again",
    async () => (await storeMetrics(etcd)).watchers >= watchers,
    RESTART_MS,
  );
}

async function measureStart(cluster: SimulatedCluster, figures: Figures): Promise<void> {
  const { daemons, plan } = cluster;
  const starts: number[] = [];
  await inParallel(daemons, async (daemon) => void starts.push(await daemon.start()));
  await cluster.converged();
  figures.set(
    "services that a daemon knows",
    mean(
      plan.networksOf.map((networks) =>
        networks.reduce((sum, network) => sum + plan.servicesOf[network]!.length, 0)
      ),
    ),
  );
  figures.set("start: from nothing until it serves, p50, ms", percentile(starts, 0.5));
  figures.set("start: CPU per daemon, ms", mean(daemons.map(({ pid }) => cpuMs(pid))));
  figures.set("start: RSS per daemon, MiB", mean(daemons.map(({ pid }) => residentMiB(pid))));
}

async function measureRest(
  cluster: SimulatedCluster,
  figures: Figures,
  ms: number,
): Promise<Cost> {
  const n = cluster.daemons.length;
  const rest = await costOf(cluster, () => wait(ms));
  const seconds = rest.ms / 1000;
  figures.set("at rest: CPU per daemon, ms/s", rest.cpu / n / seconds);
  figures.set("at rest: sent by store per daemon, B/s", rest.store.sent / n / seconds);
  figures.set("at rest: received by store per daemon, B/s", rest.store.received / n / seconds);
  figures.set("at rest: renewals per daemon, 1/min", rest.store.renewals / n / seconds * 60);
  figures.set("watches per daemon", rest.store.watchers / n);
  return rest;
}

async function measureRestarts(
  cluster: SimulatedCluster,
  figures: Figures,
  { restarts, restMs }: Effort,
  watchers: number,
): Promise<void> {
  const { daemons } = cluster;
  const times: number[] = [];
  for (let i = 0; i < restarts; i++) {
    const daemon = daemons[(i * 11) % daemons.length]!;
    await daemon.stop();
    times.push(await daemon.start());
  }
  figures.set("one starts again: until it serves, p50, ms", percentile(times, 0.5));
  await cluster.etcd.stop("SIGKILL");
  const start = performance.now();
  const before = cpuOfAll(cluster);
  await wait(restMs);
  const away = performance.now() - start;
  figures.set(
    "store away: CPU per daemon, ms/s",
    (cpuOfAll(cluster) - before) / daemons.length / (away / 1000),
  );
  const beforeBack = cpuOfAll(cluster);
  const since = performance.now();
  await restartStore(cluster, watchers);
  figures.set("store restarted: until all follow it, s", (performance.now() - since) / 1000);
  figures.set(
    "store restarted: CPU per daemon, ms",
    (cpuOfAll(cluster) - beforeBack) / daemons.length,
  );
  await cluster.converged();
}

async function measureChanges(
  cluster: SimulatedCluster,
  figures: Figures,
  effort: Effort,
  rest: Cost,
): Promise<void> {
  const { total, behind } = await attachmentTimes(cluster, effort.changes);
  figures.set("attach: until all members know, p50, ms", percentile(total, 0.5));
  figures.set("attach: until all members know, p99, ms", percentile(total, 0.99));
  figures.set("attach: from its answer on, p50, ms", percentile(behind, 0.5));
  figures.set("attach: from its answer on, p99, ms", percentile(behind, 0.99));
  const busy = await costOf(cluster, () => load(cluster, effort.load));
  const changes = effort.load * 4;
  // Without what would have been there without them.
  const over = (value: number, atRest: number) => (value - atRest / rest.ms * busy.ms) / changes;
  figures.set("load: changes/s", changes / (busy.ms / 1000));
  figures.set("per change: CPU of all daemons, ms", over(busy.cpu, rest.cpu));
  figures.set("per change: events to watches", over(busy.store.events, rest.store.events));
  figures.set("per change: sent by store, KiB", over(busy.store.sent, rest.store.sent) / 1024);
  figures.set(
    "per change: received by store, KiB",
    over(busy.store.received, rest.store.received) / 1024,
  );
}

/** A network is told to every daemon: the one thing that goes by the size of the cluster. */
async function measureNetworks(cluster: SimulatedCluster, figures: Figures): Promise<void> {
  const { client } = cluster.daemons[0]!;
  const { store } = await costOf(cluster, async () => {
    await client.networks.create({ name: "extra", driver: "overlay", internal: true });
    await client.networks.remove("extra", false);
  });
  figures.set("network create and rm: events to watches", store.events);
}

async function measureMemory({ daemons }: SimulatedCluster, figures: Figures): Promise<void> {
  const reports = await Promise.all(daemons.map((daemon) => daemon.report(true)));
  figures.set("in the end: heap per daemon, MiB", mean(reports.map(({ heap }) => heap / 2 ** 20)));
  figures.set("in the end: RSS per daemon, MiB", mean(daemons.map(({ pid }) => residentMiB(pid))));
}

/** Makes a cluster, measures it and takes it away again; `figures` has what was measured at any time. */
export async function measureCluster(
  size: Size,
  effort: Effort,
  figures: Figures = new Map(),
): Promise<Figures> {
  await using cluster = await SimulatedCluster.create(planCluster(size));
  const told = (phase: string) => console.error(`  ${phase} …`);
  told("start");
  await measureStart(cluster, figures);
  told("rest");
  const rest = await measureRest(cluster, figures, effort.restMs);
  told("changes");
  await measureChanges(cluster, figures, effort, rest);
  await measureNetworks(cluster, figures);
  await measureMemory(cluster, figures);
  await measureListings(cluster.daemons[0]!, figures);
  told("restarts");
  await measureRestarts(cluster, figures, effort, rest.store.watchers);
  return figures;
}

/** What one daemon needs to list all that there is. */
async function measureListings(daemon: DaemonProcess, figures: Figures): Promise<void> {
  const time = async (action: () => Promise<unknown>) => {
    const times: number[] = [];
    for (let i = 0; i < 10; i++) {
      const start = performance.now();
      await action();
      times.push(performance.now() - start);
    }
    return percentile(times, 0.5);
  };
  figures.set("network ls, ms", await time(() => daemon.client.networks.list()));
  const start = performance.now();
  await daemon.client.services.list();
  figures.set("first service ls of all, ms", performance.now() - start);
  figures.set("service ls of all, ms", await time(() => daemon.client.services.list()));
  const many = async () => {
    for (let i = 0; i < 5; i++) await time(() => daemon.client.services.list());
    return { heap: (await daemon.report(true)).heap / 2 ** 20, resident: residentMiB(daemon.pid) };
  };
  const before = await many();
  const after = await many();
  figures.set("after 60 of these, 50 more: heap grows by, MiB", after.heap - before.heap);
  figures.set("after 60 of these, 50 more: RSS grows by, MiB", after.resident - before.resident);
}
