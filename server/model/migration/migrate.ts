/**
 * Brings a store's records into the form that this netsvc knows. Each service is one transaction, so that
 * a crash at any point leaves every object in the old form or in the new one, and doing it again goes on
 * from there; that it is done is written last.
 *
 * @module
 */
import type { Entry, Store } from "../../../kv/store.ts";
import { NetsvcError } from "../../../lib/api/errors.ts";
import { keys } from "../keys.ts";
import { parsed, RecordType, versionOf } from "../repository/record_type.ts";
import { z } from "zod";
import { serviceRecords } from "../repository/services.ts";
import { separated } from "./form_1.ts";

/** The form of what this netsvc writes. */
export const FORM = 2;
/** Services in one transaction: each is one check and two puts. */
const BATCH = 20;
/** Rounds in which another host was faster, before it is an error. */
const MAX_ROUNDS = 12;

const forms = new RecordType("form", 1, z.object({ form: z.number() }));

/** What is used of a store. */
type Migrated = Pick<Store, "get" | "list" | "commit">;

/**
 * The form that a store says of itself; `undefined`: it says none, and is of form 1, or empty.
 *
 * @throws {NetsvcError} `unsupported`: a newer netsvc's
 */
export async function formOf(store: Pick<Store, "get">): Promise<number | undefined> {
  const entry = await store.get(keys.form);
  if (!entry) return undefined;
  const form = forms.parse(entry.value)?.form;
  if (form !== undefined && form <= FORM) return form;
  throw new NetsvcError(
    "unsupported",
    "The store's records are in the form of a newer netsvc; upgrade this host",
  );
}

/**
 * Migrates a store; does nothing where that is done.
 *
 * @returns how many services there were to migrate
 */
export async function migrate(store: Migrated): Promise<number> {
  if (await formOf(store) === FORM) return 0;
  let done = 0;
  for (let round = 0; round < MAX_ROUNDS; round++) {
    const old = (await store.list(keys.services)).flatMap((entry) => {
      const puts = separated(entry);
      return puts ? [{ entry, puts }] : [];
    });
    if (old.length === 0) {
      const put = { key: keys.form, value: forms.write({ form: FORM }) };
      // Whether this host writes it or another one is the same.
      await store.commit({ checks: [{ key: keys.form, revision: null }], puts: [put] });
      return done;
    }
    for (let i = 0; i < old.length; i += BATCH) {
      const batch = old.slice(i, i + BATCH);
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

/** Newest versions of what a host's own store holds, where that isn't the first. */
const VERSIONS: Record<string, number> = { services: serviceRecords.version };

/**
 * Migrates a host's own store. One in which a newer netsvc has written is refused: what that one made would
 * be taken for leftovers.
 *
 * @throws {NetsvcError} `unsupported`
 */
export async function migrateLocal(store: Migrated): Promise<void> {
  const newer = (await store.list("")).find(({ key, value }) =>
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

/** Entries of a copy of a store, by prefix, in the form that this netsvc knows. Pure. */
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
