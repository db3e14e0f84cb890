/**
 * Hosts on one underlay, for tests of the overlay driver: namespaces joined by a bridge.
 *
 * @module
 */
import type { Underlay } from "../../drivers/driver.ts";
import { OverlayDriver } from "../../drivers/overlay/overlay_driver.ts";
import { deviceName } from "../../drivers/overlay/tunnel/address.ts";
import type { TunnelHost } from "../../drivers/overlay/tunnel/peers.ts";
import { Tunnel } from "../../drivers/overlay/tunnel/tunnel.ts";
import { type KeyPair, newKeyPair } from "../../lib/linux/wireguard/keys.ts";
import { DriverHost, type DriverHostParts } from "./driver_host.ts";
import { TestNamespace } from "./host.ts";

/** UDP port of the tests' tunnels. */
export const OVERLAY_PORT = 4789;

/** UDP port of the tests' WireGuard devices. */
export const WIREGUARD_PORT = 51820;

/** The driver of a host of {@linkcode TestUnderlay}. */
export function overlayDriver(parts: DriverHostParts): OverlayDriver {
  return new OverlayDriver(parts.runner, {
    // Asked each time, since tests change it.
    underlay: () => parts.underlay,
    overlayPort: OVERLAY_PORT,
    namespaces: parts.namespaces,
    tunnel: parts.tunnel = new Tunnel({
      runner: parts.runner,
      namespaces: parts.namespaces,
      underlay: () => parts.underlay,
    }),
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
  /** Their ids and key pairs, the one in use first. */
  readonly members: { id: string; keys: KeyPair[] }[] = [];
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

  /** What the nth host says of itself to others. */
  says(n: number): TunnelHost {
    const address = this.address(n);
    const at = address.includes(":") ? `[${address}]` : address;
    const { id, keys } = this.members[n]!;
    return {
      id,
      keys: keys.map((pair) => pair.public),
      endpoints: [`${at}:${WIREGUARD_PORT}`],
    };
  }

  /** Gives the nth host's tunnel its key, and tells it of the hosts. */
  async introduce(n: number, hosts = this.members.map((_, m) => this.says(m))): Promise<void> {
    const { id, keys } = this.members[n]!;
    const { tunnel } = this.hosts[n]!.parts;
    await tunnel!.identify({ host: id, key: keys[0]!.private, port: WIREGUARD_PORT });
    await tunnel!.setHosts(hosts);
  }

  /** Gives all hosts' tunnels their keys. */
  async introduceAll(): Promise<void> {
    for (const n of this.hosts.keys()) await this.introduce(n);
  }

  /** Name of the nth host's WireGuard device. */
  device(n: number): string {
    return deviceName(this.members[n]!.id);
  }

  async #addHost(): Promise<void> {
    const n = this.hosts.length;
    const id = crypto.getRandomValues(new Uint8Array(32)).toHex();
    this.members.push({ id, keys: [await newKeyPair()] });
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
    for (const host of this.hosts) {
      await host.parts.tunnel?.settle(new Set()); // A program of its own ends with it.
      await host[Symbol.asyncDispose]();
    }
    await this.switch[Symbol.asyncDispose]();
  }
}
