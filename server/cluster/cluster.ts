/**
 * What the controllers need of the cluster.
 *
 * @module
 */
import { memberRecords } from "../model/repository/hosts.ts";
import type { ServiceRecord } from "../model/records.ts";
import type { Fragment } from "../model/transaction.ts";
import type { Directory } from "../model/shared/directory.ts";
import type { Interests } from "../model/shared/subscriptions.ts";
import type { Membership } from "./membership.ts";
import type { Vteps } from "./vteps.ts";

/** The parts of the cluster's side. */
export interface Cluster {
  readonly membership: Membership;
  readonly interests: Interests;
  readonly directory: Directory;
  readonly vteps: Pick<Vteps, "faultOf" | "refused">;
  /** Whether it is known what this host backs. */
  loaded(): boolean;
}

/**
 * What goes into the transaction that gives a service of a global network a backend on this host, besides
 * its own records: the host is alive there. A host that is back by now keeps what it backs.
 *
 * @param before the service with the backend that is replaced, of a host that is gone
 */
export function hostedHere(
  { membership, hostId }: { membership: Pick<Membership, "memberPut">; hostId: string },
  { network, backend }: ServiceRecord,
): Fragment {
  const gone = backend && backend.hostId !== hostId
    ? [memberRecords.gone(network, backend.hostId)]
    : [];
  return { checks: gone, puts: [membership.memberPut(network)], deletes: [] };
}
