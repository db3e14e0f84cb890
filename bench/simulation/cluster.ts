/**
 * A simulated cluster: one etcd and a process per daemon, so that the kernel itself counts each
 * one's memory and processor time.
 *
 * @module
 */
import { openStore } from "../../kv/open.ts";
import { startEtcd } from "../../tests/harness/etcd.ts";
import type { TestServer } from "../../tests/harness/server.ts";
import { containerId, hostName, serviceId, underlayOf } from "./addresses.ts";
import type { Plan } from "./plan.ts";
import { DaemonProcess } from "./process.ts";
import { seedLocal, seedShared } from "./seed.ts";

/** Longest wait for anything in the cluster, in milliseconds. */
const DEADLINE_MS = 120_000;

/** A cluster. */
export class SimulatedCluster implements AsyncDisposable {
  readonly plan: Plan;
  readonly etcd: TestServer;
  readonly daemons: DaemonProcess[];
  readonly #directory: string;

  private constructor(
    plan: Plan,
    { etcd, directory, running }: { etcd: TestServer; directory: string; running: number },
  ) {
    this.plan = plan;
    this.etcd = etcd;
    this.#directory = directory;
    this.daemons = plan.networksOf.slice(0, running).map((_, daemon) =>
      new DaemonProcess({
        directory: `${directory}/${daemon}`,
        kvStore: etcd.url,
        hostName: hostName(daemon),
        address: underlayOf(daemon),
        containers: Array.from(
          { length: plan.containersOf[daemon]! },
          (_, container) => containerId(daemon, container),
        ),
      })
    );
  }

  /**
   * An etcd with all in it, and daemons that are yet to be started.
   *
   * @param running how many of them there are; the others' records are in the store all the same
   */
  static async create(plan: Plan, running = plan.daemons): Promise<SimulatedCluster> {
    await using stack = new AsyncDisposableStack();
    const etcd = stack.use(await startEtcd());
    const directory = await Deno.makeTempDir({ prefix: "netsvc-test-" });
    stack.defer(() => Deno.remove(directory, { recursive: true }));
    await using store = await openStore(etcd.url, { stateDir: directory, env: {} });
    await seedShared(store, plan);
    for (let daemon = 0; daemon < running; daemon++) {
      await seedLocal(`${directory}/${daemon}`, plan, daemon);
    }
    stack.move();
    return new SimulatedCluster(plan, { etcd, directory, running });
  }

  /** Endpoints on other hosts that a daemon is to know. */
  expected(daemon: number): string[] {
    return this.plan.networksOf[daemon]!.flatMap((network) =>
      this.plan.servicesOf[network]!.flatMap((service, i) =>
        service.daemon === daemon ? [] : [serviceId(network, i)]
      )
    );
  }

  /**
   * Waits until every daemon has told its driver all it should; returns when the last one had (Unix
   * time in milliseconds).
   *
   * @throws when it takes too long, or somebody knows what he shouldn't
   */
  async converged(): Promise<number> {
    const deadline = Date.now() + DEADLINE_MS;
    let last = 0;
    for (const [i, daemon] of this.daemons.entries()) {
      const expected = this.expected(i);
      while (true) {
        const { seen } = await daemon.report();
        const missing = expected.filter((id) => seen[id] === undefined);
        const extra = Object.keys(seen).length - (expected.length - missing.length);
        if (missing.length === 0 && extra === 0) {
          last = Math.max(last, ...Object.values(seen));
          break;
        }
        if (Date.now() > deadline) {
          throw new Error(
            `${daemon.settings.hostName}: ${missing.length} endpoints are missing, ${extra} too ` +
              `many\n${daemon.log}`,
          );
        }
        await new Promise((resolve) => setTimeout(resolve, 500));
      }
    }
    return last;
  }

  /** Other daemons on a network. */
  othersOn(network: number, daemon: number): DaemonProcess[] {
    return this.plan.membersOf[network]!.filter((member) => member !== daemon)
      .map((member) => this.daemons[member]!);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.daemons.map((daemon) => daemon[Symbol.asyncDispose]()));
    await this.etcd[Symbol.asyncDispose]();
    await Deno.remove(this.#directory, { recursive: true });
  }
}
