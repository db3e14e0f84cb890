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
import type { Encryption } from "./encryption/encryption.ts";
import type { Membership } from "./membership.ts";
import type { Vteps } from "./vteps.ts";

/** The parts of the cluster's side. */
export interface Cluster {
  readonly membership: Membership;
  readonly interests: Interests;
  readonly directory: Directory;
  readonly vteps: Pick<Vteps, "faultOf" | "refused">;
  /** This host's part in encrypted networks; absent without a kernel. */
  readonly encryption?: Pick<Encryption, "keyOf" | "peers" | "refused" | "rotateAll">;
  /** Whether it is known what this host backs. */
  loaded(): boolean;
}

/**
 * What the transaction that gives a service of a global network a backend on this host checks and writes besides
 * its own records: that this host is alive on the network, and that a host that has returned keeps its backends.
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
