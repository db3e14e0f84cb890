/**
 * Proxies of the environment aren't netsvc's.
 *
 * @module
 */

/** What fetch and gRPC read, the latter in small letters alone. */
const PROXIES = ["http_proxy", "https_proxy", "all_proxy", "grpc_proxy"];

/**
 * Takes the proxies out of this process's environment. A daemon, a store and a plugin are asked
 * directly: they are on this host or beside it, their answers may take minutes, and a proxy
 * would read tokens. To be called before the first request, since clients read the environment once.
 */
export function ignoreProxies(): void {
  for (const name of PROXIES) {
    Deno.env.delete(name);
    Deno.env.delete(name.toUpperCase());
  }
}
