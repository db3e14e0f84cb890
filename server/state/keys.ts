/**
 * The layout of the store. Names, addresses and MACs are keys of their own, created in the same
 * transaction as the object that owns them: unique by construction.
 *
 * @module
 */

/** Keys and prefixes of everything that netsvc stores. */
export const keys = {
  network: (id: string) => `networks/${id}`,
  // Names are asked for by DNS, which knows no case (RFC 4343).
  networkName: (name: string) => `network-names/${name.toLowerCase()}`,
  /** Written by whoever adds a service to a network, checked by whoever removes the network. */
  networkFence: (network: string) => `network-fences/${network}`,
  service: (network: string, id: string) => `services/${network}/${id}`,
  serviceName: (network: string, name: string) => `service-names/${network}/${name.toLowerCase()}`,
  address: (network: string, ip: string) => `addresses/${network}/${ip}`,
  mac: (network: string, mac: string) => `macs/${network}/${mac}`,
  retired: (network: string, name: string) => `retired/${network}/${name.toLowerCase()}`,
  retiredOf: (network: string) => `retired/${network}/`,
  container: (id: string) => `containers/${id}`,
  containerName: (name: string) => `container-names/${name.toLowerCase()}`,
  /** The host's random IPv6 global id (RFC 4193, 3.2.2). */
  globalId: "host/ula-global-id",
} as const;
