/**
 * The one interface to the kernel's networks: drivers don't know the store, HTTP or the controllers.
 * Every method is idempotent, may run after a crash in any state of the kernel, undoes what it did
 * when it fails half-way, and rejects with a `NetsvcError` (`kernel`, `invalid`, `unsupported`).
 *
 * @module
 */
import type { Pool, PublishedPort, Scope } from "../lib/api/types.ts";

/** A network as drivers see it. */
export interface NetworkSpec {
  /** 64 hex digits; kernel names are derived from it. */
  id: string;
  name: string;
  scope: Scope;
  internal: boolean;
  ipv6: boolean;
  pools: Pool[];
  /** The user's `-o KEY=VALUE`, validated by {@linkcode Driver.validate}. */
  options: Record<string, string>;
  /** VXLAN network identifier (RFC 7348), 1 to 16777215; only with drivers whose networks have one. */
  vni?: number;
}

/** An endpoint (of a service) as drivers see it. */
export interface EndpointSpec {
  /** 64 hex digits; kernel names are derived from it. */
  id: string;
  /** CIDRs, IPv4 first. */
  addresses: string[];
  /** Lower case, colons. */
  mac: string;
}

/** An endpoint of a network on another host. */
export interface Peer {
  endpoint: EndpointSpec;
  /** Underlay address, without prefix length, of the tunnel endpoint (VTEP) that the peer is behind. */
  vtep: string;
  /** Id of that host: what its address in the tunnels of encrypted networks is made of. */
  host?: string;
}

/** A container's network namespace. */
export interface SandboxSpec {
  /** 64 hex digits: the container's. */
  id: string;
  /** Path of the namespace, e.g. `/run/netsvc/netns/<id>`. */
  path: string;
}

/** How an endpoint sits in a sandbox. */
export interface Join {
  endpoint: EndpointSpec;
  sandbox: SandboxSpec;
  /** Name of the link inside the sandbox: `eth0`, `eth1`, … */
  interface: string;
  /** Whether this endpoint's gateway is the sandbox's default route. */
  gateway: boolean;
  /**
   * Whether its gateway is the default route of IPv6 alone, where the endpoint with the default route has no IPv6.
   */
  gateway6?: boolean;
  /** Host ports that lead to this endpoint; host port 0 is already replaced by a real one. */
  ports: PublishedPort[];
}

/** What a driver decided about an endpoint that it joined, where the decision isn't netsvc's. */
export interface Decided extends Pick<EndpointSpec, "addresses" | "mac"> {
  /**
   * `own`: it leads out of the network itself; `leg`: it names no gateway, so another interface has
   * to; `none`: it wants none.
   */
  wayOut: "own" | "leg" | "none";
}

/** A network with all its joins on this host: what reconcile compares the kernel with. */
export interface DesiredNetwork {
  network: NetworkSpec;
  joins: Join[];
  /** Endpoints on other hosts; empty for local drivers, and where nothing is joined. */
  peers: Peer[];
}

/** What a reconcile found and did, in words for the log; empty when nothing was wrong. */
export interface ReconcileReport {
  mended: string[];
  removed: string[];
  /** Failures that did not stop the rest. */
  failed: Error[];
}

/** The capabilities of a driver. */
export interface DriverCapabilities {
  scope: Scope;
  /** Whether users may create networks of this driver (`host` and `null` have one each). */
  createsNetworks: boolean;
  /** Whether its networks have address pools and its endpoints links; `false`: names only. */
  addresses: boolean;
  /** Whether its networks may be encrypted, by the option `encrypted`. */
  encrypts?: boolean;
  /** Whether its networks have a VNI ({@linkcode NetworkSpec.vni}), unique in the cluster. */
  vni: boolean;
  /**
   * Where the way out of its networks is: `own`, its pools have gateways that the driver serves;
   * `leg`, containers need a second interface on a network of this host that leads out; `plugin`, a
   * plugin says so of each endpoint when it is joined; `none`.
   */
  gateway: "own" | "leg" | "plugin" | "none";
  /** Whether nothing may change its networks while it reconciles: what it doesn't expect it removes. */
  exclusiveWithReconcile: boolean;
  /**
   * Whether the driver is another program, a plugin: it decides about its options, and maybe its addresses; it may
   * be slow or unavailable; and netsvc has to record what it asked for, since it can't look inside.
   */
  external: boolean;
}

