/**
 * Retired names, of unpublished services, by network: a later service with the name gets the addresses again, and
 * other services don't get them for a while.
 *
 * @module
 */
import type { Entry, Transaction } from "../../../kv/store.ts";
import { shortId } from "../../../lib/api/names.ts";
import { keys } from "../keys.ts";
import type { RetiredRecord, ServiceRecord } from "../records.ts";
import { RecordType } from "./record_type.ts";
import { Retired } from "./shapes.ts";

const retired = new RecordType("retired service", 1, Retired);
/** Unpublished services remembered per network, at most; the oldest are forgotten first. */
const MAX_RETIRED = 1024;
/** How many are forgotten at most when one is added. */
const FORGOTTEN_AT_ONCE = 16;

/** A copy of the store. */
interface Copy {
  get(key: string): Entry | undefined;
  list(prefix: string): Entry[];
}

/**
 * What the addresses of one endpoint among many are remembered under: a container that comes back gets them again.
 * Pure.
 */
export function partName({ of, container }: { of: string; container: string }): string {
  return `${shortId(of)}-${shortId(container)}`;
}

/** Records of unpublished services. */
export const retiredRecords = {
  get: (copy: Copy, network: string, name: string): RetiredRecord | undefined =>
    retired.parse(copy.get(keys.retired(network, name))?.value),

  of: (copy: Copy, network: string): RetiredRecord[] =>
    retired.readAll(copy.list(keys.retiredOf(network))),

  /** Remembers a service, and forgets the oldest beyond the bound, a few at a time. */
  put(copy: Copy, service: ServiceRecord, when: string): Transaction {
    const { network, addresses, mac } = service;
    if (mac === "") return {}; // It had none: a service with many backends.
    const { name, of, backend } = service;
    const as = of === undefined ? name : partName({ of, container: backend!.container });
    const key = keys.retired(network, as);
    const others = copy.list(keys.retiredOf(network));
    const oldest = others.length < MAX_RETIRED
      ? []
      : others.sort((a, b) => a.revision < b.revision ? -1 : 1).slice(0, FORGOTTEN_AT_ONCE);
    return {
      puts: [{ key, value: retired.write({ addresses, mac, retired: when }) }],
      deletes: oldest.map((entry) => entry.key).filter((other) => other !== key),
    };
  },

  /** Forgets a name, where it is remembered. */
  forget(copy: Copy, network: string, name: string): Transaction {
    const key = keys.retired(network, name);
    return { deletes: copy.get(key) ? [key] : [] };
  },
};
