/**
 * The sockets of a sandbox's resolver: they are inside it and are served by the daemon. A spare socket receives the
 * queries while no daemon runs.
 *
 * @module
 */
import { closeFd } from "../../../lib/linux/libc.ts";
import { inNamespace } from "../../../lib/linux/namespaces/namespace.ts";
import { openBound } from "../../../lib/linux/sockets/bound_socket.ts";
import {
  isSpareHere,
  openSpare,
  setReusable,
  takeWaiting,
} from "../../../lib/linux/sockets/spare_socket.ts";
import { SANDBOX_RESOLVER } from "../../dns/files/resolv_conf.ts";
import type { ResolverSockets } from "../../dns/served_sandbox.ts";

const PORT = 53;
/** Most queries that waited and are answered; a socket holds about as many. */
const MAX_WAITING = 1000;

/** The sockets and, if there is one, the spare of the datagram socket. */
export interface OpenedSockets extends ResolverSockets {
  spare?: number;
  /**
   * Opens another spare, which receives the queries from now on; those that arrived before are still to be
   * answered.
   */
  standIn?: () => number;
}

/**
 * Opens the sockets inside the namespace at `path`, whose `lo` is up.
 *
 * @param kept the spare of an earlier daemon; closed if it isn't this sandbox's
 */
export function openResolverSockets(
  path: string,
  hostname: string = SANDBOX_RESOLVER,
  kept?: number,
): OpenedSockets {
  const address = { literal: hostname, port: PORT };
  return inNamespace(path, () => {
    const spare = spareFor(hostname, kept);
    let udp: number | undefined;
    try {
      // Bound beside the spare, which permits that only for this moment, so that no other program binds there.
      if (spare !== undefined) setReusable(spare, true);
      udp = openBound("datagram", { ...address, beside: spare !== undefined });
      if (spare !== undefined) setReusable(spare, false);
      const tcp = openBound("stream", address);
      if (spare === undefined) return { udp, tcp };
      const standIn = () => inNamespace(path, () => openStandIn(spare, hostname));
      return { udp, tcp, spare, standIn, waiting: takeWaiting(spare, MAX_WAITING) };
    } catch (error) {
      if (udp !== undefined) closeFd(udp);
      if (spare !== undefined) closeFd(spare);
      throw error;
    }
  });
}

/** Opens a socket that is bound last, so that the kernel gives it the queries. */
function openStandIn(spare: number, hostname: string): number {
  setReusable(spare, true);
  try {
    const standIn = openSpare(hostname, PORT);
    setReusable(standIn, false);
    return standIn;
  } catch (error) {
    setReusable(spare, false);
    throw error;
  }
}

function spareFor(hostname: string, kept: number | undefined): number | undefined {
  if (kept !== undefined) {
    if (isSpareHere(kept, { literal: hostname, port: PORT })) return kept;
    closeFd(kept);
  }
  try {
    return openSpare(hostname, PORT);
  } catch {
    return undefined; // Another program is bound there; the following bind reports it.
  }
}
