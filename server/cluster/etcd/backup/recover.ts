/**
 * Makes a voter the only one, when the others are gone for good: with what it has.
 *
 * @module
 */
import type { AdminChannels } from "../../../../kv/etcd/admin/admin_calls.ts";
import { EtcdMembers } from "../../../../kv/etcd/admin/members.ts";
import { NetsvcError } from "../../../../lib/api/errors.ts";
import { sleep } from "../../../../lib/async/sleep.ts";
import type { EtcdMember } from "../arguments.ts";
import type { EtcdChild } from "../etcd_child.ts";

/** Time until it serves by itself, in milliseconds. */
const SERVE_MS = 60_000;
const POLL_MS = 200;

/** What {@linkcode recoverAlone} works with. */
export interface RecoverOptions {
  child: EtcdChild;
  /** Opens connections to this voter alone. */
  open: () => AdminChannels | Promise<AdminChannels>;
}

/**
 * Has this host's etcd forget all other members, and waits until it serves. The others must never come back as they
 * were: two of three would still think that they are the cluster.
 *
 * @throws {NetsvcError} `invalid` where this host has no data of a vote
 */
export async function recoverAlone(
  member: EtcdMember,
  { child, open }: RecoverOptions,
): Promise<void> {
  if (!await child.hasData()) {
    throw new NetsvcError(
      "invalid",
      "This host has no vote and so nothing to recover from; use a host that has one, or: netsvc cluster restore FILE",
    );
  }
  await child.findProgram(); // Before anything ends.
  await child.stop();
  await child.start({ ...member, existing: true, alone: true });
  await serves(member, open);
  // Whoever starts it from now on must not have it forget others again.
  await child.stop();
  await child.start({ ...member, existing: true });
  await serves(member, open);
}

/** Waits until it serves, alone. */
async function serves(member: EtcdMember, open: RecoverOptions["open"]): Promise<void> {
  const end = Date.now() + SERVE_MS;
  while (Date.now() < end) {
    using channels = await open();
    const members = new EtcdMembers(channels);
    const status = await members.status(member.client, 1_000).catch(() => undefined);
    if (status?.leader === status?.id && status?.leader !== undefined) return;
    await sleep(POLL_MS);
  }
  throw new NetsvcError("timeout", "The etcd of this host doesn't serve; see its log");
}
