/**
 * The name of this host in the store; each name belongs to one host.
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

/** A host's claim to a name. */
export interface NameClaim {
  self: HostRecord;
  lease: Lease;
  /** The name that this daemon last registered the host under, if it has. */
  before: string | undefined;
}

/**
 * Puts the host's record, its name and the key with its lease.
 *
 * @throws {NameTaken} while another living host has the name; {NetsvcError} `conflict`
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
  // The previous daemon may have run under another name.
  const former = before ?? (await hostRecords.get(store, self.id))?.name;
  if (former !== undefined && former.toLowerCase() !== self.name.toLowerCase()) {
    // The name that this host used meanwhile; another host may own it by now.
    const owned = await hostRecords.ownerOf(store, former);
    if (owned.id === self.id) parts.push(hostRecords.removeName(former, owned));
  }
  const transaction = together(...parts);
  const result = await mirror.commit(transaction);
  if (result.ok) return;
  throw new NetsvcError("conflict", `The host name "${self.name}" was taken at the same time`);
}
