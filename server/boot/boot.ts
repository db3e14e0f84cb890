/**
 * What all steps of the daemon's start are given.
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
  /** The machine's; where it has none, one that nothing is run with. */
  readonly runner: Runner;
  readonly metrics: Metrics;
  readonly plugins: Plugins;
  /** What is closed in the end, last opened first, and where a step of the start fails. */
  readonly stack: AsyncDisposableStack;
}

/** Looks at the machine; nothing is touched. @throws {NetsvcError} where it can't be netsvc's */
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
    async [Symbol.asyncDispose]() {
      plugins.close(); // First: nothing that is closed then waits for a plugin.
      await stack.disposeAsync();
    },
  };
}
