/**
 * The sockets of a sandbox's resolver: they live inside it and are served by the daemon.
 *
 * @module
 */
import { inNamespace } from "../../drivers/kernel/namespace.ts";
import { SANDBOX_RESOLVER } from "../dns/resolv_conf.ts";
import type { ResolverSockets } from "../dns/server.ts";

/** Opens them inside the namespace at `path`, whose `lo` is up. */
export function openResolverSockets(
  path: string,
  hostname: string = SANDBOX_RESOLVER,
): ResolverSockets {
  const address = { hostname, port: 53 };
  return inNamespace(path, () => {
    const udp = Deno.listenDatagram({ transport: "udp", ...address });
    try {
      return { udp, tcp: Deno.listen(address) };
    } catch (error) {
      udp.close();
      throw error;
    }
  });
}
