/**
 * Announces to the members of bridges where endpoints are, as far as a member can believe otherwise: what is broadcast
 * to a bridge costs the kernel the more, the more members it has.
 *
 * @module
 */
import { addressBytes } from "../../lib/ip/text.ts";
import { announce, type Holder } from "../../lib/linux/sockets/announce.ts";
import type { Runner } from "../../lib/linux/tools/runner.ts";
import type { EndpointSpec } from "../driver.ts";

/** Addresses of which the last holder is known; about 200 bytes each. */
const MAX_KNOWN = 16_384;

/** Sends announcements; never fails: a member that misses one resolves the address itself, later. */
export class Announcer {
  readonly #runner: Pick<Runner, "within" | "afterwards">;
  readonly #send: typeof announce;
  /** MACs by bridge and address: the holders that the bridge's members know. */
  readonly #known = new Map<string, string>();

  /** @param send for tests */
  constructor(runner: Pick<Runner, "within" | "afterwards">, send: typeof announce = announce) {
    this.#runner = runner;
    this.#send = send;
  }

  /**
   * Announces the endpoints whose addresses another MAC may have had, and waits only where one has: neighbours keep
   * their entries, and would send to nobody. What the same MAC has again, at whichever port, they know.
   */
  async tell(endpoints: EndpointSpec[], bridge: string, namespace?: string): Promise<void> {
    const holders: Holder[] = [];
    const keys: string[] = [];
    let moved = false;
    for (const { mac, addresses } of endpoints) {
      for (const address of addresses) {
        const key = `${namespace ?? ""} ${bridge} ${address}`;
        const known = this.#known.get(key);
        if (known === mac) continue;
        if (known !== undefined) moved = true;
        this.#note(key, mac);
        keys.push(key);
        holders.push({ mac, address: addressBytes(address) });
      }
    }
    if (holders.length === 0) return;
    try {
      const send = this.#runner.within(namespace, () => this.#send(bridge, holders));
      const sent = send();
      // The kernel takes some 20 ms to close the socket, and longer to send where many listen.
      this.#runner.afterwards(sent.closed);
      if (moved) await sent.all;
    } catch {
      for (const key of keys) this.#known.delete(key);
    }
  }

  #note(key: string, mac: string): void {
    this.#known.delete(key);
    const oldest = this.#known.size >= MAX_KNOWN ? this.#known.keys().next().value : undefined;
    if (oldest !== undefined) this.#known.delete(oldest);
    this.#known.set(key, mac);
  }
}
