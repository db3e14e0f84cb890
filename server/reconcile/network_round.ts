/**
 * One round for one network of the shared store: the host leaves endpoints that moved to other hosts, joins
 * those that it backs, and tells the kernel the endpoints of other hosts. Each round reads the current state.
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
import type { Context } from "../controllers/context.ts";
import type { Held } from "../controllers/locks.ts";
import { networkAndDriver } from "../controllers/context.ts";
import { peersOf } from "../controllers/endpoints/specs/driver_specs.ts";
import { plugIn } from "../controllers/endpoints/interfaces.ts";
import { driven, networkSpec } from "../drivers/network_spec.ts";
import { memberRecords } from "../model/repository/hosts.ts";
import { networkRecords } from "../model/repository/networks.ts";
import { together } from "../model/transaction.ts";
import type { ServiceRecord } from "../model/records.ts";
import { errorChain } from "../../lib/api/errors.ts";

const log = getLogger(["netsvc", "cluster"]);

/** Runs one step of a round; records its error, if any, so that the next step runs anyway. */
type Step = (what: string, action: () => Promise<void>) => Promise<void>;

export class NetworkRound {
  readonly #context: Context;
  readonly #settleLeg: (container: string) => Promise<void>;

  /** @param settleLeg checks whether a container still needs its uplink */
  constructor(context: Context, settleLeg: (container: string) => Promise<void>) {
    this.#context = context;
    this.#settleLeg = settleLeg;
  }

  /** Runs all steps even if some fail. @returns the failures, as text */
  async run(id: string): Promise<string[]> {
    const failures: string[] = [];
    const step = async (what: string, action: () => Promise<void>) => {
      try {
        await action();
      } catch (error) {
        failures.push(`${what}: ${errorChain(error).join(": ")}`);
      }
    };
    await this.#leaveLost(id, step);
    await this.#joinOwn(id, step);
    await step("the endpoints of other hosts", () => this.#setPeers(id));
    await step("this host's membership", () => this.#settleMember(id));
    return failures;
  }

  async #setPeers(id: string): Promise<void> {
    const { state, joined } = this.#context;
    if (joined.on(id).length === 0 || !state.networks.has(id)) return;
    await networkAndDriver(this.#context, id).driver.change(async (changes) => {
      const network = state.networks.get(id)?.record;
      if (network) await changes.setPeers(networkSpec(network), peersOf(this.#context, id));
    });
  }

  /** Leaves endpoints that have another backend in the store, or were removed, maybe with their network. */
  async #leaveLost(id: string, step: Step): Promise<void> {
    const { joined, locks } = this.#context;
    for (const { join } of joined.on(id)) {
      const service = join.endpoint.id;
      if (this.#isOwn(service, join.sandbox.id)) continue;
      await step(`unplugging ${this.#label(service)}`, async () => {
        await locks.service(service, (held) => this.#leave(held, join.sandbox.id));
        await this.#settleLeg(join.sandbox.id);
      });
    }
  }

  async #leave({ id: service }: Held<"service">, container: string): Promise<void> {
    const { state, joined } = this.#context;
    const still = joined.get(service);
    if (!still || this.#isOwn(service, container)) return;
    joined.delete(service);
    const record = state.services.get(service)?.record;
    log.info("Detached service {service} of network {network}: {why}", {
      service: this.#label(service),
      network: still.of.spec.name,
      why: record?.backend && record.backend.hostId !== this.#context.hostId
        ? `it is attached on host "${record.backend.host}" now`
        : record?.backend
        ? "it is another container's now"
        : record
        ? "it was detached from another host"
        : "it was unpublished",
    });
    try {
      await still.of.driver.leave(still.of.spec, still.join);
    } catch (error) {
      joined.set(still.of, still.join); // The endpoint is still joined: the next round tries again.
      throw error;
    }
  }

  /** Joins endpoints that this host backs in the store but hasn't joined: the commit's answer was lost. */
  async #joinOwn(id: string, step: Step): Promise<void> {
    for (const { id: service, backend } of this.#unplugged(id)) {
      const { driver } = networkAndDriver(this.#context, id);
      // Calls to plugins are left to the reconciler, which knows what each plugin was told.
      if (driver.capabilities.external) return;
      await step(`plugging in ${this.#label(service)}`, async () => {
        await this.#context.locks.service(service, (held) => this.#join(held, id));
        await this.#settleLeg(backend!.container);
      });
    }
  }

  async #join({ id: service }: Held<"service">, id: string): Promise<void> {
    const { joined } = this.#context;
    const found = this.#unplugged(id).find((other) => other.id === service);
    if (!found) return;
    const join = await plugIn(this.#context, found);
    const { network, driver } = networkAndDriver(this.#context, id);
    joined.set(driven(driver, network.record), join);
    log.info("Attached service {service} of network {network}", {
      service: found.name,
      network: network.record.name,
    });
  }

  #label(service: string): string {
    return this.#context.state.services.get(service)?.record.name ?? service.slice(0, 12);
  }

  /** Services that living containers of this host back and whose endpoints aren't joined. */
  #unplugged(id: string): ServiceRecord[] {
    const { state, joined, namespaces } = this.#context;
    if (!state.networks.has(id)) return [];
    const plugged = new Set(joined.on(id).map(({ join }) => join.endpoint.id));
    return state.ownBackends(id).filter((service) =>
      !plugged.has(service.id) && namespaces.alive(service.backend!.container)
    );
  }

  #isOwn(service: string, container: string): boolean {
    const { state, hostId } = this.#context;
    const record = state.services.get(service)?.record;
    return record !== undefined && state.networks.has(record.network) &&
      record.backend?.hostId === hostId && record.backend.container === container;
  }

  /** Removes this host from a network's members if it backs nothing there, and adds it if it does. */
  async #settleMember(id: string): Promise<void> {
    const { state, hostId, cluster } = this.#context;
    const revision = memberRecords.revision(state.shared, id, hostId);
    const network = state.networks.get(id);
    const backs = state.ownBackends(id).length > 0;
    if (revision !== undefined && !backs) {
      // A concurrent attach writes the key anew, so the revision differs and the key stays.
      await state.shared.commit(memberRecords.remove(id, hostId, revision));
    }
    // Without a lease there is no key to write: membership writes all of them with its next lease.
    if (revision !== undefined || !backs || !network || !cluster.membership.lease) return;
    await state.shared.commit(together(networkRecords.unchanged(network), {
      checks: [memberRecords.gone(id, hostId)],
      puts: [cluster.membership.memberPut(id)],
    }));
  }
}
