/**
 * Migrates a store's records to the form that this netsvc knows. Each service is migrated in one transaction, so that a
 * crash at any point leaves every object in the old form or in the new one, and a second run continues from there;
 * the store's form is written last.
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
import type { Entry, Put, Store } from "../../../kv/store.ts";
import { NetsvcError } from "../../../lib/api/errors.ts";
import { keys } from "../keys.ts";
import { parsed, RecordType, versionOf } from "../repository/record_type.ts";
import { z } from "zod";
import { serviceRecords } from "../repository/services.ts";
import { separated } from "./form_1.ts";

const log = getLogger(["netsvc", "store"]);
/** The form that this netsvc writes. */
export const FORM = 2;
/** Services in one transaction: each is one check and two puts. */
const BATCH = 20;
/** Characters of services in one transaction, at most about. */
const BATCH_LENGTH = 200_000;
/** Rounds that another host may win before the migration fails. */
const MAX_ROUNDS = 12;

const forms = new RecordType("form", 1, z.object({ form: z.int().min(1) }));

/** The operations of a store, or of the copy of one, that a migration needs. */
interface Migrated extends Pick<Store, "commit"> {
  get(key: string): Entry | undefined | Promise<Entry | undefined>;
  list(prefix: string): Entry[] | Promise<Entry[]>;
}

/** The form that a store states, and the revision of that record; `null` when there is none. */
interface Said {
  form?: number;
  revision: string | null;
}

/** What isn't a valid form record counts as absent: netsvc didn't write it. */
async function saidBy(store: Pick<Migrated, "get">): Promise<Said> {
  const entry = await store.get(keys.form);
  if (!entry) return { revision: null };
  const { value, revision } = entry;
  const form = forms.parse(value)?.form;
  if (versionOf(parsed(value)) > forms.version || (form ?? 0) > FORM) {
    throw new NetsvcError(
      "unsupported",
      "The store's records are in the form of a newer netsvc; upgrade this host",
    );
  }
  if (form !== undefined) return { form, revision };
  log.warn("The record {key} of the store is no form of records: it is written anew", {
    key: JSON.stringify(keys.form),
  });
  return { revision };
}

/**
 * The form that a store states; `undefined` when it states none, and is of form 1, or empty.
 *
 * @throws {NetsvcError} `unsupported` when it is a newer netsvc's
 */
export async function formOf(store: Pick<Migrated, "get">): Promise<number | undefined> {
  return (await saidBy(store)).form;
}

/** A service of form 1, and the records that it becomes. */
interface Old {
  entry: Entry;
  puts: Put[];
}

/** Groups services by what one transaction of any store can hold. */
function batches(old: Old[]): Old[][] {
  const all: Old[][] = [];
  let length = 0;
  for (const one of old) {
    const { length: more } = one.entry.value;
    const last = all.at(-1);
    if (last && last.length < BATCH && length + more <= BATCH_LENGTH) {
      last.push(one);
      length += more;
    } else {
      all.push([one]);
      length = more;
    }
  }
  return all;
}

/**
 * Migrates a store; does nothing to one that is migrated.
 *
 * @param admits whether a migrated record may be written; if not, the service is left alone
 * @returns how many services there were to migrate
 */
export async function migrate(
  store: Migrated,
  admits: (put: Put) => boolean = () => true,
): Promise<number> {
  const { form, revision } = await saidBy(store);
  if (form === FORM) return 0;
  let done = 0;
  for (let round = 0; round < MAX_ROUNDS; round++) {
    const old = (await store.list(keys.services)).flatMap((entry) => {
      const puts = separated(entry);
      return puts?.every(admits) ? [{ entry, puts }] : [];
    });
    if (old.length === 0) {
      const put = { key: keys.form, value: forms.write({ form: FORM }) };
      // It doesn't matter whether this host or another one writes it.
      await store.commit({ checks: [{ key: keys.form, revision }], puts: [put] });
      return done;
    }
    for (const batch of batches(old)) {
      const outcome = await store.commit({
        checks: batch.map(({ entry: { key, revision } }) => ({ key, revision })),
        puts: batch.flatMap(({ puts }) => puts),
      });
      if (outcome.ok) done += batch.length;
    }
  }
  throw new NetsvcError(
    "conflict",
    "Another daemon keeps changing the services that are to be migrated; stop it, and try again",
  );
}

/** Newest versions of records in a host's own store, where they aren't 1. */
const VERSIONS: Record<string, number> = serviceRecords.versions;

/**
 * Migrates a host's own store. A store in which a newer netsvc has written is refused: its objects would be taken for
 * leftovers.
 *
 * @throws {NetsvcError} `unsupported`
 */
export async function migrateLocal(store: Migrated): Promise<void> {
  const newer = (await store.list("")).find(({ key, value }) =>
    // A text has no version: most entries are the id of what has a name or an address.
    !value.startsWith('"') &&
    versionOf(parsed(value)) > (VERSIONS[key.slice(0, key.indexOf("/"))] ?? 1)
  );
  if (newer) {
    throw new NetsvcError(
      "unsupported",
      `A newer netsvc has written ${JSON.stringify(newer.key.slice(0, 120))} into this host's ` +
        `store; start that one, or an even newer one`,
    );
  }
  await migrate(store);
}

/** A copy's entries, by prefix, in the form that this netsvc knows. Pure. */
export function migrated(copy: Map<string, Entry[]>): Map<string, Entry[]> {
  const all = new Map<string, Entry[]>();
  const add = (prefix: string, entries: Entry[]) =>
    all.set(prefix, [...all.get(prefix) ?? [], ...entries]);
  for (const [prefix, entries] of copy) {
    if (!prefix.startsWith(keys.services)) {
      add(prefix, entries);
      continue;
    }
    const now = entries.flatMap((entry) =>
      separated(entry)?.map(({ key, value }) => ({ key, value, revision: entry.revision })) ?? entry
    );
    const network = prefix.slice(keys.services.length, -1);
    add(prefix, now.filter(({ key }) => key.startsWith(keys.services)));
    add(keys.endpointsOf(network), now.filter(({ key }) => key.startsWith(keys.endpoints)));
  }
  return all;
}
