/**
 * Hosts on one underlay that form a cluster by `cluster init` and `join`: namespaces joined by a bridge, each with a
 * daemon of its own and this machine's etcd.
 *
 * @module
 */
import { dirname } from "node:path";
import { run } from "./command.ts";
import { TestHost, TestNamespace } from "./host.ts";
import { type Trouble, troubleRules, troubleTable } from "./trouble.ts";
import { program } from "./versions.ts";

/** Options of {@linkcode FormedCluster.create}. */
export interface FormedOptions {
  hosts: number;
  /** Version of etcd; the machine's own unless given. */
  etcd?: string;
  /** Family of the underlay's addresses; 4 unless given. */
  family?: 4 | 6;
  /** Further words for each daemon. */
  flags?: string[];
  /** Let no host join. */
  apart?: boolean;
}

/** Hosts, and the underlay. */
export class FormedCluster implements AsyncDisposable {
  readonly hub: TestNamespace;
  readonly hosts: TestHost[] = [];
  readonly options: FormedOptions;

  private constructor(hub: TestNamespace, options: FormedOptions) {
    this.hub = hub;
    this.options = options;
  }

  static async create(options: FormedOptions): Promise<FormedCluster> {
    const cluster = new FormedCluster(await TestNamespace.create("u"), options);
    try {
      await cluster.hub.ip("link add name sw type bridge stp_state 0", "link set dev sw up");
      for (let i = 0; i < options.hosts; i++) await cluster.addHost();
      if (!options.apart) await cluster.form();
      return cluster;
    } catch (error) {
      const logs = cluster.logs(50);
      await cluster[Symbol.asyncDispose]();
      throw new Error(`${error instanceof Error ? error.stack : error}\n${logs}`, { cause: error });
    }
  }

  /** The two commands, on all hosts. */
  async form(): Promise<void> {
    const [first, ...others] = this.hosts as [TestHost, ...TestHost[]];
    await first.ok("cluster", "init");
    for (const host of others) await this.join(host);
  }

  /** A token of the first host's. */
  async token(...words: string[]): Promise<string> {
    return (await this.hosts[0]!.ok("cluster", "token", "create", "-q", ...words)).trim();
  }

  async join(host: TestHost): Promise<void> {
    await host.ok("cluster", "join", await this.token());
  }

  /** Underlay address of the nth host, from 0. */
  address(n: number): string {
    return this.options.family === 6 ? `fd99::${n + 1}` : `10.99.0.${n + 1}`;
  }

  /** Name of the nth host, and of its port on the switch. */
  name(n: number): string {
    return `host-${n + 1}`;
  }

  /** One more host, with its daemon running. */
  async addHost(): Promise<TestHost> {
    const n = this.hosts.length;
    const etcd = dirname(program("etcd", this.options.etcd));
    const host = await TestHost.create({
      stopped: true,
      flags: [`--host-name=${this.name(n)}`, ...this.options.flags ?? []],
      env: { PATH: `${etcd}:${Deno.env.get("PATH")}` },
    });
    this.hosts.push(host);
    await this.#wire(host.namespace, n);
    await host.start();
    return host;
  }

  async #wire(namespace: TestNamespace, n: number): Promise<void> {
    const port = this.name(n);
    await this.hub.ip(
      `link add name ${port} type veth peer name u0 netns ${namespace.path}`,
      `link set dev ${port} master sw up`,
    );
    const prefix = this.options.family === 6 ? "64 nodad" : "24";
    await namespace.ip(`addr add ${this.address(n)}/${prefix} dev u0`, "link set dev u0 up");
  }

  /** Pulls the plug of a host, or puts it in again. */
  async setLink(n: number, state: "up" | "down"): Promise<void> {
    await this.hub.ip(`link set dev ${this.name(n)} ${state}`);
  }

  /** Makes the way to the nth host a bad one. */
  async disturb(n: number, trouble: Trouble): Promise<void> {
    await this.hub.ok(["nft", "-f", "-"], { stdin: troubleRules(this.name(n), trouble) });
  }

  /** Ends {@linkcode disturb}. */
  async calm(n: number): Promise<void> {
    await this.hub.run(["nft", "delete", "table", "bridge", troubleTable(this.name(n))]);
  }

  /** The nth host loses its power, and its link with it; `start()` of the host boots it again. */
  async crash(n: number): Promise<void> {
    const host = this.hosts[n]!;
    await host.crash();
    // The switch's end of the cable goes with the namespace, and that may take the kernel a while.
    await run(["ip", "-n", this.hub.name, "link", "del", this.name(n)]);
    await this.#wire(host.namespace, n);
  }

  /** The last lines that the daemons logged, for failures. */
  logs(lines = 200): string {
    const last = (log: string) => log.split("\n").slice(-lines).join("\n");
    return this.hosts.map((host, n) => `--- ${this.name(n)}\n${last(host.log())}`).join("\n");
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

  async [Symbol.asyncDispose](): Promise<void> {
    for (const host of this.hosts) await host[Symbol.asyncDispose]();
    await run(["ip", "-n", this.hub.name, "link", "del", "sw"]);
    await this.hub[Symbol.asyncDispose]();
  }
}
