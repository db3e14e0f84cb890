/**
 * The keys of a shared store against what its objects imply: none is left over, none is missing.
 *
 * @module
 */
import type { Entry } from "../../kv/store.ts";
import { keys } from "../../server/model/keys.ts";
import type {
  EndpointRecord,
  HostRecord,
  NamedService,
  NetworkRecord,
} from "../../server/model/records.ts";

/** Keys that may be there as long as their network is. */
const OF_NETWORKS = /^retired\/([^/]+)\//;
/** Keys that are a server's or a test's own. */
const FOREIGN = /^(probe|ready)$/;

/** What is wrong with a store at rest. Pure. */
export function storeLeaks(entries: Entry[]): string[] {
  const records = <T>(prefix: string) =>
    entries.filter(({ key }) => key.startsWith(prefix)).map(({ value }) => JSON.parse(value) as T);
  const networks = records<NetworkRecord>(keys.networks);
  const services = records<NamedService>(keys.services);
  const served = new Set(services.map(({ id }) => id));
  const endpoints = records<EndpointRecord>(keys.endpoints)
    .filter(({ service }) => served.has(service));
  const hosts = records<HostRecord>(keys.hosts);
  const living = new Set(
    entries.map(({ key }) => key).filter((key) => key.startsWith(keys.hostLeases))
      .map((key) => key.slice(keys.hostLeases.length)),
  );
  const ids = new Set(networks.map(({ id }) => id));
  const implied = new Set([
    ...networks.flatMap(({ id, name, vni }) => [
      keys.network(id),
      keys.networkName(name),
      keys.networkFence(id),
      ...vni === undefined ? [] : [keys.vni(vni)],
    ]),
    ...services.flatMap(({ id, network, name, mode, addresses = [] }) => [
      keys.service(network, id),
      keys.serviceName(network, name),
      // The endpoint of a service with one is there with it; a service with many may have an address of its own.
      ...mode === "single" ? [keys.endpoint(network, id)] : [],
      ...addresses.map((address) => keys.address(network, address.split("/")[0]!)),
    ]),
    ...endpoints.flatMap(({ id, network, addresses, mac, backend }) => [
      keys.endpoint(network, id),
      ...addresses.map((address) => keys.address(network, address.split("/")[0]!)),
      keys.mac(network, mac),
      ...backend ? [keys.backend(backend.hostId, network, id)] : [],
      ...backend && living.has(backend.hostId) ? [keys.member(network, backend.hostId)] : [],
    ]),
    ...hosts.flatMap(({ id, name }) => [keys.host(id), keys.hostName(name)]),
    ...[...living].map(keys.hostLease),
    // Of no object: which form all records have.
    ...entries.some(({ key }) => key === keys.form) ? [keys.form] : [],
  ]);
  // A host without wireguard says no key, and nobody may have asked for new ones.
  const possible = new Set([...hosts.map(({ id }) => keys.tunnel(id)), keys.rotation]);
  const present = new Set(entries.map(({ key }) => key));
  const stray = [...present].filter((key) => {
    const network = key.match(OF_NETWORKS)?.[1];
    return !implied.has(key) && !possible.has(key) && !FOREIGN.test(key) &&
      !(network !== undefined && ids.has(network));
  });
  return [
    ...services.filter(({ network }) => !ids.has(network))
      .map(({ name }) => `the service ${name} is of a network that isn't there`),
    ...stray.map((key) => `the key ${key} is left over`),
    ...[...implied].filter((key) => !present.has(key)).map((key) => `the key ${key} is missing`),
  ];
}
