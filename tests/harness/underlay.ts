/**
 * Hosts on one underlay, for tests of the overlay driver: namespaces joined by a bridge.
 *
 * @module
 */
import type { Underlay } from "../../drivers/driver.ts";
import { OverlayDriver } from "../../drivers/overlay/overlay_driver.ts";
import { DriverHost, type DriverHostParts } from "./driver_host.ts";
import { TestNamespace } from "./host.ts";

/** UDP port of the tests' tunnels. */
export const OVERLAY_PORT = 4789;

/** The driver of a host of {@linkcode TestUnderlay}. */
export function overlayDriver(parts: DriverHostParts): OverlayDriver {
  return new OverlayDriver(parts.runner, {
    // Asked each time, since tests change it.
    underlay: () => parts.underlay,
    overlayPort: OVERLAY_PORT,
    namespaces: parts.namespaces,
  });
}

/** Options of {@linkcode TestUnderlay.create}. */
export interface UnderlayOptions {
  /** Family of the hosts' addresses. */
  family?: 4 | 6;
  /** In bytes. */
  mtu?: number;
}

/** The underlay. */
export class TestUnderlay implements AsyncDisposable {
  readonly switch: TestNamespace;
  readonly hosts: DriverHost[] = [];
  readonly #family: 4 | 6;
  #mtu: number;

  private constructor(hub: TestNamespace, { family = 4, mtu = 1500 }: UnderlayOptions) {
    this.switch = hub;
    this.#family = family;
    this.#mtu = mtu;
  }

  static async create(hosts: number, options: UnderlayOptions = {}): Promise<TestUnderlay> {
    const underlay = new TestUnderlay(await TestNamespace.create("u"), options);
    try {
      await underlay.switch.ip("link add name sw type bridge stp_state 0", "link set dev sw up");
      for (let i = 0; i < hosts; i++) await underlay.#addHost();
      return underlay;
    } catch (error) {
      await underlay[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Underlay address of the nth host, from 0. */
  address(n: number): string {
    return this.#family === 4 ? `192.0.2.${n + 1}` : `2001:db8::${n + 1}`;
  }

  /** What the nth host's daemon would find. */
  spec(n: number): Underlay {
    return { address: this.address(n), interface: "u0", mtu: this.#mtu };
  }

  async #addHost(): Promise<void> {
    const n = this.hosts.length;
    const host = await DriverHost.create(overlayDriver, this.spec(n));
    this.hosts.push(host);
    const prefix = this.#family === 4 ? "24" : "64 nodad";
    await this.switch.ip(
      `link add name p${n} mtu ${this.#mtu} type veth peer name u0 mtu ${this.#mtu} ` +
        `netns ${host.home.path}`,
      `link set dev p${n} master sw up`,
    );
    await host.home.ip(`addr add ${this.address(n)}/${prefix} dev u0`, "link set dev u0 up");
  }

  /** Gives the underlay another MTU, in bytes. */
  async setMtu(mtu: number): Promise<void> {
    this.#mtu = mtu;
    for (const [n, host] of this.hosts.entries()) {
      await this.switch.ip(`link set dev p${n} mtu ${mtu}`);
      await host.home.ip(`link set dev u0 mtu ${mtu}`);
      host.parts.underlay = this.spec(n);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const host of this.hosts) await host[Symbol.asyncDispose]();
    await this.switch[Symbol.asyncDispose]();
  }
}