/** A host of the cluster, as the others reach it. */
export interface HostSpec {
  /** Underlay address, without prefix length. */
  address: string;
  /** Whether it is this host. */
  self: boolean;
}

/** This host's end of tunnels to other hosts. */
export interface Underlay {
  /** IPv4 or IPv6, without prefix length. */
  address: string;
  /** The link that has the address. */
  interface: string;
  /** MTU of that link, in bytes. */
  mtu: number;
  /** The link whose packets carry those of this one, where it is a tunnel itself. */
  below?: { interface: string; mtu: number };
}

/** Keeps network namespaces that drivers make for themselves. */
export interface NamespaceKeeper {
  /** Path under which the namespace is opened; pure. */
  path(id: string): string;
  /** Makes and pins an empty namespace; harmless when it exists already. */
  create(id: string): Promise<void>;
  /** Unpins a namespace; harmless when it doesn't exist. */
  remove(id: string): Promise<void>;
  /** Whether the namespace exists and is alive. */
  alive(id: string): boolean;
  /** Ids of the drivers' pinned namespaces, without containers'. */
  listOwn(): string[];
}

/** A network driver. */
export interface Driver {
  readonly name: string;
  readonly capabilities: DriverCapabilities;
  /**
   * Checks the options of a network that is to be created. Pure: touches nothing.
   *
   * @param ipv6 whether the network has IPv6, as far as is known
   * @throws {NetsvcError} `invalid`, naming the option, the value and what is allowed
   */
  validate(options: Record<string, string>, ipv6?: boolean): void;
  createNetwork(network: NetworkSpec): Promise<void>;
  /** What only the user can do to make the driver's networks work on this host: a sentence each. */
  readonly missing?: readonly string[];
  /** Name of the link in the host's namespace that a network's traffic passes, if there is one. Pure. */
  hostLink?(network: NetworkSpec): string | undefined;
  /** Repairs what other programs changed and its networks need: cheap, and called every second. */
  look?(): Promise<string[]>;
  deleteNetwork(network: NetworkSpec): Promise<void>;
  /**
   * Joins an endpoint to its sandbox: link, addresses, routes, published ports. An endpoint exists in the kernel
   * only while it is joined; before, it belongs to no host.
   */
  join(network: NetworkSpec, join: Join): Promise<Decided | void>;
  /** Unpublishes the ports of an endpoint that stays joined: the ports go to another endpoint. */
  unpublish?(network: NetworkSpec, join: Join): Promise<void>;
  /** Removes the endpoint from its sandbox and from the kernel; harmless when the sandbox no longer exists. */
  leave(network: NetworkSpec, join: Join): Promise<void>;
  /**
   * Makes the kernel know exactly these endpoints of a network on other hosts; the driver diffs. Level-triggered:
   * call it with all of them, in any order with joins. A network without joins on this host gets no entries.
   */
  setPeers(network: NetworkSpec, peers: Peer[]): Promise<void>;
  /**
   * Compares the desired state with the kernel's and repairs the difference without cutting live traffic; removes
   * links with netsvc's names that aren't desired. Goes on past failures.
   *
   * @param thorough look into every sandbox, where a driver doesn't each time
   */
  reconcile(desired: DesiredNetwork[], thorough?: boolean): Promise<ReconcileReport>;
  /**
   * Finds out the driver's capabilities, before the first decision about one of its networks; a driver without it
   * has right {@linkcode capabilities} from the start.
   *
   * @throws {NetsvcError} `not_found` naming the places that were looked at, `unsupported`, `unavailable`, `timeout`
   */
  activate?(): Promise<unknown>;
  /**
   * Whether pools of a network with these options need a gateway's address; without this method the capabilities
   * decide.
   */
  needsGateway?(options: Record<string, string>): Promise<{ 4: boolean; 6: boolean }>;
  /** Tells the driver all hosts of the cluster, this one too; level-triggered. */
  setHosts?(hosts: HostSpec[]): Promise<void>;
  /** What the driver reports about an endpoint, for people to read. */
  endpointInfo?(network: string, endpoint: string): Promise<Record<string, unknown>>;
}
