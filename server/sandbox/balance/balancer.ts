/**
 * Leads connections to services' addresses to backends, in the sandboxes of this host's containers and in the host
 * itself: follows the state, and changes of each table what has changed of a service. Level-triggered: what a table
 * should have is always read from the state as it is.
 *
 * @module
 */
import { HOST_TABLE, SANDBOX_TABLE } from "../../../drivers/balance/table.ts";
import { Firewall } from "../../../drivers/nft/firewall.ts";
import type { Elements } from "../../../drivers/nft/table.ts";
import { shortId } from "../../../lib/api/names.ts";
import { nftGeneration } from "../../../lib/linux/nft/generation.ts";
import type { Runner } from "../../../lib/linux/tools/runner.ts";
import type { ServiceRecord } from "../../model/records.ts";
import type { State, StateChange } from "../../model/state.ts";
import type { Namespaces } from "../netns.ts";
import { Place } from "./place.ts";
import { AddressedServices } from "./services.ts";

/** The place of the host's own connections. */
const HOST = "";
/** Generation of a namespace in which nobody has changed nftables. */
const UNTOUCHED = 1;

/** What a balancer works with. */
export interface BalancerParts {
  state: State;
  runner: Runner;
  namespaces: Pick<Namespaces, "path" | "alive">;
}

/** Balances the connections of one host. */
export class Balancer {
  readonly #parts: BalancerParts;
  /** By container; {@linkcode HOST}. */
  readonly #places = new Map<string, Place>();
  readonly #services: AddressedServices;
  readonly #unsubscribe: () => void;

  constructor(parts: BalancerParts) {
    this.#parts = parts;
    this.#services = new AddressedServices(parts.state);
    this.#unsubscribe = parts.state.subscribe((changes) => this.#changed(changes));
  }

  /** Brings all places to what they should have, and removes what an earlier daemon has left elsewhere. */
  async start(): Promise<void> {
    const { state } = this.#parts;
    for (const network of this.#services.networks) this.#touchAll(network);
    const idle = [HOST, ...state.containers.keys()]
      .filter((id) => !this.#places.has(id) && (this.#generation(id) ?? UNTOUCHED) > UNTOUCHED);
    for (const id of idle) await this.#make(id).clear().finally(() => this.#places.delete(id));
    await this.settled();
  }

  /** Resolves when all that the state says is in force on this host, or has failed. */
  async settled(): Promise<void> {
    await Promise.all([...this.#places.values()].map((place) => place.settled()));
  }

  /** Mends what others have changed. */
  async reconcile(): Promise<void> {
    for (const place of [...this.#places.values()]) await place.reconcile();
  }

  #changed(changes: StateChange[]): void {
    for (const { type, id, before, after } of changes) {
      if (type === "member") this.#touchNetwork(id);
      if (type !== "service") continue;
      for (const record of [before, after] as (ServiceRecord | undefined)[]) {
        if (!record) continue;
        const { network, backend, of = id } = record;
        if (this.#services.note(of, network)) this.#touchService(of, network);
        if (backend?.hostId === this.#parts.state.hostId) this.#touch(backend.container, network);
      }
    }
  }

  /** The hosts that are alive have changed. */
  #touchNetwork(network: string): void {
    for (const id of [...this.#services.of(network)]) {
      this.#services.note(id, network);
      this.#touchService(id, network);
    }
  }

  #touchService(id: string, network: string): void {
    for (const place of this.#places.values()) if (place.has(id)) place.touch([id]);
    for (const on of this.#on(network)) this.#at(on).touch([id]);
  }

  /** All services of a network in all of its places. */
  #touchAll(network: string): void {
    for (const on of this.#on(network)) this.#touch(on, network);
  }

  /** A container has joined a network, or left it. */
  #touch(container: string, network: string): void {
    const services = this.#services.of(network);
    const place = this.#places.get(container);
    if (services.size > 0) this.#at(container).touch(services);
    place?.touch(place.services);
  }

  /** Whose connections to a network's services are balanced here. */
  #on(network: string): Set<string> {
    const { state } = this.#parts;
    const containers = state.ownBackends(network).map(({ backend }) => backend!.container);
    return new Set([...this.#isHostOn(network) ? [HOST] : [], ...containers]);
  }

  #isHostOn(network: string): boolean {
    return this.#parts.state.networks.get(network)?.record.driver === "bridge";
  }

  #at(id: string): Place {
    const known = this.#places.get(id);
    if (known) return known;
    const place = this.#make(id);
    this.#places.set(id, place);
    return place;
  }

  #make(id: string): Place {
    const { runner, namespaces } = this.#parts;
    const isHost = id === HOST;
    const firewall = isHost
      ? new Firewall(runner, [HOST_TABLE])
      : new Firewall(runner, [SANDBOX_TABLE], () => namespaces.path(id));
    return new Place({
      name: isHost ? "the host" : `container ${shortId(id)}`,
      firewall,
      wanted: (service) => this.#wanted(id, service),
      isThere: () => isHost || namespaces.alive(id),
      generation: () => this.#generation(id),
      ended: () => this.#places.delete(id),
    });
  }

  #generation(id: string): number | undefined {
    const { runner, namespaces } = this.#parts;
    try {
      return runner.within(id === HOST ? undefined : namespaces.path(id), nftGeneration);
    } catch {
      return undefined; // The sandbox is gone.
    }
  }

  #wanted(id: string, service: string): Partial<Elements> | undefined {
    const { state } = this.#parts;
    const record = state.services.get(service)?.record;
    if (!record) return undefined;
    const isOn = id === HOST
      ? this.#isHostOn(record.network)
      : state.servicesBackedBy(id).some((other) => other.record.network === record.network);
    return isOn ? this.#services.elementsOf(record) : undefined;
  }

  /** Stops; what is in force stays so. */
  async close(): Promise<void> {
    this.#unsubscribe();
    await Promise.all([...this.#places.values()].map((place) => place.close()));
  }
}
