/**
 * Runs an action on many items of a reconcile.
 *
 * @module
 */
import { forEachPooled } from "../../lib/async/pool.ts";
import type { ReconcileReport } from "../driver.ts";

/** Items worked on at once. */
const AT_ONCE = 8;

/**
 * Runs `action` for all items, some at a time.
 *
 * @param work `report`: where failures go
 */
export async function forAll<T>(
  { items, report }: { items: T[]; report: ReconcileReport },
  action: (item: T) => Promise<void>,
): Promise<void> {
  const noted = (item: T) => action(item).catch((error) => report.failed.push(error));
  await forEachPooled(items, noted, { size: AT_ONCE });
}
