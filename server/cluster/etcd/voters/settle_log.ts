/**
 * Has an etcd put its log so far into a snapshot. etcd 3.7 can't read some entries that 3.5 has written and dies of them
 * at each start, so none may be left to replay before another version takes over; where little is written, etcd makes no
 * snapshot for months.
 *
 * @module
 */
import { EtcdMembers } from "../../../../kv/etcd/admin/members.ts";
import type { AdminChannels } from "../../../../kv/etcd/admin/admin_calls.ts";
import type { Store } from "../../../../kv/store.ts";
import type { Endpoint } from "../../../../kv/url/url_parts.ts";
import { NetsvcError } from "../../../../lib/api/errors.ts";
import { sleep } from "../../../../lib/async/sleep.ts";
import type { EtcdChild } from "../etcd_child.ts";
import { snapshotIndex } from "../snapshot_index.ts";
import { isSameMinor, parseVersion } from "../version.ts";

/** A key that is put and removed again: each is an entry of the log. */
const FILL_KEY = "restart-fill";
/** Entries at once. */
const BATCH = 50;
/** More than any etcd that netsvc has started needs for a snapshot: 10000 of the first ones. */
const MOST = 12_000;
const SETTLE_MS = 90_000;
/** The snapshot is written beside the log. */
const PAUSE_MS = 20;

/** What {@linkcode settleLog} works with. */
export interface SettleOptions {
  child: EtcdChild;
  store: Store;
  open: () => AdminChannels | Promise<AdminChannels>;
  /** Where this host's etcd listens. */
  at: Endpoint;
}

/** Whether a restart would take another minor version, from which there is no way back. */
export async function changesMinor(child: EtcdChild): Promise<boolean> {
  const runs = parseVersion(child.version ?? "");
  return runs !== undefined && !isSameMinor(runs, (await child.findProgram()).version);
}

/** @throws {NetsvcError} `conflict` where it makes no snapshot, with what to do */
export async function settleLog({ child, store, open, at }: SettleOptions): Promise<void> {
  using channels = await open();
  const { index } = await new EtcdMembers(channels).status(at);
  const end = Date.now() + SETTLE_MS;
  try {
    let written = 0;
    while (await snapshotIndex(child.data) < index) {
      if (Date.now() > end) throw refusal();
      if (written < MOST) {
        await Promise.all(Array.from(
          { length: BATCH },
          () => store.commit({ puts: [{ key: FILL_KEY, value: "" }] }),
        ));
        written += BATCH;
      }
      await sleep(PAUSE_MS);
    }
  } finally {
    await store.commit({ deletes: [FILL_KEY] }).catch(() => {}); // It means nothing.
  }
}

function refusal(): NetsvcError {
  return new NetsvcError(
    "conflict",
    "This host's etcd makes no snapshot of its log, so another version might not be able to read it; nothing was " +
      "changed. Save the cluster (netsvc cluster backup FILE), leave it (-f), init it anew and restore -f FILE",
  );
}
