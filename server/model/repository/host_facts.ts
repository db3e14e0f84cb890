/**
 * What a daemon stores about its host: its identity, where it runs, what its doctor writes to measure how long a
 * write takes, and what plugins were asked for.
 *
 * @module
 */
import type { Lease, Store, Transaction } from "../../../kv/store.ts";
import { keys } from "../keys.ts";
import type { Mirror } from "../mirror.ts";
import { parsed } from "./record_type.ts";

type Local = Pick<Mirror, "get" | "list" | "commit">;

/** Facts of a host, each a text under a key of its own. */
export const HOST_FACTS = {
  /** This host's id, for as long as its state directory lives. */
  id: keys.hostId,
  /** Directory in which this host's containers live. */
  runDir: keys.runDir,
  /** The machine, and the place on it, in which the last daemon ran. */
  instance: keys.hostInstance,
  /** The host's random IPv6 global id (RFC 4193, 3.2.2). */
  globalId: keys.globalId,
} as const;
/** Name of a fact. */
export type HostFact = keyof typeof HOST_FACTS;

/** The facts of this host in its own store. */
export const hostFacts = {
  get: (local: Local, fact: HostFact): string | undefined => local.get(HOST_FACTS[fact])?.value,
  put: (fact: HostFact, value: string): Transaction => ({
    puts: [{ key: HOST_FACTS[fact], value }],
  }),
  /** Puts a fact that doesn't exist yet. */
  create: (fact: HostFact, value: string): Transaction => ({
    checks: [{ key: HOST_FACTS[fact], revision: null }],
    puts: [{ key: HOST_FACTS[fact], value }],
  }),
};

/** What a doctor writes and deletes to measure how long a write takes. */
export const doctorRecords = {
  get: (store: Pick<Store, "get">, host: string) => store.get(keys.doctor(host)),
  put: (host: string, lease?: Lease): Transaction => ({
    puts: [{ key: keys.doctor(host), value: "{}", ...lease && { lease } }],
  }),
  delete: (host: string): Transaction => ({ deletes: [keys.doctor(host)] }),
};

/** What plugins were asked for, until it is known whether they did it; only this daemon writes it. */
export const intentRecords = {
  put: (id: string, intent: object): Transaction => ({
    puts: [{ key: keys.pluginIntent(id), value: JSON.stringify(intent) }],
  }),
  delete: (ids: string[]): Transaction => ({ deletes: ids.map((id) => keys.pluginIntent(id)) }),
  get<T>(local: Local, id: string): T | undefined {
    const entry = local.get(keys.pluginIntent(id));
    return entry && parsed(entry.value) as T;
  },
  all: <T>(local: Local): [id: string, intent: T][] =>
    local.list(keys.pluginIntents).map(({ key, value }) => [
      key.slice(keys.pluginIntents.length),
      parsed(value) as T,
    ]),
};
