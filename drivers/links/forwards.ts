/**
 * The static entries by which bridges know their ports, whose learning is off.
 *
 * @module
 */
import { sleep } from "../../lib/async/sleep.ts";
import type { EndpointSpec } from "../driver.ts";
import type { Runner } from "../../lib/linux/tools/runner.ts";
import { showForwards } from "../../lib/linux/net/observe.ts";
import { linkIndex } from "../../lib/linux/net/netdevice.ts";
import type { ForwardOp } from "../../lib/linux/net/ops.ts";
import { linkWord } from "./link_word.ts";
import { vethName } from "./names.ts";
import { planForward } from "./plan.ts";

/**
 * The entries of ports that were just made, by their indices: a `bridge` that stays would know a name as that of an
 * earlier link.
 */
export function planForwards(
  runner: Runner,
  endpoints: EndpointSpec[],
  namespace?: string,
): ForwardOp[] {
  return runner.within(namespace, () =>
    endpoints.map((endpoint) => {
      const name = vethName(endpoint.id);
      const index = linkIndex(name);
      return planForward(endpoint, index === undefined ? name : linkWord(name, index));
    }));
}

/** Delay of entries that no caller waits for, in milliseconds. */
const SOON_MS = 20;

/** Makes the entries that are missing in a namespace, by default the host's. */
export async function mendForwards(
  runner: Runner,
  endpoints: EndpointSpec[],
  namespace?: string,
): Promise<void> {
  if (endpoints.length === 0) return;
  const shown = await showForwards(runner, namespace);
  const known = new Set(
    shown.filter(({ master, state }) => master !== undefined && state === "static")
      .map(({ ifname, mac }) => `${ifname} ${mac}`),
  );
  // Each port has an entry of its own.
  const ports = new Set(shown.map(({ ifname }) => ifname));
  const missing = endpoints.filter(({ id, mac }) =>
    ports.has(vethName(id)) && !known.has(`${vethName(id)} ${mac}`)
  );
  await runner.apply(planForwards(runner, missing, namespace), namespace);
}

/**
 * Entries of endpoints that were just joined. Until the bridge has an entry it finds the port by flooding, so no
 * join waits for it: one process makes all entries of a short interval, because on a busy machine a process takes
 * longer to start than the rest of a join.
 */
export class ForwardQueue {
  readonly #runner: Runner;
  readonly #waiting = new Map<string, EndpointSpec>();

  constructor(runner: Runner) {
    this.#runner = runner;
  }

  add(endpoint: EndpointSpec): void {
    if (this.#waiting.size === 0) this.#runner.afterwards(this.#soon());
    this.#waiting.set(endpoint.id, endpoint);
  }

  /** Cancels an entry: the port is gone, and the kernel's entry with it. */
  remove(id: string): void {
    this.#waiting.delete(id);
  }

  async #soon(): Promise<void> {
    await sleep(SOON_MS);
    const endpoints = [...this.#waiting.values()];
    this.#waiting.clear();
    try {
      await this.#runner.apply(planForwards(this.#runner, endpoints));
    } catch {
      // One endpoint has left meanwhile; those whose ports still exist get their entries all the same.
      await mendForwards(this.#runner, endpoints);
    }
  }
}
