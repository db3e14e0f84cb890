/**
 * Stores in the form of netsvc at commit 8f9bd48: from a fixture that it wrote, and from what is in a store
 * of this netsvc.
 *
 * @module
 */
import { openLocalStore } from "../../kv/local/local_store.ts";
import type { Put, Store } from "../../kv/store.ts";
import { keys } from "../../server/model/keys.ts";
import { serviceRecords } from "../../server/model/repository/services.ts";

/** Writes a host's own store. */
export async function writeLocal(stateDir: string, puts: Put[]): Promise<void> {
  await using store = await openLocalStore(stateDir);
  for (let i = 0; i < puts.length; i += 50) await store.commit({ puts: puts.slice(i, i + 50) });
}

/**
 * Brings a store back to the form that netsvc had at commit 8f9bd48, as if it had never had another one.
 *
 * @returns how many services it has
 */
export async function backToForm1(store: Store): Promise<number> {
  const services = await serviceRecords.list(store);
  for (const { record } of services) {
    const { mode: _, ...old } = record;
    await store.commit({
      puts: [{ key: keys.service(old.network, old.id), value: JSON.stringify(old) }],
      deletes: [keys.endpoint(old.network, old.id)],
    });
  }
  for (const { key, value } of await store.list("")) {
    if (key.startsWith(keys.services) || !value.startsWith("{")) continue;
    const { v, form: _, ...fields } = JSON.parse(value);
    if (v !== undefined) await store.commit({ puts: [{ key, value: JSON.stringify(fields) }] });
  }
  await store.commit({ deletes: [keys.form] });
  return services.length;
}

/** The same of a host's own store, whose daemon is stopped. */
export async function backToForm1Locally(stateDir: string): Promise<number> {
  await using store = await openLocalStore(stateDir);
  return await backToForm1(store);
}
