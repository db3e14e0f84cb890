/**
 * A host for tests of a driver alone: a network namespace, the driver, and sandboxes.
 *
 * @module
 */
import type { DriverUnderTest } from "../../drivers/testing/conformance.ts";
import type { Driver, NetworkSpec, SandboxSpec, Underlay } from "../../drivers/driver.ts";
import type { Tunnel } from "../../drivers/overlay/tunnel/tunnel.ts";
import { Runner } from "../../lib/linux/tools/runner.ts";
import { NamespaceStore } from "../../server/sandbox/netns.ts";
import { ok, run, spawn, until } from "./command.ts";
import { TestNamespace } from "./host.ts";

let serial = 0;

/** 64 hex digits, of which the first twelve are unlike all others. */
function newId(): string {
  return crypto.getRandomValues(new Uint8Array(32)).toHex();
}

/** What a driver is made of. */
export interface DriverHostParts {
  runner: Runner;
  namespaces: NamespaceStore;
  /** As a daemon would find it; tests may change it. */
  underlay: Underlay | undefined;
  /** Where the driver has one. */
  tunnel?: Tunnel;
}

/** The host. */
export class DriverHost implements DriverUnderTest {
  readonly home: TestNamespace;
  readonly parts: DriverHostParts;
  driver: Driver;
  readonly #directory: string;
  readonly #newRunner: () => Runner;
  readonly #make: (parts: DriverHostParts) => Driver;
  readonly #sandboxes = new Map<string, TestNamespace>();
  /** Calls of tools since it was last set to none. */
  readonly runs: string[];
  /** Starts of tools since it was last set to none: most calls need none. */
  readonly spawns: string[];

  private constructor(
    { home, directory, newRunner, runs, spawns }: {
      home: TestNamespace;
      directory: string;
      newRunner: () => Runner;
      runs: string[];
      spawns: string[];
    },
    parts: DriverHostParts,
    make: (parts: DriverHostParts) => Driver,
  ) {
    this.#newRunner = newRunner;
    this.home = home;
    this.#directory = directory;
    this.parts = parts;
    this.#make = make;
    this.driver = make(parts);
    this.runs = runs;
    this.spawns = spawns;
  }

  static async create(
    make: (parts: DriverHostParts) => Driver,
    underlay?: Underlay,
  ): Promise<DriverHost> {
    const home = await TestNamespace.create("d");
    const directory = await Deno.makeTempDir({ prefix: "netsvc-test-" });
    const runs: string[] = [];
    const spawns: string[] = [];
    const newRunner = () =>
      new Runner({
        home: home.path,
        onRun: (tool) => runs.push(tool),
        onSpawn: (tool) => spawns.push(tool),
        keep: true,
      });
    const namespaces = await NamespaceStore.open(directory);
    const parts: DriverHostParts = { runner: newRunner(), namespaces, underlay };
    return new DriverHost({ home, directory, newRunner, runs, spawns }, parts, make);
  }

  restart = async (): Promise<void> => {
    // What a process keeps open ends with it.
    await this.parts.runner.close();
    this.parts.runner = this.#newRunner();
    this.driver = this.#make(this.parts);
  };

  network = (options: Record<string, string> = {}): NetworkSpec => {
    const n = ++serial % 250;
    const { addresses, scope, vni } = this.driver.capabilities;
    return {
      id: newId(),
      name: `net${n}`,
      scope,
      internal: false,
      ipv6: true,
      pools: addresses
        ? [
          { family: 4, subnet: `10.99.${n}.0/24` },
          { family: 6, subnet: `fd99:${n}::/64` },
        ]
        : [],
      options,
      ...vni && { vni: 5000 + n },
    };
  };

  sandbox = async (): Promise<SandboxSpec> => {
    const namespace = await TestNamespace.create("s");
    const id = newId();
    this.#sandboxes.set(id, namespace);
    return { id, path: namespace.path };
  };

  removeSandbox = async (sandbox: SandboxSpec): Promise<void> => {
    const namespace = this.#sandboxes.get(sandbox.id)!;
    const veths = JSON.parse(
      await ok(["ip", "-j", "link", "show", "type", "veth"], { namespace: namespace.path }) || "[]",
    );
    const before = await this.objects();
    await namespace[Symbol.asyncDispose]();
    this.#sandboxes.delete(sandbox.id);
    // Their peers are gone when the kernel comes to it.
    await until(
      "its veths are gone",
      async () => (await this.objects()).length <= before.length - veths.length,
    );
  };

  /** Path of a namespace of the driver's own. */
  #path(where: string): string {
    return where === "host" ? this.home.path : this.parts.namespaces.path(where);
  }

  objects = async (): Promise<string[]> => {
    const objects: string[] = [];
    for (const where of ["host", ...this.parts.namespaces.listOwn()]) {
      if (where !== "host") objects.push(where);
      const links = JSON.parse(
        await ok(["ip", "-j", "link", "show"], { namespace: this.#path(where) }),
      );
      for (const { ifname } of links as { ifname: string }[]) {
        if (ifname !== "lo" && !/^u\d+$/.test(ifname)) objects.push(`${where}/${ifname}`);
      }
    }
    return objects.sort();
  };

  destroy = async (object: string): Promise<void> => {
    const [where, link] = object.split("/") as [string, string?];
    if (link === undefined) return await this.parts.namespaces.remove(where);
    await ok(["ip", "link", "del", link], { namespace: this.#path(where) });
  };

  reaches = async (from: SandboxSpec, address: string): Promise<boolean> => {
    const result = await run(["ping", "-c", "3", "-i", "0.2", "-W", "2", "-w", "4", address], {
      namespace: from.path,
    });
    return result.code === 0;
  };

  lossDuring = async (
    from: SandboxSpec,
    address: string,
    action: () => Promise<void>,
  ): Promise<number> => {
    const ping = spawn(["ping", "-i", "0.02", "-w", "20", address], {
      namespace: from.path,
      stdout: "piped",
      stderr: "null",
    });
    let text = "";
    const reading = (async () => {
      for await (const part of ping.stdout.pipeThrough(new TextDecoderStream())) text += part;
    })();
    const replies = () => text.match(/icmp_seq=\d+ ttl/g)?.length ?? 0;
    await until("it is answered", () => replies() > 0);
    try {
      await action();
    } finally {
      // What is on its way arrives, and more; where nothing does any more, that is the loss.
      const before = replies();
      await until("it is answered again", () => replies() > before + 2, 2000).catch(() => {});
      ping.kill("SIGINT");
    }
    await reading;
    await ping.status;
    const sent = Number(text.match(/(\d+) packets transmitted/)![1]);
    const received = new Set([...text.matchAll(/icmp_seq=(\d+) ttl/g)].map(([, n]) => Number(n)));
    // The very last one may have been under way when ping was ended.
    const lost = sent - received.size - (received.has(sent) ? 0 : 1);
    return Math.max(0, lost) / sent;
  };

  async [Symbol.asyncDispose](): Promise<void> {
    for (const name of this.parts.namespaces.listOwn()) {
      await this.parts.namespaces.remove(name);
    }
    for (const sandbox of this.#sandboxes.values()) await sandbox[Symbol.asyncDispose]();
    await this.parts.runner.close();
    await this.home[Symbol.asyncDispose]();
    await Deno.remove(this.#directory, { recursive: true });
  }
}
