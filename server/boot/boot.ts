/**
 * What every step of the daemon's start gets: plan, machine, metrics, and the stack of what to close.
 *
 * @module
 */
import { Plugins } from "../../drivers/remote/plugin/plugins.ts";
import { Runner } from "../../lib/linux/tools/runner.ts";
import { Metrics } from "../http/metrics.ts";
import type { MachineOptions } from "../machine/linux_machine.ts";
import type { Machine } from "../machine/machine.ts";
import type { StartPlan } from "./open/plan.ts";

/** Opens the machine that a daemon runs on. */
export type OpenMachine = (options: MachineOptions) => Promise<Machine>;

/** What the daemon starts with. */
export interface Boot {
  /** The settings, checked. */
  readonly plan: StartPlan;
  readonly machine: Machine;
  /** The machine's; on a machine without one, a runner that no tool is run with. */
  readonly runner: Runner;
  readonly metrics: Metrics;
  readonly plugins: Plugins;
  /** Has the daemon end and begin again, in the same process. */
  readonly restart: PromiseWithResolvers<void>;
  /** Closes everything that was opened, last opened first: at the end, or when a step of the start fails. */
  readonly stack: AsyncDisposableStack;
}

/** Inspects the machine without changing it. @throws {NetsvcError} if netsvc cannot run on the machine */
export async function openBoot(
  plan: StartPlan,
  openMachine: OpenMachine,
): Promise<Boot & AsyncDisposable> {
  const metrics = new Metrics();
  const machine = await openMachine({
    flags: plan.settings,
    peers: plan.storeUrl.endpoints.map(({ host }) => host),
    onRun: (tool, ms) => metrics.tool(tool, ms),
  });
  const { runner = new Runner() } = machine;
  const plugins = new Plugins({ places: plan.places });
  const stack = new AsyncDisposableStack();
  stack.defer(() => runner.close());
  return {
    plan,
    machine,
    runner,
    metrics,
    plugins,
    stack,
    restart: Promise.withResolvers<void>(),
    async [Symbol.asyncDispose]() {
      plugins.close(); // First, which aborts plugin calls: what closes next doesn't wait for a plugin.
      await stack.disposeAsync();
    },
  };
}
