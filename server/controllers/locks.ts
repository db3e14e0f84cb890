/**
 * The locks of the controllers. Uniqueness never depends on them (transactions see to that); they keep
 * requests of one daemon from colliding, and the kernel's work on one object in order.
 *
 * @module
 */
import { KeyedMutex } from "../../lib/async/keyed_mutex.ts";
import type { Working } from "./working.ts";

/**
 * The ladder. A caller that holds a lock takes only locks that stand after it, and at most one of each:
 *
 * 1. `docker`: a container of Docker's, as its API's clients see it
 * 2. `docker-network`: one of Docker's networks, for the plugin
 * 3. `docker-endpoint`: one of Docker's endpoints, for the plugin
 * 4. `container`: its record, its sandbox, what it is attached to
 * 5. `network-name`: a network that is being made
 * 6. `service`: its backend, and the kernel's work on its endpoint
 * 7. the gate, which isn't a lock of an object: a driver's change of the kernel (`server/drivers/`)
 * 8. `addresses`: those of a network; held while they are decided on and committed
 * 9. `pools`: subnets of new networks; held likewise
 */
export const LADDER = [
  "docker",
  "docker-network",
  "docker-endpoint",
  "container",
  "network-name",
  "service",
  "addresses",
  "pools",
] as const;

/** A rung of the {@linkcode LADDER}. */
export type Lock = typeof LADDER[number];

/** Proof that a lock is held: functions that need one take it as a parameter. Only {@linkcode Locks} makes it. */
export interface Held<L extends Lock> {
  readonly lock: L;
  /** Id of the locked object. */
  readonly id: string;
  readonly [mark]: true;
}

declare const mark: unique symbol;

/** What runs while a lock is held. */
type Action<L extends Lock, T> = (held: Held<L>) => Promise<T>;

/** Runs actions on one object one after the other. */
export class Locks {
  readonly #queues = new KeyedMutex();
  readonly #working: Working;

  /** @param working gets the ids of containers and services that are being worked on */
  constructor(working: Working) {
    this.#working = working;
  }

  /** @param id a container's id, Docker's */
  docker<T>(id: string, action: Action<"docker", T>): Promise<T> {
    return this.take("docker", id, action);
  }

  /** @param id a network's id, Docker's */
  dockerNetwork<T>(id: string, action: Action<"docker-network", T>): Promise<T> {
    return this.take("docker-network", id, action);
  }

  /** An endpoint of Docker's, by the first that is known of it. */
  dockerEndpoint<T>(
    { network, mac }: { network: string; mac: string },
    action: Action<"docker-endpoint", T>,
  ): Promise<T> {
    return this.take("docker-endpoint", `${network}/${mac}`, action);
  }

  container<T>(id: string, action: Action<"container", T>): Promise<T> {
    return this.#working.during(id, () => this.take("container", id, action));
  }

  networkName<T>(name: string, action: Action<"network-name", T>): Promise<T> {
    return this.take("network-name", name.toLowerCase(), action);
  }

  service<T>(id: string, action: Action<"service", T>): Promise<T> {
    return this.#working.during(id, () => this.take("service", id, action));
  }

  /** @param network id of the network whose addresses are locked */
  addresses<T>(network: string, action: Action<"addresses", T>): Promise<T> {
    return this.take("addresses", network, action);
  }

  /** Subnets of all networks. */
  pools<T>(action: Action<"pools", T>): Promise<T> {
    return this.take("pools", "", action);
  }

  /** All locks are taken here: a test sees in which order. */
  protected take<L extends Lock, T>(lock: L, id: string, action: Action<L, T>): Promise<T> {
    return this.#queues.run(`${lock}:${id}`, () => action({ lock, id } as Held<L>));
  }
}
