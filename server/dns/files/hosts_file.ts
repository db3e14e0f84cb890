/**
 * A container's hosts(5): its own names only. Names of services change, and the resolver knows them. Pure.
 *
 * @module
 */

/** The file's text; `addresses` are the container's own, without prefix length. */
export function hostsFile(hostname: string, addresses: string[]): string {
  return [
    "# Made by netsvc; changes are lost",
    "127.0.0.1\tlocalhost",
    "::1\tlocalhost ip6-localhost ip6-loopback",
    "fe00::\tip6-localnet",
    "ff02::1\tip6-allnodes",
    "ff02::2\tip6-allrouters",
    ...(addresses.length > 0 ? addresses : ["127.0.1.1"]).map((ip) => `${ip}\t${hostname}`),
    "",
  ].join("\n");
}
