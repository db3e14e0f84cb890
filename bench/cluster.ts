/**
 * How soon what one host wrote is seen on the others: three hosts as namespaces and one etcd, all on
 * this machine. Timed from the write's answer until the last of the other hosts shows it by its API, and
 * until the last resolver answers the name of a service that was attached, or no longer answers one that
 * was detached.
 *
 * @module
 */
import { Client } from "../cli/client/client.ts";
import { TestCluster } from "../tests/harness/cluster.ts";
import { Asker } from "./asker.ts";
import type { Row } from "./measure.ts";

const HOSTS = 3, WRITES = 250;
/** What is promised, in milliseconds. */
const LISTED_MS = 50, NAMED_MS = 100;
/** No write takes as long, in milliseconds. */
const GIVE_UP_MS = 10_000;

/** Milliseconds until something holds; asked again at once. */
async function since(start: number, holds: () => Promise<boolean>): Promise<number> {
  while (!await holds()) {
    if (performance.now() - start > GIVE_UP_MS) throw new Error("A write is not seen in time");
  }
  return performance.now() - start;
}

function rows(what: string, values: number[], promised?: number): Row[] {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (part: number) =>
    sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))]!;
  return [
    { what: `${what}, median`, unit: "ms", median: at(0.5) },
    {
      what: `${what}, p99 of ${values.length}`,
      unit: "ms",
      median: at(0.99),
      ...promised !== undefined && {
        floor: promised,
        floorIs: "what is promised",
        target: { ratio: 1, kind: "most" as const },
      },
    },
  ];
}

/** Measures all. */
export async function benchCluster(): Promise<Row[]> {
  await using cluster = await TestCluster.create({ hosts: HOSTS, store: "etcd" });
  using stack = new DisposableStack();
  const clients = cluster.hosts.map(({ socket }) =>
    stack.use(new Client({ host: `unix://${socket}` }))
  );
  const [writer, ...others] = clients as [Client, ...Client[]];
  await writer.networks.create({ name: "net", driver: "overlay" });
  const askers: Asker[] = [];
  for (const [n, client] of clients.entries()) {
    const { sandbox } = await client.containers.create({ name: `asks${n}`, network: "net" });
    askers.push(stack.use(new Asker(sandbox!)));
  }
  await writer.containers.create({ name: "box" });
  const listed: number[] = [];
  const named: number[] = [];
  const unnamed: number[] = [];
  for (let i = 0; i < WRITES; i++) {
    const name = `s${i}`;
    await writer.services.publish({ name, network: "net" });
    let answered = performance.now();
    listed.push(
      ...await Promise.all(others.map((client) =>
        since(
          answered,
          async () => (await client.services.list("net")).some((service) => service.name === name),
        )
      )),
    );
    await writer.services.attach(`${name}.net`, { container: "box" });
    answered = performance.now();
    const seen = (count: number) =>
      Promise.all(
        askers.map((asker) => since(answered, async () => await asker.addresses(name) === count)),
      );
    named.push(Math.max(...await seen(1)));
    await writer.services.detach(`${name}.net`, { container: "box" });
    answered = performance.now();
    unnamed.push(Math.max(...await seen(0)));
    await writer.services.unpublish(`${name}.net`, false);
  }
  return [
    ...rows("listed on another host", listed, LISTED_MS),
    ...rows(`named on all of ${HOSTS} hosts`, named, NAMED_MS),
    ...rows("name gone from all", unnamed, NAMED_MS),
  ];
}
