/**
 * The static entries by which bridges know their ports, since they learn nothing.
 *
 * @module
 */
import { sleep } from "../../lib/async/sleep.ts";
import type { EndpointSpec } from "../driver.ts";
import type { Runner } from "../../lib/linux/tools/runner.ts";
import { showForwards } from "../../lib/linux/net/observe.ts";
import { vethName } from "./names.ts";
import { planForward } from "./plan.ts";

/** What nobody waits for is put off so long, in milliseconds. */
const SOON_MS = 20;

/** Makes the entries that are missing in a namespace, the host's unless given. */
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
  await runner.apply(missing.map(planForward), namespace);
}

/**
 * Entries of endpoints that were just joined. Until the bridge has one it finds the port by sending to all of
 * them, so that nobody waits: those that come within a moment are made by one process, which on a busy machine
 * takes longer to start than the rest of a join.
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

  /** Its port is gone, and the entry with it. */
  remove(id: string): void {
    this.#waiting.delete(id);
  }

  async #soon(): Promise<void> {
    await sleep(SOON_MS);
    const endpoints = [...this.#waiting.values()];
    this.#waiting.clear();
    try {
      await this.#runner.apply(endpoints.map(planForward));
    } catch {
      // One of them has left meanwhile; whose port is still there has its entry all the same.
      await mendForwards(this.#runner, endpoints);
    }
  }
}
