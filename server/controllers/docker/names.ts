/**
 * Networks and containers as Docker's clients call them, and Docker's words about what isn't there, which
 * programs look for. Pure.
 *
 * @module
 */
import { NetsvcError } from "../../../lib/api/errors.ts";
import { dnsName, shortId } from "../../../lib/api/names.ts";
import type { NetworkRecord } from "../../model/records.ts";
import type { State } from "../../model/state.ts";
import { findNetwork } from "../lookup.ts";

/** How links inside containers begin that are on the network: an option of networks. */
export const INTERFACE_PREFIX = "com.docker.network.container_iface_prefix";

/** A container by id and name. */
export interface NamedContainer {
  id: string;
  name: string;
}

/** The name that Docker's clients know a network by. */
export function dockerName({ name, docker }: NetworkRecord): string {
  return docker?.name ?? name;
}

/** The network that has a name, letter by letter. */
export function withDockerName(
  networks: Iterable<NetworkRecord>,
  name: string,
): NetworkRecord | undefined {
  for (const network of networks) if (dockerName(network) === name) return network;
  return undefined;
}

/** The same among all networks. */
export function networkNamed(state: State, name: string): NetworkRecord | undefined {
  return withDockerName(state.networks.values().map(({ record }) => record), name);
}

/** A network by reference. @throws {NetsvcError} `not_found` in Docker's words, `ambiguous` */
export function networkOf(state: State, reference: string): NetworkRecord {
  try {
    return state.networks.get(reference)?.record ?? networkNamed(state, reference) ??
      findNetwork(state, reference).record;
  } catch (error) {
    const missing = error instanceof NetsvcError && error.code === "not_found";
    throw missing ? noSuchNetwork(reference) : error;
  }
}

/** The name of the service that a container is: its own, as far as DNS has it. */
export function serviceName(name: string, id: string): string {
  return dnsName(name) || shortId(id);
}

/** That there is no such network. */
export function noSuchNetwork(reference: string): NetsvcError {
  return new NetsvcError("not_found", `network ${reference} not found`);
}

/** That there is no such container. */
export function noSuchContainer(reference: string): NetsvcError {
  return new NetsvcError("not_found", `No such container: ${reference}`);
}

/** That a container isn't on a network. */
export function notConnected(container: string, network: NetworkRecord): NetsvcError {
  return new NetsvcError(
    "forbidden",
    `container ${container} is not connected to network ${dockerName(network)}`,
  );
}
