/**
 * The daemon's settings, as command line and configuration file give them.
 *
 * @module
 */

/** Settings of `netsvc -d`. */
export interface DaemonFlags {
  /** `unix:///path`, `tcp://HOST:PORT`; at least one. */
  hosts: string[];
  /** `debug`, `info`, `warning`, `error`, `fatal`. */
  logLevel: string;
  stateDir: string;
  runDir: string;
  /** `DRIVER:NETWORK`. */
  defaultNetwork: string;
  /** `base=CIDR,size=N` each; empty: the built-in ones. */
  defaultAddressPools: string[];
  /** Absolute paths; empty: where Docker looks. */
  pluginDirs: string[];
  /** `PROVIDER:URL`. */
  kvStore: string;
  /** Underlay address, or the interface that has it; found by itself unless given. */
  advertise?: string;
  /** UDP port of VXLAN; the same on all hosts. */
  overlayPort: number;
  /** How long this host is believed alive without renewing its lease, in seconds. */
  leaseTtl: number;
  /** Path of Docker's socket. */
  dockerSocket: string;
  /** Path of the socket at which Docker finds netsvc as its plugin; absent: netsvc is none. */
  dockerPlugin?: string;
  tlsCert?: string;
  tlsKey?: string;
  tokenFile?: string;
  /** TCP without token, and beyond loopback without TLS. */
  insecure: boolean;
  /** Containers may open connections to the store. */
  containersMayReachStore: boolean;
  /** Remove what another state directory left on this host, as if it were this one's. */
  takeOver: boolean;
  /** Name of this host; the machine's unless given. */
  hostName?: string;
  /** Time to live of names, in seconds. */
  dnsTtl?: number;
  /** Names without a dot aren't asked outside as they are. */
  dnsDomainNeeded: boolean;
}

/** Where Docker looks for a plugin of the name `netsvc`. */
export const DOCKER_PLUGIN_SOCKET = "/run/docker/plugins/netsvc.sock";

/** Settings of a daemon that is told nothing. */
export const DEFAULT_DAEMON_FLAGS: DaemonFlags = {
  hosts: ["unix:///run/netsvc.sock"],
  logLevel: "info",
  stateDir: "/var/lib/netsvc",
  runDir: "/run/netsvc",
  defaultNetwork: "bridge:bridge",
  defaultAddressPools: [],
  pluginDirs: [],
  kvStore: "local",
  overlayPort: 4789,
  leaseTtl: 10,
  dockerSocket: "/var/run/docker.sock",
  insecure: false,
  containersMayReachStore: false,
  takeOver: false,
  dnsDomainNeeded: false,
};
