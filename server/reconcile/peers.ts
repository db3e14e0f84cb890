/**
 * Makes this host follow what others change in the shared store: what was given to another host is
 * unplugged here, and the kernel is told where the endpoints of other hosts are. Level-triggered: each
 * round goes by the state as it is, however many changes led there.
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
import type { Context } from "../controllers/context.ts";
import { networkAndDriver } from "../controllers/context.ts";
import { peersOf } from "../controllers/endpoints/driver_specs.ts";
import { plugIn } from "../controllers/endpoints/interfaces.ts";
import { driven, networkSpec } from "../drivers/network_spec.ts";
import { memberRecords } from "../model/repository/hosts.ts";
import { networkRecords } from "../model/repository/networks.ts";
import { together } from "../model/transaction.ts";
import type { StateChange } from "../model/state.ts";
import type { ServiceRecord } from "../model/records.ts";
import { errorChain } from "../../lib/api/errors.ts";

const log = getLogger(["netsvc", "cluster"]);
/** Changes within this time are one round, in milliseconds. */
const DELAY_MS = 2;
/** What failed is tried again after a pause, in milliseconds; doubles each time. */
const FIRST_RETRY_MS = 250, LONGEST_RETRY_MS = 10_000;

/** Does one of a round's steps; what it throws is noted, and the next one follows. */
type Step = (what: string, action: () => Promise<void>) => Promise<void>;

/** Keeps the networks of the shared store as the state says. */
export class Converger {
  readonly #context: Context;
  readonly #settleLeg: (container: string) => Promise<void>;
  readonly #unsubscribe: () => void;
  readonly #dirty = new Set<string>();
  readonly #running = new Map<string, Promise<void>>();
  /** What failed last on a network, and when it is tried again. */
  readonly #retries = new Map<string, { timer: number; pause: number; told: Set<string> }>();
  #timer: number | undefined;
  #closed = false;

  /** @param settleLeg looks whether a container still needs its leg */
  constructor(context: Context, settleLeg: (container: string) => Promise<void>) {
    this.#context = context;
    this.#settleLeg = settleLeg;
    this.#unsubscribe = context.state.subscribe((changes) => this.#changed(changes));
  }

