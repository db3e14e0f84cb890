/**
 * The tunnel of a host: its WireGuard device in a namespace of its own, in which encrypted networks have the UDP sockets of
 * their VXLAN devices. There is no other link in it: what they send can leave by the tunnel alone, and nothing
 * reaches them but what came by it. It is there while an encrypted network is.
 *
 * @module
 */
import { Mutex } from "../../../lib/async/mutex.ts";
import { errorChain, NetsvcError } from "../../../lib/api/errors.ts";
import { writeFileSync } from "../../../lib/linux/libc.ts";
import { MIN_IPV6_MTU } from "../../../lib/linux/net/mtu.ts";
import type { Runner } from "../../../lib/linux/tools/runner.ts";
import { ToolError } from "../../../lib/linux/tools/tool_error.ts";
import { WireGuardDevice } from "../../../lib/linux/wireguard/device.ts";
import type { ObservedDevice } from "../../../lib/linux/wireguard/dump.ts";
import { publicKeyOf } from "../../../lib/linux/wireguard/keys.ts";
import { planPeers } from "../../../lib/linux/wireguard/plan.ts";
import { linkAlias } from "../../links/names.ts";
import type { NamespaceKeeper, Underlay } from "../../driver.ts";
import { deviceName, TUNNEL_PREFIX, tunnelAddress } from "./address.ts";
import { tunnelMtu } from "./mtu.ts";
import { activeKey, admitted, isStale, peersOf, type Sought, type TunnelHost } from "./peers.ts";
import { SourceWatch } from "./source_watch.ts";

/** Id of the tunnel's namespace. */
export const TUNNEL_NAMESPACE = "tunnel";
/** Looks, of one a second, between two at a peer that is out of reach. */
const STALE_LOOKS = 5;
/** Looks between two attempts to bring a device back. */
const RETRY_LOOKS = 30;

/** What the tunnel is made with. */
export interface TunnelTools {
  runner: Runner;
  namespaces: NamespaceKeeper;
  underlay(): Underlay | undefined;
}

/** Who this host is to others. */
export interface TunnelIdentity {
  host: string;
  /** Its private key. */
  key: string;
  /** UDP port. */
  port: number;
}

/** A host at the other end. */
export interface TunnelPeer {
  host: string;
  /** The public key that it uses. */
  key: string;
  /** ADDRESS:PORT that its packets come from. */
  endpoint?: string;
  /** Of the last handshake, in seconds since the epoch; 0 before the first. */
  handshake: number;
  received: number;
  sent: number;
}

/** The tunnel. */
export class Tunnel {
  readonly #tools: TunnelTools;
  readonly #serial = new Mutex();
  #device: WireGuardDevice | undefined;
  #identity: (TunnelIdentity & { public: string }) | undefined;
  /** Other hosts; `undefined` until they are known. */
  #hosts: TunnelHost[] | undefined;
  #refused: TunnelHost[] = [];
  /** The hosts on each encrypted network that this host is on. */
  readonly #sharing = new Map<string, ReadonlySet<string>>();
  /** Whether those are all of them: an earlier daemon's peers stay until then. */
  #complete = false;
  readonly #sought = new Map<string, Sought>();
  /** MTU of the device as this daemon has set it up, in bytes; `undefined`: it hasn't. */
  #mtu: number | undefined;
  /** Whether some peer is to be looked at soon: it has two keys, or is out of reach. */
  #attention: "keys" | "stale" | undefined;
  #looks = 0;
  /** The look before which a device that can't be made isn't tried again. */
  #givenUp = 0;
  readonly #sources: SourceWatch;

  constructor(tools: TunnelTools) {
    this.#tools = tools;
    this.#sources = new SourceWatch(tools.runner);
  }

  /** Path of the namespace. */
  get path(): string {
    return this.#tools.namespaces.path(TUNNEL_NAMESPACE);
  }

  /** Hosts that are left out, since another has their key or their address. */
  get refused(): readonly TunnelHost[] {
    return this.#refused;
  }

