/**
 * The suite that every driver passes, on the real kernel. A driver's test calls
 * {@linkcode driverConformance} once.
 *
 * @module
 */
import type { Cases, DriverUnderTest } from "./case.ts";
import { joins } from "./joins.ts";
import { networks } from "./networks.ts";
import { reconcile } from "./reconcile.ts";
import type { DriverCapabilities } from "../driver.ts";

export type { DriverUnderTest } from "./case.ts";

/** Groups of cases, and why a driver may be let off one. */
const GROUPS: { cases: Cases; skip: (driver: DriverCapabilities) => string | undefined }[] = [
  { cases: networks, skip: () => undefined },
  ...[joins, reconcile].map((cases) => ({
    cases,
    skip: ({ addresses }: DriverCapabilities) =>
      addresses ? undefined : "its networks have no links",
  })),
];

/**
 * Registers the suite as tests named `NAME: …`.
 *
 * @param open gives the driver on an empty host to each case; the suite disposes of it
 * @param skips titles of cases that can't hold for this driver, with the reason
 */
export function driverConformance(
  driver: { name: string; capabilities: DriverCapabilities },
  open: () => Promise<DriverUnderTest>,
  skips: Record<string, string> = {},
): void {
  for (const title of Object.keys(skips)) {
    if (!GROUPS.some(({ cases }) => title in cases)) throw new Error(`There is no case "${title}"`);
  }
  for (const { cases, skip } of GROUPS) {
    const all = skip(driver.capabilities);
    for (const [title, run] of Object.entries(cases)) {
      // What can't hold is no case of this driver's: it isn't there to be skipped.
      if ((all ?? skips[title]) !== undefined) continue;
      Deno.test(`${driver.name}: ${title}`, async () => {
        await using subject = await open();
        await run(subject);
      });
    }
  }
}
