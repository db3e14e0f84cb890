/**
 * `deno task chaos`: SIGKILL of the daemon at random moments under concurrent load, again and again,
 * then a check that nothing is leaked, doubled or lost. `--seed N` replays the decisions of a run,
 * `--rounds N` sets its length.
 *
 * @module
 */
import { parseArgs } from "node:util";
import { Client } from "../cli/client.ts";
import { ok, run } from "./harness/command.ts";
import { TestHost } from "./harness/host.ts";

const WORKERS = 6;
/** A round lasts this long at most before the daemon is killed, in milliseconds. */
const MAX_ROUND_MS = 1500;

/** A generator of numbers in [0, 1) that a seed determines (mulberry32). */
export function random(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** One worker's load on names of its own and on shared ones, until it is told to stop. */
async function work(client: Client, worker: number, next: () => number, running: () => boolean) {
  const pick = (n: number) => Math.floor(next() * n);
  // What is refused, or cut off by the kill, is part of the load.
  const attempt = (action: Promise<unknown>) =>
    action.then(() => {}, async (error) => {
      // A daemon that is gone refuses so fast that nothing else of this process would run.
      if (error.code === "unavailable") await new Promise((resolve) => setTimeout(resolve, 20));
    });
  while (running()) {
    const net = `n${pick(4)}`;
    const service = `s${pick(6)}`;
    const container = `c${worker}-${pick(3)}`;
    const actions: (() => Promise<unknown>)[] = [
      () => client.createNetwork({ name: net }),
      () => client.publishService({ name: service, network: net }),
      () => client.publishService({ name: `${service}-${worker}`, network: net }),
      () => client.createContainer({ name: container }),
      () => client.createContainer({ name: `${container}-n`, network: net }),
      () => client.attachService(`${service}.${net}`, { container }),
      () => client.attachService(`${service}.${net}`, { container }),
      () => client.detachService(`${service}.${net}`, { force: true }),
      () => client.unpublishService(`${service}.${net}`, next() < 0.5),
      () => client.removeContainer(container, true),
      () => client.removeContainer(`${container}-n`, true),
      () => client.removeNetwork(net, next() < 0.3),
    ];
    await attempt(actions[pick(actions.length)]!());
  }
}

/** What is wrong with a host that has come to rest; empty when nothing is. */
export async function leaks(host: TestHost): Promise<string[]> {
  using client = new Client({ host: `unix://${host.socket}` });
  const wrong: string[] = [];
  const networks = await client.networks();
  const services = await client.services();
  const containers = await client.containers();
  const addresses = services.flatMap((s) => s.addresses.map((a) => `${s.network.id} ${a}`));
  if (new Set(addresses).size !== addresses.length) wrong.push("an address is given out twice");
  const names = services.map((s) => `${s.name}.${s.network.name}`);
  if (new Set(names).size !== names.length) wrong.push("a name is published twice");
  const wanted = [
    ...networks.filter(({ driver }) => driver === "bridge").map(({ id }) =>
      `nsb${id.slice(0, 12)}`
    ),
    ...services.filter(({ backend }) => backend).map(({ id }) => `nsv${id.slice(0, 12)}`),
  ].sort();
  const links = await host.links();
  if (links.join() !== wanted.join()) {
    wrong.push(`links are ${links.join(" ")}, and should be ${wanted.join(" ")}`);
  }
  const live = containers.filter(({ state }) => state !== "exited").map(({ id }) => id).sort();
  const pinned = [...Deno.readDirSync(`${host.runDir}/netns`)].map(({ name }) => name).sort();
  if (pinned.join() !== live.join()) {
    wrong.push(`namespaces are ${pinned.join(" ")}, not ${live.join(" ")}`);
  }
  const ids = new Set(live);
  for (const { name, backend, auto } of services) {
    if (backend && !ids.has(backend.container.id)) wrong.push(`${name} has a backend that is gone`);
    // One that was being removed has lost its backend, and is still its container's.
    const owned = containers.some((c) => c.name === name || c.id.startsWith(name));
    if (auto && !owned) wrong.push(`${name} is a container's own, and nobody's`);
  }
  for (const { name, backend, addresses } of services.filter((s) => s.backend)) {
    const { sandbox } = containers.find(({ id }) => id === backend!.container.id)!;
    const { stdout } = await run(["ip", "-br", "addr", "show", "dev", backend!.interface], {
      namespace: sandbox!,
    });
    for (const address of addresses) {
      if (!stdout.includes(address)) wrong.push(`${name} lacks ${address} in its sandbox`);
    }
    const query = await run(["dig", "@127.0.0.11", "+short", "+time=2", "+tries=1", name], {
      namespace: sandbox!,
    });
    if (!query.stdout.includes(addresses[0]!.split("/")[0]!)) wrong.push(`${name} doesn't resolve`);
  }
  const rules = await host.namespace.ok(["nft", "-j", "list", "set", "inet", "netsvc", "bridges"]);
  const bridges = wanted.filter((name) => name.startsWith("nsb"));
  const elements = rules.match(/"nsb[0-9a-f]{12}"/g) ?? [];
  if (elements.length !== bridges.length) {
    wrong.push(`${elements.length} bridges in the rules, not ${bridges.length}`);
  }
  return wrong;
}

/** Runs the rounds. @throws when something is wrong, with the seed that replays it */
export async function chaos(seed: number, rounds: number): Promise<void> {
  const next = random(seed);
  await using host = await TestHost.create();
  for (let round = 0; round < rounds; round++) {
    let running = true;
    using client = new Client({ host: `unix://${host.socket}` });
    const workers = Array.from(
      { length: WORKERS },
      (_, i) => work(client, i, random(Math.floor(next() * 2 ** 32)), () => running),
    );
    await new Promise((resolve) => setTimeout(resolve, next() * MAX_ROUND_MS));
    await host.stop("SIGKILL");
    running = false;
    await Promise.all(workers);
    await host.start();
    const wrong = await leaks(host);
    if (wrong.length > 0) {
      throw new Error(
        `Round ${round} of seed ${seed}:\n${wrong.join("\n")}\n` +
          `Replay: deno task chaos --seed ${seed}\n${host.log().split("\n").slice(-40).join("\n")}`,
      );
    }
  }
  // All of it can be taken away again, and then nothing is there.
  using client = new Client({ host: `unix://${host.socket}` });
  for (const { id } of await client.containers()) await client.removeContainer(id, true);
  for (const { id, predefined } of await client.networks()) {
    if (!predefined) await client.removeNetwork(id, true);
  }
  const left = await host.links();
  if (left.length !== 1) throw new Error(`Links are left: ${left.join(" ")} (seed ${seed})`);
  const anchors = await ok(["sh", "-c", `ls ${host.runDir}`]);
  if (anchors.includes("anchor")) throw new Error(`The anchor is left (seed ${seed})`);
}

if (import.meta.main) {
  const { values } = parseArgs({
    args: Deno.args,
    options: { seed: { type: "string" }, rounds: { type: "string" } },
  });
  const seed = Number(values.seed ?? crypto.getRandomValues(new Uint32Array(1))[0]);
  const rounds = Number(values.rounds ?? 100);
  console.log(`Seed ${seed}, ${rounds} rounds`);
  await chaos(seed, rounds);
  console.log("Nothing leaked, nothing doubled, nothing lost");
}
