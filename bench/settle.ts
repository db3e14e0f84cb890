/**
 * Waiting until the kernel has finished what came before: it takes links apart after it has answered,
 * and holds its lock (rtnl) for up to 20 ms meanwhile. Whatever is timed then is timed too long, a floor
 * as well as netsvc.
 *
 * @module
 */
import { inNamespace } from "../lib/linux/namespaces/namespace.ts";
import { BATCH_ARGS, BatchProcess } from "../lib/linux/tools/batch_process.ts";
import { time } from "./measure.ts";

/** A change that does nothing but take the lock. */
const TAKE_LOCK = ["link set dev lo up"];
/** The lock is free if it is had so often in a row within this time. */
const QUICK_MS = 1.5, TIMES = 5, PAUSE_MS = 8;
/** A machine that never gets quiet isn't waited for: its figures say so themselves. */
const PATIENCE_MS = 3000;

/** Waits for one kernel's lock; of the namespace that it is made in. */
export class Settler implements AsyncDisposable {
  readonly #process: BatchProcess;

  constructor(namespace: string) {
    this.#process = inNamespace(namespace, () =>
      new BatchProcess(
        new Deno.Command("ip", {
          args: BATCH_ARGS,
          stdin: "piped",
          stdout: "piped",
          stderr: "piped",
        }).spawn(),
      ));
  }

  /** Waits until the lock is free, time and again. */
  readonly settle = async (): Promise<void> => {
    const end = performance.now() + PATIENCE_MS;
    for (let quick = 0; quick < TIMES && performance.now() < end;) {
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
      const took = await time(() => this.#process.run(TAKE_LOCK, PATIENCE_MS));
      quick = took < QUICK_MS ? quick + 1 : 0;
    }
  };

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#process.close();
  }
}
