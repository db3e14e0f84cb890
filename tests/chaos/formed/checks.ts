/**
 * What is wrong with a cluster of `cluster init` that should be at rest.
 *
 * @module
 */
import { entriesOf } from "./store.ts";
import type { FormedCluster } from "../../harness/formed.ts";
import { answers, doubled, type HostView, kernelLeaks, sandboxLeaks, viewOf } from "../leaks.ts";
import { storeLeaks } from "../store_leaks.ts";
import { type Boxes, SEALED } from "./boxes.ts";
import type { Ledger } from "./ledger.ts";
import { statusOf } from "./status.ts";

/** What is checked. */
export interface Subject {
  cluster: FormedCluster;
  ledger: Ledger;
  boxes: Boxes;
}

/** All that is wrong now. What is cheap to ask comes first: it may be right in a moment. */
export async function wrongs(subject: Subject): Promise<string[]> {
  const { cluster, boxes } = subject;
  const views = await Promise.all(cluster.hosts.map(viewOf));
  const first = [
    ...ledgerWrongs(subject, views),
    ...views.flatMap(doubled),
    ...await membershipWrongs(cluster),
    ...views.flatMap(({ services }) => boxes.wrongs(services)),
  ];
  if (first.length > 0) return first;
  const leaks = storeLeaks(await entriesOf(cluster));
  if (leaks.length > 0) return leaks;
  const found = await Promise.all(views.map(async (view, n) => {
    const all = [await kernelLeaks(view), await sandboxLeaks(view), await answers(view)];
    return all.flat().map((line) => `${cluster.name(n)}: ${line}`);
  }));
  return found.flat();
}

/** Acknowledged writes that are lost, or come back, and hosts that see different things. */
function ledgerWrongs({ cluster, ledger }: Subject, views: HostView[]): string[] {
  const names = views.map(({ services }) =>
    services.filter(({ network }) => network.name === SEALED).map(({ name }) => name).sort()
  );
  return names.flatMap((seen, n) => {
    const there = new Set(seen);
    const host = cluster.name(n);
    return [
      ...ledger.there().filter((name) => !there.has(name)).map((one) => `${host} has lost ${one}`),
      ...ledger.gone().filter((name) => there.has(name)).map((one) => `${host} has ${one} again`),
      ...seen.join() === names[0]!.join() ? [] : [`${host} sees other services than the first`],
    ];
  });
}

async function membershipWrongs(cluster: FormedCluster): Promise<string[]> {
  const hosts = await statusOf(cluster.hosts[0]!);
  const votes = hosts.filter(({ role, store }) => role === "voter" && store !== "unreachable");
  const wanted = hosts.length >= 7 ? 5 : hosts.length >= 3 ? 3 : 1;
  return [
    ...votes.length === wanted ? [] : [`${votes.length} hosts vote, not ${wanted}`],
    ...hosts.length === cluster.hosts.length ? [] : [`${hosts.length} hosts are in the cluster`],
    ...hosts.filter(({ status }) => status !== "up").map(({ name }) => `${name} is down`),
  ];
}
