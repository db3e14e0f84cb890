/**
 * The one interface to the kernel's networks: drivers know no store, no HTTP and no controller.
 * Every method is idempotent, may run after a crash in any state of the kernel, undoes what it did
 * when it fails half-way, and rejects with a `NetsvcError` (`kernel`, `invalid`, `unsupported`).
 *
 * @module
 */
import type { Pool, PublishedPort, Scope } from "../lib/api/types.ts";

/** What a driver is told of a network. */
export interface NetworkSpec {
  /** 64 hex digits; kernel names are derived from it. */
  id: string;
  name: string;
  scope: Scope;
  internal: boolean;
  ipv6: boolean;
  pools: Pool[];
  /** User's `-o KEY=VALUE`, validated by {@linkcode Driver.validate}. */
  options: Record<string, string>;
  /** VXLAN network identifier (RFC 7348), 1 to 16777215; of drivers whose networks have one. */
  vni?: number;
}

/** What a driver is told of an endpoint (a service). */
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
  /** Underlay address, without prefix length, of the tunnel endpoint (VTEP) behind which it is. */
  vtep: string;
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
  /** This endpoint's gateway is the sandbox's default route. */
  gateway: boolean;
  /** It is that of IPv6 alone, where the one that leads out has none. */
  gateway6?: boolean;
  /** Host ports that lead to this endpoint; host port 0 has been replaced before. */
  ports: PublishedPort[];
}

/** What a driver decided about an endpoint that it joined, where that isn't netsvc's to decide. */
export interface Decided extends Pick<EndpointSpec, "addresses" | "mac"> {
  /**
   * `own`: it leads out of the network itself; `leg`: it names no gateway, so another interface has
   * to; `none`: it wants none.
   */
  wayOut: "own" | "leg" | "none";
}

/** A network with everything that is joined to it on this host: what reconcile compares with. */
export interface DesiredNetwork {
  network: NetworkSpec;
  joins: Join[];
  /** Endpoints on other hosts; empty for local drivers, and where nothing is joined. */
  peers: Peer[];
}

/** What a reconcile found and did, in words for the log; empty when all was well. */
export interface ReconcileReport {
  mended: string[];
  removed: string[];
  /** Failures that did not stop the rest. */
  failed: Error[];
}

/** What a driver is able to do. */
export interface DriverCapabilities {
  scope: Scope;
  /** Whether users may create networks of this driver (`host` and `null` have one each). */
  createsNetworks: boolean;
  /** Whether its networks have address pools and its endpoints links; `false`: names only. */
  addresses: boolean;
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
   * Whether it is another program's, a plugin's: its options, and maybe its addresses, are its own; it may
   * be slow, or away; and what it was asked for has to be noted, since nobody can look into it.
   */
  external: boolean;
}

/** A host that others of the cluster reach. */
export interface HostSpec {
  /** Underlay address, without prefix length. */
  address: string;
  /** It is this one. */
  self: boolean;
}

/** The host's end of tunnels to other hosts. */
export interface Underlay {
  /** IPv4 or IPv6, without prefix length. */
  address: string;
  /** The link that has the address. */
  interface: string;
  /** Of that link, in bytes. */
  mtu: number;
}

/** Where drivers keep network namespaces of their own. */
export interface NamespaceKeeper {
  /** Path under which the namespace is opened; pure. */
  path(id: string): string;
  /** Makes and pins it, empty; harmless when it is there already. */
  create(id: string): Promise<void>;
  /** Unpins it; harmless when there is none. */
  remove(id: string): Promise<void>;
  /** Whether there is a living namespace. */
  alive(id: string): boolean;
  /** Ids of the drivers' namespaces that are pinned, without containers'. */
  listOwn(): string[];
}

/** A driver. */
export interface Driver {
  readonly name: string;
  readonly capabilities: DriverCapabilities;
  /**
   * Checks the options of a network to be. Pure: touches nothing.
   *
   * @param ipv6 whether the network has IPv6, as far as is known
   * @throws {NetsvcError} `invalid`, naming the option, the value and what is allowed
   */
  validate(options: Record<string, string>, ipv6?: boolean): void;
  createNetwork(network: NetworkSpec): Promise<void>;
  /** What only the user can do, so that the driver's networks work on this host: a sentence each. */
  readonly missing?: readonly string[];
  /** Name of a network's link in the host's namespace that its traffic passes, if there is one. Pure. */
  hostLink?(network: NetworkSpec): string | undefined;
  /** Looks whether others have changed what its networks need, and mends it: cheap, and done every second. */
  look?(): Promise<string[]>;
  deleteNetwork(network: NetworkSpec): Promise<void>;
  /**
   * Plugs the sandbox in: link, addresses, routes, published ports. An endpoint is made when it is joined:
   * before, it belongs to no host.
   */
  join(network: NetworkSpec, join: Join): Promise<Decided | void>;
  /** Takes back the published ports of an endpoint that stays plugged in: they go to another one. */
  unpublish?(network: NetworkSpec, join: Join): Promise<void>;
  /** Unplugs it, and removes the endpoint; harmless when the sandbox is gone already. */
  leave(network: NetworkSpec, join: Join): Promise<void>;
  /**
   * Makes the kernel know exactly these endpoints of a network on other hosts; the driver diffs.
   * Level-triggered: call it with all of them, in any order with joins. A network with nothing
   * joined on this host needs nothing, and gets nothing.
   */
  setPeers(network: NetworkSpec, peers: Peer[]): Promise<void>;
  /**
   * Compares what should be with what the kernel shows and mends the difference without cutting
   * live traffic; removes what carries netsvc's names and is not desired. Goes on past failures.
   *
   * @param thorough look into every sandbox, where a driver doesn't each time
   */
  reconcile(desired: DesiredNetwork[], thorough?: boolean): Promise<ReconcileReport>;
  /**
   * Finds out what the driver is able to do, before a network of it is decided on; without it, its
   * {@linkcode capabilities} are right from the start.
   *
   * @throws {NetsvcError} `not_found` naming the places that were looked at, `unsupported`, `unavailable`, `timeout`
   */
  activate?(): Promise<unknown>;
  /** Whether pools of a network with these options need a gateway's address; without it, by the capabilities. */
  needsGateway?(options: Record<string, string>): Promise<{ 4: boolean; 6: boolean }>;
  /** Tells of all hosts of the cluster, this one too; level-triggered. */
  setHosts?(hosts: HostSpec[]): Promise<void>;
  /** What it tells of an endpoint, for people. */
  endpointInfo?(network: string, endpoint: string): Promise<Record<string, unknown>>;
}
