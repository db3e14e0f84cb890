/**
 * The name of this host in the store, which one host has.
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
import type { Lease, Transaction } from "../../kv/store.ts";
import type { Mirror } from "../model/mirror.ts";
import { hostRecords } from "../model/repository/hosts.ts";
import { together } from "../model/transaction.ts";
import type { HostRecord } from "../model/records.ts";
import { NetsvcError } from "../../lib/api/errors.ts";
import { shortId } from "../../lib/api/names.ts";
import { NameTaken } from "./twins.ts";

const log = getLogger(["netsvc", "cluster"]);

/** A name that a host takes. */
export interface NameClaim {
  self: HostRecord;
  lease: Lease;
  /** The name that it had, where this daemon has registered it before. */
  before: string | undefined;
}

/**
 * Puts the host's record, its name and its lease's key.
 *
 * @throws {NameTaken} while another host that has it lives; {NetsvcError} `conflict`
 */
export async function claimName(mirror: Mirror, { self, lease, before }: NameClaim): Promise<void> {
  const { store } = mirror;
  const owner = await hostRecords.ownerOf(store, self.name);
  const parts: Transaction[] = [hostRecords.claim(self, owner, lease)];
  if (owner.id !== undefined && owner.id !== self.id) {
    if (await hostRecords.isAlive(store, owner.id)) throw new NameTaken(self.name, owner.id);
    parts.push(hostRecords.gone(owner.id), hostRecords.remove(owner.id));
    log.info("Took the name of host {other}, which is gone", { other: shortId(owner.id) });
  }
  // The last daemon may have been given another one.
  const former = before ?? (await hostRecords.get(store, self.id))?.name;
  if (former !== undefined && former.toLowerCase() !== self.name.toLowerCase()) {
    // The name that this host had meanwhile; its own may be another's.
    const owned = await hostRecords.ownerOf(store, former);
    if (owned.id === self.id) parts.push(hostRecords.removeName(former, owned));
  }
  const transaction = together(...parts);
  const result = await mirror.commit(transaction);
  if (result.ok) return;
  throw new NetsvcError("conflict", `The host name "${self.name}" was taken at the same time`);
}
