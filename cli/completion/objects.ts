/**
 * What the daemon knows, as words to complete.
 *
 * @module
 */
import { backendsOf as backendsIn } from "../../lib/api/backends.ts";
import type { Ask } from "./declare.ts";

/** Networks, by name. */
export const networks: Ask = async (client) =>
  (await client.networks.list()).map(({ name }) => name);

/** Containers that have a name. */
export const containers: Ask = async (client) =>
  (await client.containers.list()).flatMap(({ name }) => name ?? []);

/** Services with their networks. */
export const services: Ask = async (client) =>
  (await client.services.list()).map(({ name, network }) => `${name}.${network.name}`);

/** Services that the container given before backs. */
export const servicesOf: Ask = async (client, [container]) =>
  (await client.services.list())
    .filter((service) =>
      container !== undefined &&
      backendsIn(service).some(({ container: { id, name } }) =>
        name === container || id.startsWith(container)
      )
    ).map(({ name, network }) => `${name}.${network.name}`);

/** Backends of services with many: of the service given before, or of all. */
export const backendsOf: Ask = async (client, [service]) => {
  const all = await client.services.list();
  const given = all.filter(({ name, network }) => `${name}.${network.name}` === service);
  const names = (given.length > 0 ? given : all)
    .flatMap(({ backends = [] }) => backends.flatMap(({ container }) => container.name ?? []));
  return [...new Set(names)];
};

/** Hosts, by name. */
export const hosts: Ask = async (client) => (await client.hosts.list()).map(({ name }) => name);

/** Where the daemon's host is reached now. */
export const ownAddress: Ask = async (client) =>
  (await client.hosts.list()).flatMap(({ self, address }) => self && address ? [address] : []);

/** Join tokens, by id. */
export const tokens: Ask = async (client) => (await client.cluster.tokens()).map(({ id }) => id);

/** Whatever has a name. */
export const anything: Ask = async (client, given) =>
  (await Promise.all([containers, networks, services, hosts].map((ask) => ask(client, given))))
    .flat();
