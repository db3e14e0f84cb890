/**
 * Another authority in the place of the cluster's: begun, waited for, shown.
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
import { errorChain } from "../../../lib/api/errors.ts";
import type { ClusterStatus, RotatedAuthority } from "../../../lib/api/types.ts";
import type { HostInCluster } from "../../cluster/member/duties.ts";
import type { Progress } from "../../cluster/member/init.ts";
import { followRollover, rolloverStatus } from "../../cluster/member/rollover/progress.ts";

const log = getLogger(["netsvc", "cluster"]);

/**
 * Has it done, and waits until that is over.
 *
 * @param options `forget` takes the records of a host that was put out from the store
 * @throws {NetsvcError} `timeout` when it waits for others: it goes on by itself
 */
export async function changeAuthority(
  { duties, store }: Pick<HostInCluster, "duties" | "store">,
  { force, forget, progress }: {
    force: boolean;
    forget: (id: string) => Promise<unknown>;
    progress?: Progress;
  },
): Promise<RotatedAuthority> {
  const { id, expelled } = await duties.changeAuthority(force);
  for (const host of expelled) {
    await forget(host.id).catch((error) => {
      log.warn('Host {name} is out, and still listed; "netsvc host rm" forgets it: {cause}', {
        name: host.name,
        cause: errorChain(error).join(": "),
      });
    });
  }
  await followRollover(store, { id, ...progress && { progress } });
  return { id, expelled: expelled.map(({ name }) => name) };
}

/** The change that is under way; `undefined` where none is, or the store doesn't say. */
export async function shownRollover(
  store: HostInCluster["store"],
): Promise<ClusterStatus["rollover"] | undefined> {
  const found = await rolloverStatus(store).catch(() => undefined);
  if (!found) return undefined;
  const { phase, begun, waits } = found;
  return { phase, begun: new Date(begun).toISOString(), waits };
}
