/**
 * What the daemon knows, as words to complete.
 *
 * @module
 */
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
    .filter(({ backend }) =>
      backend !== undefined && container !== undefined &&
      (backend.container.name === container || backend.container.id.startsWith(container))
    ).map(({ name, network }) => `${name}.${network.name}`);

/** Hosts, by name. */
export const hosts: Ask = async (client) => (await client.hosts.list()).map(({ name }) => name);

/** Join tokens, by id. */
export const tokens: Ask = async (client) => (await client.cluster.tokens()).map(({ id }) => id);

/** Whatever has a name. */
export const anything: Ask = async (client, given) =>
  (await Promise.all([containers, networks, services, hosts].map((ask) => ask(client, given))))
    .flat();
