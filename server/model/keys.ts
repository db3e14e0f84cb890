/**
 * The layout of the stores. Names, addresses, MACs and VNIs are keys of their own, created in the
 * same transaction as the object that owns them: unique by construction.
 *
 * Networks of local drivers with their services and endpoints, containers, and records of this host alone are in the
 * embedded store; networks of global drivers and hosts are in the shared one (which is the embedded one on a host by
 * itself).
 *
 * @module
 */

/** Keys and prefixes of everything that netsvc stores. */
export const keys = {
  /** Prefix of all networks; every daemon follows it. */
  networks: "networks/",
  network: (id: string) => `networks/${id}`,
  // DNS asks for names, and ignores case (RFC 4343).
  networkName: (name: string) => `network-names/${name.toLowerCase()}`,
  /** Written when a service is added to a network, and checked when the network is removed. */
  networkFence: (network: string) => `network-fences/${network}`,
  /** The network with a VXLAN network identifier. */
  vni: (vni: number) => `vnis/${vni}`,
  /** Prefix of all services; with a network, of its services. */
  services: "services/",
  servicesOf: (network: string) => `services/${network}/`,
  service: (network: string, id: string) => `services/${network}/${id}`,
  /** Prefix of all endpoints; with a network, of its endpoints. */
  endpoints: "endpoints/",
  endpointsOf: (network: string) => `endpoints/${network}/`,
  endpoint: (network: string, id: string) => `endpoints/${network}/${id}`,
  serviceName: (network: string, name: string) => `service-names/${network}/${name.toLowerCase()}`,
  address: (network: string, ip: string) => `addresses/${network}/${ip}`,
  mac: (network: string, mac: string) => `macs/${network}/${mac}`,
  retired: (network: string, name: string) => `retired/${network}/${name.toLowerCase()}`,
  retiredOf: (network: string) => `retired/${network}/`,
  /** Put with the host's lease: the host is alive and backs services of the network. */
  members: "members/",
  membersOf: (network: string) => `members/${network}/`,
  member: (network: string, host: string) => `members/${network}/${host}`,
  /** Which endpoints of global networks a host backs: it resumes them when it returns. */
  backendsOf: (host: string) => `host-backends/${host}/`,
  backendsOn: (host: string, network: string) => `host-backends/${host}/${network}/`,
  backend: (host: string, network: string, endpoint: string) =>
    `host-backends/${host}/${network}/${endpoint}`,
  hosts: "hosts/",
  host: (id: string) => `hosts/${id}`,
  hostName: (name: string) => `host-names/${name.toLowerCase()}`,
  /** Put with the host's lease: the host is alive. */
  hostLeases: "host-leases/",
  hostLease: (id: string) => `host-leases/${id}`,
  /** Hosts' keys and endpoints for encrypted networks. */
  tunnels: "tunnels/",
  tunnel: (host: string) => `tunnels/${host}`,
  /** The last request that all hosts change those keys. */
  rotation: "meta/rotation",
  /** What other hosts' doctors ask of a host, and their answers to its own. */
  probesOf: (host: string) => `probes/${host}/`,
  probe: (host: string, token: string, step: string) => `probes/${host}/${token}/${step}`,
  /** Written and deleted to measure how long a write takes. */
  doctor: (host: string) => `doctor/${host}`,
  /** The form of the store's records (see migration/). */
  form: "meta/form",
  /** What plugins of this host were asked for, until it is known whether they did it. */
  pluginIntents: "plugin-intents/",
  pluginIntent: (id: string) => `plugin-intents/${id}`,
  containers: "containers/",
  container: (id: string) => `containers/${id}`,
  containerName: (name: string) => `container-names/${name.toLowerCase()}`,
  /** What an engine's container is to be attached to whenever it runs. */
  allDesired: "desired/",
  desired: (container: string) => `desired/${container}`,
  /** Where earlier versions kept what Docker's clients ask for a container. */
  dockerContainers: "docker-containers/",
  /** What is asked for containers that Docker is just making. */
  dockerCreates: "docker-creates/",
  dockerCreate: (key: string) => `docker-creates/${key}`,
  /** Notes that the containers' labels of earlier versions have been read. */
  dockerLabelsRead: "docker/labels-read",
  /** Settings that Docker's clients keep under a name, to create networks from (`--config-only`). */
  dockerConfigs: "docker-configs/",
  dockerConfig: (id: string) => `docker-configs/${id}`,
  /** What ties pools, networks and endpoints of this host's Docker to netsvc's networks. */
  dockerPools: "docker-pools/",
  dockerPool: (id: string) => `docker-pools/${id}`,
  dockerNetworks: "docker-networks/",
  dockerNetwork: (id: string) => `docker-networks/${id}`,
  dockerEndpoints: "docker-endpoints/",
  dockerEndpoint: (network: string, mac: string) => `docker-endpoints/${network}/${mac}`,
  /** This host's id, for as long as its state directory lives. */
  hostId: "host/id",
  /** Directory in which this host's containers live. */
  runDir: "host/run-dir",
  /** The machine, and the place on it, in which the last daemon ran. */
  hostInstance: "host/instance",
  /** The host's random IPv6 global id (RFC 4193, 3.2.2). */
  globalId: "host/ula-global-id",
} as const;

/** Prefixes that a daemon follows of a network whose services it needs to know. */
export function networkPrefixes(network: string): string[] {
  return [
    keys.servicesOf(network),
    keys.endpointsOf(network),
    keys.membersOf(network),
    keys.retiredOf(network),
  ];
}
