/**
 * Work on many items of a reconcile.
 *
 * @module
 */
import type { ReconcileReport } from "../driver.ts";

/** Items worked on at once. */
const AT_ONCE = 8;

/** Runs `action` for all items, some at a time; failures go into the report. */
export async function forAll<T>(
  items: T[],
  report: ReconcileReport,
  action: (item: T) => Promise<void>,
): Promise<void> {
  const queue = [...items];
  const worker = async () => {
    for (let item = queue.shift(); item !== undefined; item = queue.shift()) {
      await action(item).catch((error) => report.failed.push(error));
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
}
