/**
 * Services that were unpublished: one of the same name gets the same addresses again.
 *
 * @module
 */
import { keys } from "../../model/keys.ts";
import type { Mirror } from "../../model/mirror.ts";
import type { RetiredRecord } from "../../model/records.ts";

/** Unpublished services remembered per network; beyond it the oldest are forgotten. */
const MAX_RETIRED = 1024;

/** What a service of a name had. */
export function retiredService(
  mirror: Pick<Mirror, "get">,
  { network, name }: { network: string; name: string },
): RetiredRecord | undefined {
  const entry = mirror.get(keys.retired(network, name));
  return entry && JSON.parse(entry.value);
}

/** Those of a network. */
export function retiredServices(mirror: Pick<Mirror, "list">, network: string): RetiredRecord[] {
  return mirror.list(keys.retiredOf(network)).map(({ value }) => JSON.parse(value));
}

/** Keys of the longest retired services beyond the bound, a few at a time. */
export function overflow(
  mirror: Pick<Mirror, "list">,
  { network, name }: { network: string; name: string },
): string[] {
  const entries = mirror.list(keys.retiredOf(network));
  if (entries.length < MAX_RETIRED) return [];
  return entries
    .sort((a, b) => a.revision < b.revision ? -1 : 1)
    .slice(0, 16).map(({ key }) => key)
    .filter((key) => key !== keys.retired(network, name));
}
