/**
 * Several hosts on one underlay with a shared store, each with a daemon of its own: namespaces joined
 * by a bridge.
 *
 * @module
 */
import type { Entry } from "../../kv/store.ts";
import { ok, run } from "./command.ts";
import { startConsul } from "./consul.ts";
import { startDenoKv } from "./denokv.ts";
import { Ensemble } from "./ensemble.ts";
import { startEtcd } from "./etcd.ts";
import { TestHost, TestNamespace } from "./host.ts";
import type { ServerOptions, TestServer } from "./server.ts";
import { type Trouble, troubleQueues, troubleRules, troubleTable } from "./trouble.ts";
import { startZooKeeper } from "./zookeeper.ts";

/** The shared stores. */
export const STORES = {
  etcd: startEtcd,
  consul: startConsul,
  zookeeper: startZooKeeper,
  denokv: startDenoKv,
} satisfies Record<string, (options: ServerOptions) => Promise<TestServer>>;

/** A shared store's name. */
export type StoreName = keyof typeof STORES;

/** Whether there is a store of this name. */
export function isStoreName(name: string): name is StoreName {
  return Object.hasOwn(STORES, name);
}

/** The store that NETSVC_TEST_STORE picks by hand. */
const ONLY = Deno.env.get("NETSVC_TEST_STORE");

/** Registers a test for each store, or for some; the one that is picked by hand is always among them. */
export function byStore(
  name: string,
  test: (store: StoreName) => Promise<void>,
  stores: StoreName[] = Object.keys(STORES) as StoreName[],
): void {
  for (const store of Object.keys(STORES) as StoreName[]) {
    const wanted = ONLY === undefined ? stores.includes(store) : ONLY === store;
    if (wanted) Deno.test(`${name} - ${store}`, () => test(store));
  }
}

/** Options of {@linkcode TestCluster.create}. */
export interface ClusterOptions {
  hosts: number;
  store: StoreName;
  /** Members of the store, each in a namespace of its own; 1 unless given. */
  members?: number;
  /** Further words for each daemon. */
  flags?: string[];
  /** And for that of the nth host alone, from 0. */
  flagsOf?: (n: number) => string[];
  /** Of the underlay, in bytes. */
  mtu?: number;
  /** Family of the underlay's addresses; 4 unless given. */
  family?: 4 | 6;
  /** Wire the hosts and start the store, but no daemon. */
  stopped?: boolean;
}

/** Hosts, store and underlay. */
export class TestCluster implements AsyncDisposable {
  readonly hub: TestNamespace;
  readonly storeNamespace: TestNamespace;
  /** Those of further members. */
  readonly memberNamespaces: TestNamespace[] = [];
  /** The store's members where there are several; `store` is the first. */
  ensemble: Ensemble | undefined;
  readonly hosts: TestHost[] = [];
  readonly options: ClusterOptions;
  store!: TestServer;

  private constructor(hub: TestNamespace, storeNamespace: TestNamespace, options: ClusterOptions) {
    this.hub = hub;
    this.storeNamespace = storeNamespace;
    this.options = options;
  }

  static async create(options: ClusterOptions): Promise<TestCluster> {
    const hub = await TestNamespace.create("u");
    const cluster = new TestCluster(hub, await TestNamespace.create("s"), options);
    try {
      await hub.ip("link add name sw type bridge stp_state 0", "link set dev sw up");
      const address = cluster.#at(100);
      await cluster.#wire(cluster.storeNamespace, "store", address);
      if (options.members === undefined) {
        cluster.store = await STORES[options.store]({
          namespace: cluster.storeNamespace.path,
          host: address,
        });
      } else await cluster.#startMembers(options.members);
      for (let i = 0; i < options.hosts; i++) await cluster.addHost();
      return cluster;
    } catch (error) {
      await cluster[Symbol.asyncDispose]();
      throw error;
    }
  }

