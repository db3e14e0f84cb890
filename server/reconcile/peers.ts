/**
 * Makes this host follow other hosts' changes in the shared store: it leaves endpoints that moved to another
 * host, and tells the kernel where the endpoints of other hosts are. Level-triggered: each round reads the
 * current state, however many changes led to it.
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
import type { Context } from "../controllers/context.ts";
import type { StateChange } from "../model/state.ts";
import type { ServiceRecord } from "../model/records.ts";
import { NetworkRound } from "./network_round.ts";

const log = getLogger(["netsvc", "cluster"]);
/** Changes within this time share a round, in milliseconds. */
const DELAY_MS = 2;
/** Pause before the first retry of a network, in milliseconds; doubles with each further one. */
const FIRST_RETRY_MS = 250;
/** Longest pause between retries, in milliseconds. */
const LONGEST_RETRY_MS = 10_000;

/** Keeps this host's part of the shared store's networks in line with the state. */
export class Converger {
  readonly #context: Context;
  readonly #round: NetworkRound;
  readonly #unsubscribe: () => void;
  readonly #dirty = new Set<string>();
  readonly #running = new Map<string, Promise<void>>();
  /** The last failures of a network, and the timer of its retry. */
  readonly #retries = new Map<string, { timer: number; pause: number; told: Set<string> }>();
  #timer: number | undefined;
  #closed = false;

  /** @param settleLeg checks whether a container still needs its uplink */
  constructor(context: Context, settleLeg: (container: string) => Promise<void>) {
    this.#context = context;
    this.#round = new NetworkRound(context, settleLeg);
    this.#unsubscribe = context.state.subscribe((changes) => this.#changed(changes));
  }

  #changed(changes: StateChange[]): void {
    for (const { type, id, before, after } of changes) {
      if (type === "member") this.touch(id);
      if (type !== "service") continue;
      this.touch(((after ?? before) as ServiceRecord).network);
    }
  }

  /** Schedules a round for a network. */
  touch(network: string): void {
    const { state } = this.#context;
    // A removed network may have left this host's member key behind.
    const scope = state.networks.get(network)?.record.scope ?? "global";
    if (scope !== "global") return;
    this.#dirty.add(network);
    this.#timer ??= setTimeout(() => this.#flush(), DELAY_MS);
  }

  #flush(): void {
    this.#timer = undefined;
    for (const network of this.#dirty) {
      // A network whose round is under way stays dirty and gets another round after it.
      if (this.#running.has(network)) continue;
      this.#dirty.delete(network);
      const round = this.#round.run(network).then((failures) => this.#settle(network, failures))
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

  /** Logs failures, and schedules a retry: the cause may pass without any change that triggers a round. */
  #settle(network: string, failures: string[]): void {
    const retry = this.#retries.get(network);
    if (failures.length === 0) {
      clearTimeout(retry?.timer);
      this.#retries.delete(network);
      return;
    }
    for (const failure of failures) {
      if (retry?.told.has(failure)) continue; // Log the same failure once.
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

  /** Stops, and waits for rounds under way. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#unsubscribe();
    clearTimeout(this.#timer);
    for (const { timer } of this.#retries.values()) clearTimeout(timer);
    this.#dirty.clear();
    await Promise.all(this.#running.values());
  }
}
