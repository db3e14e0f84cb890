/**
 * The sockets of a sandbox's resolver: they live inside it and are served by the daemon.
 *
 * @module
 */
import { inNamespace } from "../../drivers/kernel/namespace.ts";
import type { ResolverSockets } from "../dns/server.ts";

/** Where every sandbox's resolver listens. */
const RESOLVER = { hostname: "127.0.0.11", port: 53 };

/** Opens them inside the namespace at `path`, whose `lo` is up. */
export function openResolverSockets(path: string): ResolverSockets {
  return inNamespace(path, () => {
    const udp = Deno.listenDatagram({ transport: "udp", ...RESOLVER });
    try {
      return { udp, tcp: Deno.listen(RESOLVER) };
    } catch (error) {
      udp.close();
      throw error;
    }
  });
}