  async #startMembers(count: number): Promise<void> {
    const { store } = this.options;
    if (store === "denokv") throw new Error("A denokv server is alone");
    const places = [{ namespace: this.storeNamespace.path, host: this.#at(100) }];
    for (let i = 1; i < count; i++) {
      const namespace = await TestNamespace.create("s");
      this.memberNamespaces.push(namespace);
      await this.#wire(namespace, `store-${i}`, this.#at(100 + i));
      places.push({ namespace: namespace.path, host: this.#at(100 + i) });
    }
    this.ensemble = await Ensemble.start(store, places);
    this.store = this.ensemble.members[0]!;
  }

  /** The value of `--kv-store`. */
  get storeUrl(): string {
    return this.ensemble?.url ?? this.store.url;
  }

  /** Underlay address of the nth host, from 0. */
  address(n: number): string {
    return this.#at(n + 1);
  }

  #at(n: number): string {
    return this.options.family === 6 ? `fd99::${n}` : `10.99.0.${n}`;
  }

  /** Name of the nth host, and of its port on the switch. */
  name(n: number): string {
    return `host-${n + 1}`;
  }

  async #wire(namespace: TestNamespace, port: string, address: string): Promise<void> {
    const mtu = this.options.mtu ?? 1500;
    await this.hub.ip(
      `link add name ${port} mtu ${mtu} type veth peer name u0 mtu ${mtu} netns ${namespace.path}`,
      `link set dev ${port} master sw up`,
    );
    const prefix = address.includes(":") ? "64 nodad" : "24";
    await namespace.ip(`addr add ${address}/${prefix} dev u0`, "link set dev u0 up");
  }

  /** One more host, with its daemon running. */
  async addHost(): Promise<TestHost> {
    const n = this.hosts.length;
    const host = await TestHost.create({
      stopped: true,
      flags: [
        `--kv-store=${this.storeUrl}`,
        `--host-name=${this.name(n)}`,
        ...this.options.flags ?? [],
        ...this.options.flagsOf?.(n) ?? [],
      ],
    });
    this.hosts.push(host);
    await this.#wire(host.namespace, this.name(n), this.address(n));
    if (!this.options.stopped) await host.start();
    return host;
  }

  /** Pulls the plug of a host, or of the store, or puts it in again. */
  async setLink(port: string, state: "up" | "down"): Promise<void> {
    await this.hub.ip(`link set dev ${port} ${state}`);
  }

  /** Makes the way to a host, or to the store, a bad one. */
  async disturb(port: string, trouble: Trouble): Promise<void> {
    await this.hub.ok(["nft", "-f", "-"], { stdin: troubleRules(port, trouble) });
    if (trouble.late === undefined) return;
    await this.hub.ok(["tc", "-batch", "-"], { stdin: troubleQueues(port) });
  }

  /** Ends {@linkcode disturb}. */
  async calm(port: string): Promise<void> {
    await this.hub.run(["nft", "delete", "table", "bridge", troubleTable(port)]);
    await this.hub.run(["tc", "qdisc", "del", "dev", port, "root"]);
  }

  /** The nth host loses its power, and its link with it; `start()` of the host boots it again. */
  async crash(n: number): Promise<void> {
    const host = this.hosts[n]!;
    await host.crash();
    // The switch's end of the cable goes with the namespace, and that may take the kernel a while.
    await run(["ip", "-n", this.hub.name, "link", "del", this.name(n)]);
    await this.#wire(host.namespace, this.name(n), this.address(n));
  }

  /** All entries of the store, read in its own namespace: what holds when no daemon is asked. */
  async storeEntries(): Promise<Entry[]> {
    const script = new URL("store_entries.ts", import.meta.url).pathname;
    const text = await ok([Deno.execPath(), "run", "-A", script, this.storeUrl], {
      namespace: this.storeNamespace.path,
    });
    return JSON.parse(text);
  }

  /** Writes entries into the store, past all daemons. */
  async storeWrite(puts: { key: string; value: string }[]): Promise<void> {
    const script = new URL("store_write.ts", import.meta.url).pathname;
    await ok([Deno.execPath(), "run", "-A", script, this.store.url], {
      namespace: this.storeNamespace.path,
      stdin: JSON.stringify(puts),
    });
  }

  /** Does something; when it fails, tells what the daemons logged. */
  async explain(action: () => Promise<void>): Promise<void> {
    try {
      await action();
    } catch (error) {
      const why = error instanceof Error ? error.stack : error;
      throw new Error(`${why}\n${this.logs()}`, { cause: error });
    }
  }

  /** The last lines that the daemons logged, for failures. */
  logs(lines = 200): string {
    const last = (log: string) => log.split("\n").slice(-lines).join("\n");
    return this.hosts.map((host, n) => `--- ${this.name(n)}\n${last(host.log())}`).join("\n");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const host of this.hosts) await host[Symbol.asyncDispose]();
    if (this.ensemble) await this.ensemble[Symbol.asyncDispose]();
    else await this.store?.[Symbol.asyncDispose]();
    for (const namespace of this.memberNamespaces) await namespace[Symbol.asyncDispose]();
    await this.storeNamespace[Symbol.asyncDispose]();
    await run(["ip", "-n", this.hub.name, "link", "del", "sw"]);
    await this.hub[Symbol.asyncDispose]();
  }
}
