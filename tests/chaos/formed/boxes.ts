/**
 * A container on each host, on the encrypted network and on one that isn't: who speaks, and whom others know by name.
 *
 * @module
 */
import { Client } from "../../../cli/client/client.ts";
import type { Container, Service } from "../../../lib/api/types.ts";
import { run } from "../../harness/command.ts";
import type { FormedCluster } from "../../harness/formed.ts";
import type { TestHost } from "../../harness/host.ts";
import { type End, inject, listen, type Listener } from "../../harness/injected.ts";

/** The encrypted network, and the other one. */
export const SEALED = "chaos", OPEN = "open";
/** Injected packets of a round, and those of the other network, which must arrive. */
const CONTROLS = 20;

/** Name of a host's container, and of its services. */
export function boxOf(n: number): string {
  return `box-${n + 1}`;
}

/** The containers. */
export class Boxes {
  readonly #cluster: FormedCluster;
  /** Hosts whose container may have to be made again: they have lost their power. */
  readonly #lost = new Set<number>();
  #vnis = { sealed: 0, open: 0 };
  /** Sent in the clear for the encrypted network, so far. */
  injected = 0;
  /** Of these, arrived. */
  arrived = 0;
  /** Arrived of the encrypted network's own. */
  sealed = 0;

  constructor(cluster: FormedCluster) {
    this.#cluster = cluster;
  }

  /** Makes both networks and all containers. @returns the identifier of the network that isn't encrypted */
  async create(): Promise<number> {
    using client = clientOf(this.#cluster.hosts[0]!);
    const driver = "overlay";
    const sealed = await client.networks.create({
      name: SEALED,
      driver,
      subnets: ["10.60.0.0/16"],
    });
    const open = await client.networks.create({
      ...{ name: OPEN, driver, subnets: ["10.61.0.0/16"], options: { encrypted: "false" } },
    });
    if (sealed.options.encrypted !== "true") {
      throw new Error("A network isn't encrypted by default");
    }
    this.#vnis = { sealed: sealed.vni!, open: open.vni! };
    for (const n of this.#cluster.hosts.keys()) this.#lost.add(n);
    return open.vni!;
  }

  /** A host has lost its power, and its container with it. */
  lost(n: number): void {
    this.#lost.add(n);
  }

  /** A restore may have taken away what was made since the backup, and brought back what has ended. */
  restored(): void {
    for (const n of this.#cluster.hosts.keys()) this.#lost.add(n);
  }

  /** Makes again what may be missing, as somebody would who runs these hosts. */
  async mend(): Promise<void> {
    for (const n of [...this.#lost]) {
      using client = clientOf(this.#cluster.hosts[n]!);
      const container = await ensureContainer(client, boxOf(n));
      for (const network of [SEALED, OPEN]) {
        await ensureAttached(client, `${boxOf(n)}.${network}`, container);
      }
      this.#lost.delete(n);
    }
  }

  /** What is wrong with who backs what. */
  wrongs(services: readonly Service[]): string[] {
    return this.#cluster.hosts.flatMap((_, n) =>
      [SEALED, OPEN].flatMap((network) => {
        const found = services.find((s) => s.name === boxOf(n) && s.network.name === network);
        const host = found?.backend?.host;
        return host === this.#cluster.name(n)
          ? []
          : [`${boxOf(n)}.${network} is backed by ${host ?? "nobody"}`];
      })
    );
  }

  /** Milliseconds until a host's name is answered nowhere else, or `undefined`: not within the time. */
  async untilUnnamed(n: number, ms: number): Promise<number | undefined> {
    const begun = performance.now();
    const others = this.#cluster.hosts.map((host, other) => ({ host, other }))
      .filter(({ other }) => other !== n);
    const sandboxes = await Promise.all(
      others.map(({ host, other }) => host.sandbox(boxOf(other))),
    );
    const query = ["dig", "@127.0.0.11", "+short", "+time=2", "+tries=1", `${boxOf(n)}.${SEALED}`];
    for (;;) {
      const answers = await Promise.all(sandboxes.map((namespace) => run(query, { namespace })));
      const took = performance.now() - begun;
      if (answers.every(({ stdout }) => stdout.trim() === "")) return took;
      if (took > ms) return undefined;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  /** Has all containers that are there speak to each other, on both networks. */
  async listen(): Promise<Listener[]> {
    using client = clientOf(this.#cluster.hosts[0]!);
    const services = await client.services.list();
    return await Promise.all(this.#cluster.hosts.map(async (host, n) => {
      const others = services.filter((s) => s.name.startsWith("box-") && s.name !== boxOf(n))
        .filter((s) => s.backend && s.network.name === SEALED);
      const peers = others.map((s) => endOf(s).ip);
      return await listen(await host.sandbox(boxOf(n)), { mark: host.directory, peers });
    }));
  }

  /** Sends packets in the clear from one host to another's container, and some that may arrive. */
  async inject(from: number, to: number, count: number): Promise<void> {
    using client = clientOf(this.#cluster.hosts[(from + 1) % this.#cluster.hosts.length]!);
    const services = await client.services.list();
    const end = (n: number, network: string) =>
      endOf(services.find((s) => s.name === boxOf(n) && s.network.name === network)!);
    const ends = (network: string) => ({ by: end(from, network), to: end(to, network) });
    const { sealed, open } = this.#vnis;
    const { namespace } = this.#cluster.hosts[from]!;
    const sent = await inject(namespace.path, {
      host: this.#cluster.address(to),
      what: [
        { word: "injected", vni: sealed, count, ports: [4789, 4790, 51820], ...ends(SEALED) },
        { word: "control", vni: open, count: CONTROLS, ports: [4789], ...ends(OPEN) },
      ],
    });
    this.injected += Math.max(0, sent - CONTROLS);
  }

  /** Ends the listeners, and counts. @returns how many packets arrived that may */
  async heard(listeners: Listener[]): Promise<number> {
    const got = await Promise.all(listeners.map((one) => one.stop()));
    const sum = (of: keyof typeof got[number]) => got.reduce((all, one) => all + one[of], 0);
    this.arrived += sum("injected");
    this.sealed += sum("sealed");
    return sum("control");
  }
}

function clientOf(host: TestHost): Client {
  return new Client({ host: `unix://${host.socket}` });
}

function endOf({ addresses, mac }: Service): End {
  return { ip: addresses[0]!.split("/")[0]!, mac };
}

async function ensureContainer(client: Client, name: string): Promise<Container> {
  const found = (await client.containers.list()).find((container) => container.name === name);
  if (found?.sandbox && found.state !== "exited") return found;
  if (found) await client.containers.remove(found.id, true);
  return await client.containers.create({ name });
}

async function ensureAttached(client: Client, service: string, { id }: Container): Promise<void> {
  const [name, network] = service.split(".") as [string, string];
  const found = (await client.services.list(network)).find((one) => one.name === name);
  if (!found) await client.services.publish({ name, network });
  if (found?.backend?.container.id === id) return;
  if (found?.backend) await client.services.detach(service, { force: true });
  await client.services.attach(service, { container: id });
}
