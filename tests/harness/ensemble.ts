/**
 * Real stores of several members, each of which can be killed, frozen and replaced.
 *
 * @module
 */
import { run, until } from "./command.ts";
import { startConsul } from "./consul.ts";
import { etcdctl, replaceEtcdMember, startEtcd } from "./etcd.ts";
import { freePort, type Peer, type ServerOptions, type TestServer } from "./server.ts";
import type { Versioned } from "./versions.ts";
import { fourLetters, startZooKeeper } from "./zookeeper.ts";

const START = { etcd: startEtcd, consul: startConsul, zookeeper: startZooKeeper } satisfies Record<
  Versioned,
  (options: ServerOptions) => Promise<TestServer>
>;

/** Where a member runs. */
export type Place = Pick<ServerOptions, "namespace" | "host">;

/** Members that are one store. */
export class Ensemble implements AsyncDisposable {
  readonly store: Versioned;
  readonly members: readonly TestServer[];
  readonly #places: Place[];
  readonly #peers: Peer[];

  private constructor(
    store: Versioned,
    members: TestServer[],
    places: Place[],
    peers: Peer[],
  ) {
    this.store = store;
    this.members = members;
    this.#places = places;
    this.#peers = peers;
  }

  /** Starts a member at each place and waits until all serve. */
  static async start(
    store: Versioned,
    places: Place[] = [{}, {}, {}],
    version?: string,
  ): Promise<Ensemble> {
    const peers = places.map(({ host = "127.0.0.1" }): Peer => ({
      host,
      port: freePort(),
      ports: [freePort(), freePort(), freePort()],
    }));
    const starting = await Promise.allSettled(
      places.map((place, index) =>
        START[store]({
          ...place,
          port: peers[index]!.port,
          member: { index, peers },
          ...version !== undefined && { version },
        })
      ),
    );
    const members = starting.flatMap((one) => one.status === "fulfilled" ? [one.value] : []);
    for (const one of starting) {
      if (one.status === "fulfilled") continue;
      for (const member of members) await member[Symbol.asyncDispose]();
      throw one.reason;
    }
    return new Ensemble(store, members, places, peers);
  }

  /** `HOST:PORT` of all members, separated by commas. */
  get endpoints(): string {
    return this.members.map(({ endpoint }) => endpoint).join(",");
  }

  /** The value of `--kv-store`. */
  get url(): string {
    return `${this.store}:${this.endpoints}`;
  }

  /** Which member leads; waits until one does. */
  async leader(): Promise<number> {
    const { index } = await until(`${this.store} has a leader`, async () => {
      for (const [index, member] of this.members.entries()) {
        if (member.running && await this.#leads(index).catch(() => false)) return { index };
      }
      return false;
    }, 30_000);
    return index;
  }

  async #leads(index: number): Promise<boolean> {
    const member = this.members[index]!;
    const { namespace } = this.#places[index]!;
    switch (this.store) {
      case "etcd": {
        const words = ["--command-timeout=2s", "endpoint", "status", "--write-out=json"];
        const [{ Status }] = JSON.parse(await etcdctl(member, words, namespace));
        return Status.leader === Status.header.member_id && Status.leader !== 0;
      }
      case "consul": {
        const { stdout } = await run(
          ["curl", "-fsS", "-m2", `http://${member.endpoint}/v1/status/leader`],
          namespace === undefined ? {} : { namespace },
        );
        const { host, ports } = this.#peers[index]!;
        return stdout === `"${host}:${ports[0]}"`;
      }
      case "zookeeper":
        return /^Mode: leader/m.test(await fourLetters(member, "srvr", namespace));
    }
  }

  /** Puts an empty member in the place of one, as one does where a machine is lost. */
  async replace(index: number): Promise<void> {
    const member = this.members[index]!;
    const { namespace } = this.#places[index]!;
    if (this.store === "etcd") {
      const { host, ports } = this.#peers[index]!;
      const other = this.members[(index + 1) % this.members.length]!;
      const peer = { name: `m${index}`, url: `http://${host}:${ports[0]}` };
      return await replaceEtcdMember(member, peer, other, namespace);
    }
    await member.stop("SIGKILL");
    const kept = this.store === "zookeeper" ? ["myid"] : [];
    for await (const { name } of Deno.readDir(`${member.directory}/data`)) {
      if (kept.includes(name)) continue;
      await Deno.remove(`${member.directory}/data/${name}`, { recursive: true });
    }
    await member.start();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const member of this.members) await member[Symbol.asyncDispose]();
  }
}