  /** Says who this host is; a device that is there takes a new key at once. */
  async identify(identity: TunnelIdentity): Promise<void> {
    const known = { ...identity, public: await publicKeyOf(identity.key) };
    await this.#serial.run(async () => {
      const { runner } = this.#tools;
      this.#identity = known;
      this.#device ??= new WireGuardDevice(runner, {
        name: deviceName(identity.host),
        namespace: () => this.path,
      });
      if (this.#mtu !== undefined && this.#device.isThere) await this.#configure();
    });
  }

  /** Says which hosts there are, and their keys; level-triggered. */
  setHosts(hosts: TunnelHost[]): Promise<void> {
    return this.#serial.run(async () => {
      this.#hosts = hosts;
      await this.#applyPeers();
    });
  }

  /**
   * Opens the tunnel where it isn't; the first encrypted network of this host does.
   *
   * @returns this host's end, as the underlay of an encrypted network
   * @throws {NetsvcError} `unsupported` naming a package, `unavailable` without an underlay or an identity
   */
  open(): Promise<Underlay> {
    return this.#serial.run(async () => {
      const below = this.#tools.underlay();
      if (!below || !this.#identity) {
        throw new NetsvcError(
          "unavailable",
          below
            ? "this host has no key for encrypted networks yet; try again"
            : "this host has no address that other hosts reach; give the daemon one with --advertise",
        );
      }
      const mtu = this.#mtuOver(below);
      if (this.#mtu === undefined || !this.#device!.isThere) await this.#make(mtu);
      else if (this.#mtu !== mtu) await this.#setUp(mtu);
      return {
        address: tunnelAddress(this.#identity.host),
        interface: this.#device!.name,
        mtu,
        below: { interface: below.interface, mtu: below.mtu },
      };
    });
  }

  #mtuOver(below: Underlay): number {
    return tunnelMtu(below, this.#wanted().flatMap(({ endpoints }) => endpoints));
  }

  /** Makes the device, or takes over what an earlier daemon has left. */
  async #make(mtu: number): Promise<void> {
    const { namespaces, runner } = this.#tools;
    const device = this.#device!;
    await namespaces.create(TUNNEL_NAMESPACE);
    runner.within(this.path, allowIpv6);
    // A process that no longer answers is replaced.
    if (device.isThere && !await device.read().catch(() => undefined)) await device.remove();
    if (!device.isThere) {
      await device.make();
      this.#complete = true; // It has no peers of an earlier daemon.
    }
    try {
      await this.#configure();
      await this.#applyPeers();
      await this.#setUp(mtu);
    } catch (error) {
      throw explainPort(error, this.#identity!.port);
    }
  }

  async #configure(): Promise<void> {
    const device = this.#device!;
    const { key, port, public: own } = this.#identity!;
    const seen = await device.read();
    if (seen.key !== own || seen.port !== port) await device.configure({ key, port });
  }

  async #setUp(mtu: number): Promise<void> {
    const { name: link } = this.#device!;
    const { host } = this.#identity!;
    await this.#tools.runner.apply([
      // Below what IPv6 needs the link would lose its address; what is sent by it is no larger than `mtu`.
      {
        op: "setLink",
        link,
        mtu: Math.max(mtu, MIN_IPV6_MTU),
        alias: linkAlias(host),
        noLinkLocal: true,
        up: true,
      },
      { op: "setAddress", link, address: `${tunnelAddress(host)}/128`, unchecked: true },
      { op: "setRoute", to: TUNNEL_PREFIX, link },
    ], this.path);
    this.#mtu = mtu;
  }

  /**
   * Says with which hosts this one shares an encrypted network; level-triggered. Without the last network the tunnel goes.
   *
   * @param hosts ids; `undefined` when this host isn't on the network any more
   */
  share(network: string, hosts: ReadonlySet<string> | undefined): Promise<void> {
    return this.#serial.run(async () => {
      const before = this.#sharing.get(network);
      if (hosts) this.#sharing.set(network, hosts);
      else if (!this.#sharing.delete(network)) return;
      if (hosts && before && hosts.symmetricDifference(before).size === 0) return;
      if (this.#sharing.size > 0 || !this.#complete) await this.#applyPeers();
      else await this.#close();
    });
  }

  /** Says that this host is on no other encrypted networks than these. */
  settle(networks: ReadonlySet<string>): Promise<void> {
    return this.#serial.run(async () => {
      for (const id of [...this.#sharing.keys()]) if (!networks.has(id)) this.#sharing.delete(id);
      this.#complete = true;
      if (networks.size > 0) await this.#applyPeers();
      else await this.#close();
    });
  }

  async #close(): Promise<void> {
    const { namespaces } = this.#tools;
    this.#mtu = undefined;
    this.#sought.clear();
    if (!namespaces.listOwn().includes(TUNNEL_NAMESPACE)) return;
    await this.#device?.remove();
    await namespaces.remove(TUNNEL_NAMESPACE);
  }

  /** The hosts that are to be peers. */
  #wanted(): TunnelHost[] {
    const { host, public: key } = this.#identity!;
    const { good, refused } = admitted(this.#hosts ?? [], { host, key });
    this.#refused = refused;
    const shared = new Set([...this.#sharing.values()].flatMap((hosts) => [...hosts]));
    return good.filter(({ id }) => shared.has(id));
  }

  async #applyPeers(): Promise<void> {
    if (!this.#identity || !this.#device?.isThere) return;
    const { peers: seen } = await this.#device.read();
    const now = Date.now();
    const hosts = this.#wanted();
    const wanted = peersOf(hosts, { seen, sought: this.#sought, now });
    const sure = this.#complete && this.#hosts !== undefined;
    const plan = planPeers(seen, wanted).filter((args) => sure || args.at(-1) !== "remove");
    await this.#device.setPeers(plan);
    this.#sources.follow(
      wanted.flatMap(({ key, endpoint }) => endpoint ?? seen.get(key)?.endpoint ?? []),
    );
    this.#attention = hosts.some(({ keys }) => keys.length > 1)
      ? "keys"
      : wanted.some(({ key }) => isStale(seen.get(key) ?? { handshake: 0 }, now))
      ? "stale"
      : undefined;
  }

  /** Brings a device back that has gone, and looks at peers that need it; called every second. */
  async look(): Promise<string[]> {
    if (this.#mtu === undefined || this.#sharing.size === 0) return [];
    if (!this.#device!.isThere) {
      // One that can't be brought back is not tried, and logged, each second.
      if (this.#looks++ < this.#givenUp) return [];
      this.#givenUp = this.#looks + RETRY_LOOKS;
      await this.open();
      this.#givenUp = 0;
      return ["Brought the tunnel of encrypted networks up again"];
    }
    this.#looks++;
    if (this.#sources.changed()) {
      await this.#serial.run(() => this.#device!.rebind(this.#identity!.port));
    }
    const due = this.#attention === "keys" ||
      (this.#attention === "stale" && this.#looks % STALE_LOOKS === 0);
    if (due) await this.#serial.run(() => this.#applyPeers());
    return [];
  }

  /** Compares the tunnel with what it should be, and repairs the difference. */
  async reconcile(): Promise<void> {
    await this.#serial.run(async () => {
      const below = this.#tools.underlay();
      if (this.#mtu === undefined || !below || !this.#device?.isThere) return;
      if (!await this.#device.read().catch(() => undefined)) {
        return await this.#device.remove(); // The next look makes it anew.
      }
      await this.#configure();
      await this.#setUp(this.#mtuOver(below));
      await this.#applyPeers();
    });
  }

  /** The hosts at the other end; none while the tunnel isn't there. */
  async peers(): Promise<TunnelPeer[]> {
    return await this.#serial.run(async () => {
      if (!this.#identity || !this.#device?.isThere) return [];
      const { peers } = await this.#device.read();
      return this.#wanted().flatMap((host) => peerOf(host, peers));
    });
  }

  /** Whether this daemon has opened it. */
  get isOpen(): boolean {
    return this.#mtu !== undefined;
  }
}

function peerOf(host: TunnelHost, peers: ObservedDevice["peers"]): TunnelPeer[] {
  const found = peers.get(activeKey(host, peers));
  if (!found) return [];
  const { key, endpoint, handshake, received, sent } = found;
  return [{
    host: host.id,
    key,
    ...endpoint !== undefined && { endpoint },
    handshake,
    received,
    sent,
  }];
}

/** Explains why a device can't have its port: `wireguard-go` says so when it is told, the kernel when it is brought up. */
function explainPort(error: unknown, port: number): unknown {
  if (!(error instanceof ToolError && error.errno === "EADDRINUSE")) return error;
  return new NetsvcError(
    "in_use",
    `another program of this host has UDP port ${port}; end it, or give the daemon another --wireguard-port`,
    { cause: error },
  );
}

/** Allows IPv6 in this namespace, whatever the host's default is. */
function allowIpv6(): void {
  try {
    writeFileSync("/proc/sys/net/ipv6/conf/default/disable_ipv6", "0");
  } catch (cause) {
    throw new NetsvcError(
      "unsupported",
      "this host's kernel has no IPv6, which encrypted networks use inside their tunnel; start it without " +
        "ipv6.disable=1",
      { cause: new Error(errorChain(cause).join(": ")) },
    );
  }
}
