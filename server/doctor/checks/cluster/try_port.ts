/**
 * Tries ports, of other hosts and of this one.
 *
 * @module
 */
import { closeFd, EADDRINUSE } from "../../../../lib/linux/libc.ts";
import { openBound } from "../../../../lib/linux/sockets/bound_socket.ts";

/** Time for a connection, in milliseconds. */
const CONNECT_MS = 2_000;
/** Whether a port takes connections, or refuses them as one does that nothing listens on. */
export type PortState = "open" | "refused" | "silent";

/** Tries a TCP port. */
export async function tryPort(host: string, port: number, ms = CONNECT_MS): Promise<PortState> {
  try {
    const signal = AbortSignal.timeout(ms);
    (await Deno.connect({ hostname: host, port, signal })).close();
    return "open";
  } catch (error) {
    return error instanceof Deno.errors.ConnectionRefused ? "refused" : "silent";
  }
}

/** Whether another socket of this host has a UDP port, in either family. */
export function isTaken(port: number): boolean {
  return ["0.0.0.0", "::"].some((literal) => {
    try {
      closeFd(openBound("datagram", { literal, port }));
      return false;
    } catch (error) {
      return (error as { errno?: number }).errno === EADDRINUSE;
    }
  });
}
