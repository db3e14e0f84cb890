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
import { joinOf, peersOf } from "../controllers/endpoints.ts";
import { driven, networkSpec } from "../controllers/networks.ts";
import { gated, isRemote, noted, unplug } from "../controllers/plugging.ts";
import { keys } from "../state/keys.ts";
import type { StateChange } from "../state/state.ts";
import type { ServiceRecord } from "../state/records.ts";
import { errorChain } from "../wire/errors.ts";

const log = getLogger(["netsvc", "cluster"]);
/** Changes within this time are one round, in milliseconds. */
const DELAY_MS = 2;

/** Keeps the networks of the shared store as the state says. */
export class Converger {
  readonly #context: Context;
  readonly #settleLeg: (container: string) => Promise<void>;
  readonly #unsubscribe: () => void;
  readonly #dirty = new Set<string>();
  readonly #running = new Map<string, Promise<void>>();
  #timer: number | undefined;

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
      const round = this.#converge(network).catch((error) =>
        log.error("Cannot follow the changes of network {network}: {cause}", {
          network: this.#name(network),
          cause: errorChain(error).join(": "),
        })
      ).finally(() => {
        this.#running.delete(network);
        if (this.#dirty.has(network)) this.#timer ??= setTimeout(() => this.#flush(), DELAY_MS);
      });
      this.#running.set(network, round);
    }
  }

  #name(network: string): string {
    return this.#context.state.networks.get(network)?.record.name ?? network.slice(0, 12);
  }

  async #converge(id: string): Promise<void> {
    const { state, joined } = this.#context;
    await this.#giveUp(id);
    await this.#takeUp(id);
    if (joined.on(id).length > 0 && state.networks.has(id)) {
      await gated(this.#context, networkAndDriver(this.#context, id).driver, async () => {
        if (!state.networks.has(id)) return;
        const { network, driver } = networkAndDriver(this.#context, id);
        await driver.setPeers(networkSpec(network.record), peersOf(this.#context, id));
      });
    }
    await this.#settleMember(id);
  }

  /** Unplugs what the store has given to somebody else, or taken away. */
  async #giveUp(id: string): Promise<void> {
    const { state, joined, locks } = this.#context;
    for (const join of joined.on(id)) {
      const service = join.endpoint.id;
      if (this.#isOwn(service, join.sandbox.id) || !state.networks.has(id)) continue;
      await gated(
        this.#context,
        networkAndDriver(this.#context, id).driver,
        () =>
          locks.run(`service:${service}`, async () => {
            if (this.#isOwn(service, join.sandbox.id)) return;
            const still = joined.on(id).find((other) => other.endpoint.id === service);
            const network = state.networks.get(id)?.record;
            if (!still || !network) return;
            joined.delete(service);
            const record = state.services.get(service)?.record;
            log.info("Gave up service {service} of network {network}: {why}", {
              service: record?.name ?? service.slice(0, 12),
              network: network.name,
              why: record?.backend
                ? `it is attached on host "${record.backend.host}" now`
                : record
                ? "it was detached from another host"
                : "it was unpublished",
            });
            const of = driven(networkAndDriver(this.#context, id).driver, network);
            await noted(this.#context, of, still, (keep) => unplug(of, still, keep));
          }),
      );
      await this.#settleLeg(join.sandbox.id);
    }
  }

  /** Plugs in what the store says is this host's: the store's answer to who attached it was lost. */
  async #takeUp(id: string): Promise<void> {
    const { joined, locks } = this.#context;
    for (const { id: service, backend } of this.#unplugged(id)) {
      const { driver } = networkAndDriver(this.#context, id);
      // What a plugin is to be told waits for the reconciler, which knows what it was told.
      if (isRemote(driver)) return;
      await gated(this.#context, driver, () =>
        locks.run(`service:${service}`, async () => {
          const record = this.#unplugged(id).find((other) => other.id === service);
          if (!record) return;
          const { network } = networkAndDriver(this.#context, id);
          const join = joinOf(this.#context, record);
          await driver.join(networkSpec(network.record), join);
          joined.set(id, join);
          log.info("Took up service {service} of network {network}", {
            service: record.name,
            network: network.record.name,
          });
        }));
      await this.#settleLeg(backend!.container);
    }
  }

  /** Services that containers of this host back and that aren't plugged in. */
  #unplugged(id: string): ServiceRecord[] {
    const { state, joined, namespaces } = this.#context;
    const plugged = new Set(joined.on(id).map(({ endpoint }) => endpoint.id));
    return state.ownBackends(id).filter((service) =>
      !plugged.has(service.id) && namespaces.alive(service.backend!.container)
    );
  }

  #isOwn(service: string, container: string): boolean {
    const backend = this.#context.state.services.get(service)?.record.backend;
    return backend?.hostId === this.#context.hostId && backend.container === container;
  }

  /** Takes this host off a network where it backs nothing, and puts it on one where it does. */
  async #settleMember(id: string): Promise<void> {
    const { state, hostId, cluster } = this.#context;
    const key = keys.member(id, hostId);
    const entry = state.shared.get(key);
    const network = state.networks.get(id);
    const backs = state.ownBackends(id).length > 0;
    if (entry && !backs) {
      // Whoever attaches meanwhile writes the key anew, and it stays.
      await state.shared.commit({ checks: [{ key, revision: entry.revision }], deletes: [key] });
    }
    // Whoever lost the lease writes all keys with the next one.
    if (entry || !backs || !network || !cluster.membership.lease) return;
    await state.shared.commit({
      checks: [{ key, revision: null }, { key: keys.network(id), revision: network.revision }],
      puts: [cluster.membership.memberPut(id)],
    });
  }

  /** Ends; rounds under way are waited for. */
  async close(): Promise<void> {
    this.#unsubscribe();
    clearTimeout(this.#timer);
    this.#dirty.clear();
    await Promise.all(this.#running.values());
  }
}
