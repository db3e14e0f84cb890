/**
 * Ends an alarm by what has raised it: a store that is full is compacted, its files made smaller.
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
import type { AdminChannels } from "../../../../kv/etcd/admin/admin_calls.ts";
import type { RawAlarm } from "../../../../kv/etcd/admin/admin_proto.ts";
import type { EtcdMembers } from "../../../../kv/etcd/admin/members.ts";
import { errorChain } from "../../../../lib/api/errors.ts";
import type { VotingHost } from "./observed.ts";

const log = getLogger(["netsvc", "cluster"]);

/** A member may take so long to give its space back, in milliseconds. */
const DEFRAGMENT_MS = 60_000;
/** Alarms are looked at for the sake of these; a member with other data than the rest is a human's to mend. */
const MENDABLE = "NOSPACE";

let told = "";

/** Mends what can be mended. */
export async function mendAlarm(
  { channels, members, hosts }: {
    channels: AdminChannels;
    members: EtcdMembers;
    hosts: readonly VotingHost[];
  },
  alarm: RawAlarm,
): Promise<void> {
  if (alarm.alarm !== MENDABLE) {
    const what = `${alarm.alarm} of member ${alarm.memberID}`;
    if (told !== what) log.error("etcd raises the alarm {what}; see docs/cluster.md", { what });
    told = what;
    return;
  }
  log.error("The cluster's store is full; removing what is old from it");
  const { header } = await channels.call("KV/Range", {
    key: new Uint8Array([0]),
    count_only: true,
  });
  try {
    await channels.call("KV/Compact", { revision: header.revision, physical: true }, {
      ms: 60_000,
    });
  } catch (error) {
    // Nothing has been written since the last time.
    if (!/has been compacted/.test(errorChain(error).join(": "))) throw error;
  }
  for (const { name } of await members.list()) {
    const host = hosts.find(({ id }) => id === name);
    if (host?.up) await members.defragment(host.client, DEFRAGMENT_MS);
  }
  await members.disarm(alarm);
  log.info("The cluster's store takes changes again");
}