  #changed(changes: StateChange[]): void {
    for (const { type, id, before, after } of changes) {
      if (type === "member") this.touch(id);
      if (type !== "service") continue;
      this.touch(((after ?? before) as ServiceRecord).network);
    }
  }

  /** Looks at a network soon. */
  touch(network: string): void {
    const { state } = this.#context;
    // One that was removed may have left this host's key.
    const scope = state.networks.get(network)?.record.scope ?? "global";
    if (scope !== "global") return;
    this.#dirty.add(network);
    this.#timer ??= setTimeout(() => this.#flush(), DELAY_MS);
  }

  #flush(): void {
    this.#timer = undefined;
    for (const network of this.#dirty) {
      // A network whose round is under way stays dirty and has its next one after it.
      if (this.#running.has(network)) continue;
      this.#dirty.delete(network);
      const round = this.#converge(network).then((failures) => this.#settle(network, failures))
        .finally(() => {
          this.#running.delete(network);
          if (this.#dirty.has(network)) this.#timer ??= setTimeout(() => this.#flush(), DELAY_MS);
        });
      this.#running.set(network, round);
    }
  }

  #name(network: string): string {
    return this.#context.state.networks.get(network)?.record.name ??
      this.#context.joined.on(network)[0]?.of.spec.name ?? network.slice(0, 12);
  }

  /** Tells what failed, and has another try later: it may pass, and no change may come. */
  #settle(network: string, failures: string[]): void {
    const retry = this.#retries.get(network);
    if (failures.length === 0) {
      clearTimeout(retry?.timer);
      this.#retries.delete(network);
      return;
    }
    for (const failure of failures) {
      if (retry?.told.has(failure)) continue; // Once is enough while it stays the same.
      log.error("Cannot follow all changes of network {network}: {failure}", {
        network: this.#name(network),
        failure,
      });
    }
    if (this.#closed) return;
    clearTimeout(retry?.timer);
    const pause = Math.min(retry ? retry.pause * 2 : FIRST_RETRY_MS, LONGEST_RETRY_MS);
    const timer = setTimeout(() => this.touch(network), pause);
    this.#retries.set(network, { timer, pause, told: new Set(failures) });
  }

  /** One round; what fails keeps nothing else from being done. Gives what failed, in words. */
  async #converge(id: string): Promise<string[]> {
    const failures: string[] = [];
    const step = async (what: string, action: () => Promise<void>) => {
      try {
        await action();
      } catch (error) {
        failures.push(`${what}: ${errorChain(error).join(": ")}`);
      }
    };
    await this.#giveUp(id, step);
    await this.#takeUp(id, step);
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

  /** Unplugs what the store has given to somebody else, or taken away, be it with its network. */
  async #giveUp(id: string, step: Step): Promise<void> {
    const { joined, locks } = this.#context;
    for (const { join } of joined.on(id)) {
      const service = join.endpoint.id;
      if (this.#isOwn(service, join.sandbox.id)) continue;
      await step(`unplugging ${this.#label(service)}`, async () => {
        await locks.service(service, () => this.#giveUpLocked(service, join.sandbox.id));
        await this.#settleLeg(join.sandbox.id);
      });
    }
  }

  async #giveUpLocked(service: string, container: string): Promise<void> {
    const { state, joined } = this.#context;
    const still = joined.get(service);
    if (!still || this.#isOwn(service, container)) return;
    joined.delete(service);
    const record = state.services.get(service)?.record;
    log.info("Gave up service {service} of network {network}: {why}", {
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
      joined.set(still.of, still.join); // It is still there to be unplugged.
      throw error;
    }
  }

  /** Plugs in what the store says is this host's: the store's answer to who attached it was lost. */
  async #takeUp(id: string, step: Step): Promise<void> {
    for (const { id: service, backend } of this.#unplugged(id)) {
      const { driver } = networkAndDriver(this.#context, id);
      // What a plugin is to be told waits for the reconciler, which knows what it was told.
      if (driver.capabilities.external) return;
      await step(`plugging in ${this.#label(service)}`, async () => {
        await this.#context.locks.service(service, () => this.#takeUpLocked(id, service));
        await this.#settleLeg(backend!.container);
      });
    }
  }

  async #takeUpLocked(id: string, service: string): Promise<void> {
    const { joined } = this.#context;
    const found = this.#unplugged(id).find((other) => other.id === service);
    if (!found) return;
    const join = await plugIn(this.#context, found);
    const { network, driver } = networkAndDriver(this.#context, id);
    joined.set(driven(driver, network.record), join);
    log.info("Took up service {service} of network {network}", {
      service: found.name,
      network: network.record.name,
    });
  }

  #label(service: string): string {
    return this.#context.state.services.get(service)?.record.name ?? service.slice(0, 12);
  }

  /** Services that containers of this host back and that aren't plugged in. */
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

  /** Takes this host off a network where it backs nothing, and puts it on one where it does. */
  async #settleMember(id: string): Promise<void> {
    const { state, hostId, cluster } = this.#context;
    const revision = memberRecords.revision(state.shared, id, hostId);
    const network = state.networks.get(id);
    const backs = state.ownBackends(id).length > 0;
    if (revision !== undefined && !backs) {
      // Whoever attaches meanwhile writes the key anew, and it stays.
      await state.shared.commit(memberRecords.remove(id, hostId, revision));
    }
    // Whoever lost the lease writes all keys with the next one.
    if (revision !== undefined || !backs || !network || !cluster.membership.lease) return;
    await state.shared.commit(together(networkRecords.unchanged(network), {
      checks: [memberRecords.gone(id, hostId)],
      puts: [cluster.membership.memberPut(id)],
    }));
  }

  /** Ends; rounds under way are waited for. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#unsubscribe();
    clearTimeout(this.#timer);
    for (const { timer } of this.#retries.values()) clearTimeout(timer);
    this.#dirty.clear();
    await Promise.all(this.#running.values());
  }
}
