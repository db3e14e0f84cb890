/**
 * Networks and containers as Docker's clients name them, and Docker's error texts for missing ones, which programs
 * look for. Pure.
 *
 * @module
 */
import { NetsvcError } from "../../../lib/api/errors.ts";
import { dnsName, shortId } from "../../../lib/api/names.ts";
import type { NetworkRecord } from "../../model/records.ts";
import type { State } from "../../model/state.ts";
import { findNetwork } from "../lookup.ts";

/** Prefix of the names of links inside containers on the network: an option of networks. */
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

/** The network with exactly this name. */
export function withDockerName(
  networks: Iterable<NetworkRecord>,
  name: string,
): NetworkRecord | undefined {
  for (const network of networks) if (dockerName(network) === name) return network;
  return undefined;
}

/** The network with exactly this name, among all of the state. */
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

/** The name of a container's own service: the container's name, as far as DNS allows it. */
export function serviceName(name: string, id: string): string {
  return dnsName(name) || shortId(id);
}

/** The error for a network that doesn't exist. */
export function noSuchNetwork(reference: string): NetsvcError {
  return new NetsvcError("not_found", `network ${reference} not found`);
}

/** The error for a container that doesn't exist. */
export function noSuchContainer(reference: string): NetsvcError {
  return new NetsvcError("not_found", `No such container: ${reference}`);
}

/** The error for a container that isn't on a network. */
export function notConnected(container: string, network: NetworkRecord): NetsvcError {
  return new NetsvcError(
    "forbidden",
    `container ${container} is not connected to network ${dockerName(network)}`,
  );
}
