/**
 * Checks whether the kernel matches the store. The check repairs and reports differences, which the daemon
 * would repair within half a minute anyway.
 *
 * @module
 */
import type { Finding } from "../../../lib/api/types.ts";
import type { CheckContext } from "../check.ts";
import { findingsOf } from "../finding.ts";

const { ok, warning, problem, skipped } = findingsOf("state");

/** Checks links, namespaces, rules and sandboxes. */
export async function checkState({ context, reconciler }: CheckContext): Promise<Finding[]> {
  const { mended, failed } = await reconciler.runThoroughly();
  const { networks, containers } = context.state;
  const findings = [
    ...mended.map((line) =>
      warning(
        `The kernel wasn't as the store says, and is again: ${line}`,
        "Nothing is left to do; if it comes back, look for a program that changes netsvc's links, " +
          "namespaces or rules",
      )
    ),
    ...failed.map((line) =>
      problem(
        `The kernel isn't as the store says: ${line}`,
        "See to what it names; the daemon tries again every 30 s",
      )
    ),
    ...context.cluster.loaded() ? [] : [
      skipped(
        "What this host has of global networks isn't known before the store answers for the first time",
      ),
    ],
  ];
  return findings.length > 0 ? findings : [
    ok(
      `Links, namespaces, rules and peers of ${networks.size} networks and ${containers.size} ` +
        `containers are as the store says`,
    ),
  ];
}
