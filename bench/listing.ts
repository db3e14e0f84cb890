/**
 * `service ls` of all services of a cluster of 100 daemons with 10,000 services, by one of them. The store has what a
 * hundred daemons keep in it; two of them run, since a listing costs what is in the store, and two cores can't hold a
 * hundred daemons still. `./task simulate` has all of them running.
 *
 * @module
 */
import { networkName } from "./simulation/addresses.ts";
import { SimulatedCluster } from "./simulation/cluster.ts";
import { planCluster } from "./simulation/plan.ts";
import { type Row, spread, time } from "./measure.ts";

const SIZE = { daemons: 100, networks: 100, services: 10_000, networksPerDaemon: 3 };
const RUNNING = 2, ROUNDS = 20;
/** Of the daemon whose services change; the one that is asked doesn't follow it. */
const CHANGED = 1;
const LIMIT_MS = 100;

/** Runs the rounds. */
export async function benchListing(): Promise<Row[]> {
  await using cluster = await SimulatedCluster.create(planCluster(SIZE), RUNNING);
  for (const daemon of cluster.daemons) await daemon.start();
  const [asked, other] = cluster.daemons as [typeof cluster.daemons[0], typeof cluster.daemons[0]];
  const own = new Set(cluster.plan.networksOf[0]);
  const on = networkName(
    cluster.plan.networksOf[CHANGED]!.find((network) => !own.has(network))!,
  );
  const list = async () => {
    const { length } = await asked.client.services.list();
    if (length < SIZE.services) throw new Error(`${length} services`);
  };
  const answer = async () =>
    void await (await asked.client.fetch("GET", "/services")).arrayBuffer();
  const first = await time(list);
  const [same, bytes, changed, deleted]: number[][] = [[], [], [], []];
  for (let round = 0; round <= ROUNDS; round++) {
    const times = [await time(list), await time(answer)];
    await other.client.services.publish({ name: `x${round}`, network: on });
    times.push(await time(list));
    await other.client.services.unpublish(`x${round}.${on}`, false);
    times.push(await time(list));
    if (round === 0) continue; // Warms up.
    for (const [i, all] of [same, bytes, changed, deleted].entries()) all!.push(times[i]!);
  }
  const what = (when: string) =>
    `service ls of ${SIZE.services.toLocaleString("en")}, ${SIZE.daemons} daemons, ${when}`;
  const floorIs = "the same request without reading its JSON; of the daemons two run";
  const row = (when: string, times: number[]): Row => ({
    ...{ what: what(when), unit: "ms", limit: LIMIT_MS, floorIs },
    ...spread(times, bytes),
  });
  return [
    row("nothing has changed", same!),
    row("one was published since", changed!),
    { ...row("one was unpublished since: all is read", deleted!) },
    { what: what("the first"), unit: "ms", median: first, floorIs: "all is read and checked" },
  ];
}
