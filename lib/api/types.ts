/**
 * What crosses the API, as plain types: all that the client knows of the server. The zod schemas of
 * `lib/api/schemas.ts` are checked against these at compile time.
 *
 * @module
 */

/** An address pool of a network. All addresses are in their shortest text form. */
export interface Pool {
  family: 4 | 6;
  /** CIDR with the host bits zero, e.g. `172.18.0.0/20`. */
  subnet: string;
  /** Address without prefix length; absent where the driver has no gateway. */
  gateway?: string;
  /** CIDR inside `subnet` from which addresses are picked. */
  range?: string;
  /** Name to address: reserved, never handed out. */
  aux?: Record<string, string>;
}

/**
 * Header of answers while the shared store doesn't answer the daemon: for how long, in seconds. What
 * is shown of other hosts is then as it was seen last.
 */
export const STORE_AWAY_HEADER = "netsvc-store-away";

/** Header of `GET /hosts`: who may write into the store besides the hosts, percent-encoded. */
export const STORE_EXPOSED_HEADER = "netsvc-store-exposed";

/** `local`: this host's own; `global`: the store's, on all hosts. */
export type Scope = "local" | "global";

/** Who hands out a network's addresses, where that is a plugin. */
export interface NetworkIpam {
  driver: string;
  options: Record<string, string>;
  /** The plugin's names of the network's pools, in their order. */
  pools: { poolId: string }[];
  /** It forgets: it is asked for everything again when it was restarted. */
  replay: boolean;
}

/** A network. */
export interface Network {
  /** 64 hex digits. */
  id: string;
  name: string;
  driver: string;
  scope: Scope;
  /** RFC 3339, UTC. */
  created: string;
  internal: boolean;
  ipv6: boolean;
  /** VXLAN network identifier (RFC 7348), of networks that have one. */
  vni?: number;
  pools: Pool[];
  /** Absent where netsvc hands out the addresses itself. */
  ipam?: NetworkIpam;
  options: Record<string, string>;
  labels: Record<string, string>;
  /** `none`, `host`, `bridge`: can't be removed. */
  predefined: boolean;
}

/** The answer to a create. */
export interface CreatedNetwork extends Network {
  /** What only the user can do, so that it works on this host, a sentence each; absent where there is nothing. */
  warnings?: string[];
}

/** A network in a list. */
export interface ListedNetwork extends Network {
  /** How many services it has. */
  serviceCount: number;
}

/** A network with its services, as `network info` shows it. */
export interface NetworkDetail extends Network {
  services: Service[];
  /** What a plugin tells of the endpoints of this host, by the service's id. */
  endpoints?: Record<string, Record<string, unknown>>;
}

/** Body of `POST /networks`. */
export interface CreateNetwork {
  name: string;
  driver?: string;
  /** CIDRs; none may overlap another. */
  subnets?: string[];
  /** One for each subnet at most, as all that follows: it belongs to the one that holds it. */
  gateways?: string[];
  ranges?: string[];
  /** `NAME=IP`. */
  aux?: Record<string, string>;
  internal?: boolean;
  /** `false`: none; then it needs IPv6. */
  ipv4?: boolean;
  ipv6?: boolean;
  /** A plugin that hands out the addresses; `default`: netsvc does; `null`: the driver's plugin. */
  ipamDriver?: string;
  ipamOptions?: Record<string, string>;
  options?: Record<string, string>;
  labels?: Record<string, string>;
}

/** Another service under a word of one container's own. */
export interface LinkAlias {
  /** `SERVICE[.NETWORK]`; without a network, on the network of the service attached to. */
  service: string;
  alias: string;
}

/** A port that a service offers; what SRV answers with. */
export interface ServicePort {
  name?: string;
  /** 1 to 65535. */
  port: number;
  protocol: "tcp" | "udp";
}

/** The container behind a service. */
export interface Backend {
  container: { id: string; name?: string; runtime: string };
  /** Name of the host it runs on. */
  host: string;
  /** Name of the link inside the sandbox, e.g. `eth0`. */
  interface: string;
  /** RFC 3339, UTC. */
  attached: string;
  aliases: LinkAlias[];
}

/** A service: a name on a network with its own address; libnetwork's endpoint. */
export interface Service {
  id: string;
  name: string;
  network: { id: string; name: string; scope: Scope };
  created: string;
  /** CIDRs, IPv4 first, e.g. `172.18.0.2/20`. */
  addresses: string[];
  /** Lower case, colons. */
  mac: string;
  aliases: string[];
  ports: ServicePort[];
  /** Published by a container under its own name; goes when the container does. */
  auto: boolean;
  backend?: Backend;
}

/** Body of `POST /services`. */
export interface PublishService {
  name: string;
  /** Reference; the default network unless given. */
  network?: string;
  aliases?: string[];
  /** At most one of each family. */
  ips?: string[];
  mac?: string;
  ports?: ServicePort[];
}

/** Body of `POST /services/{ref}/attach`. */
export interface AttachService {
  /**
   * A container of netsvc's, of Docker or of Podman by name or (partial) id, `docker:REF`,
   * `podman:REF`, `pid:PID` or `netns:PATH`.
   */
  container: string;
  aliases?: LinkAlias[];
  /** When the container (of Docker or Podman) is started again it backs the service again. */
  restart?: boolean;
}

/** Body of `POST /services/{ref}/detach`. */
export interface DetachService {
  /** Must be the backend; absent only with `force`. */
  container?: string;
  force?: boolean;
}

/** What a forced removal cut, in words for people. */
export interface Removed {
  name: string;
  cut: string[];
}

/** `[IP:]HOST:CTR[/proto]`, parsed. */
export interface PublishedPort {
  /** Address on the host; absent: all of them. */
  hostIp?: string;
  /** 0: the daemon picks one. */
  hostPort: number;
  /** Where any port of a range is as good, its last one: the first that is free is taken. */
  hostPortEnd?: number;
  containerPort: number;
  protocol: "tcp" | "udp";
}

/** Life of a container's process; `created` has none (yet). */
export type ContainerState = "created" | "running" | "exited";

/** A container: what a sandbox belongs to. */
export interface Container {
  id: string;
  name?: string;
  /** `netsvc` for those that netsvc made; `docker`, `podman`, `pid`, `netns`. */
  runtime: string;
  created: string;
  state: ContainerState;
  /** 0 to 255; absent while running, or when nobody saw it. */
  exitCode?: number;
  /** Process id of the container's init on the host. */
  pid?: number;
  hostname: string;
  /** Path of the network namespace; absent for `--net host` and `container:…`. */
  sandbox?: string;
  /** `bridge`-like networks: `networks`; else `host`, `none`, `container:ID`. */
  networkMode: string;
  services: { id: string; name: string; network: string; addresses: string[]; interface: string }[];
  ports: PublishedPort[];
  command?: string[];
  autoRemove: boolean;
  /** `always`, `unless-stopped`, `on-failure[:N]`; absent: it isn't started again by itself. */
  restart?: string;
  /** How often it was, since somebody started it. */
  restarts?: number;
}

/** The process of a container. */
export interface ProcessSpec {
  /** At least one word. */
  command: string[];
  env?: Record<string, string>;
  /** Absolute path inside the container. */
  workdir?: string;
  /** A directory of the daemon's machine that becomes the container's `/`. */
  rootfs?: string;
  /** With a root of its own: all capabilities, and all of /proc, /sys and /dev. */
  privileged?: boolean;
  tty?: boolean;
  interactive?: boolean;
}

/** Body of `POST /containers/expected`, and of `POST /containers`. */
export interface CreateContainer {
  /**
   * A running container of Docker or Podman (`docker:REF`) to take in instead of making one; then
   * `name`, `hostname`, `process` and `autoRemove` are its own business.
   */
  foreign?: string;
  name?: string;
  hostname?: string;
  /** Network reference, `host`, `none` or `container:REF`. */
  network?: string;
  /** `SERVICE[.NETWORK]` each; published when they don't exist. */
  publishServices?: string[];
  ports?: PublishedPort[];
  /**
   * With a process and without `network` and `publishServices` the container goes to the default
   * network; without a process it starts on no network.
   */
  process?: ProcessSpec;
  autoRemove?: boolean;
  /** `no`, `always`, `unless-stopped`, `on-failure[:N]`. */
  restart?: string;
  /** Signal that stops it; SIGTERM unless given. */
  stopSignal?: string;
  /** How long it may take to stop before it is killed, in seconds; 10 unless given. */
  stopTimeout?: number;
}

/** Body of `POST /containers/{ref}/stop` and `…/restart`; what is absent is as it was created with. */
export interface StopContainer {
  signal?: string;
  /** In seconds. */
  timeout?: number;
}

/** Body of `POST /containers/{ref}/exec`. */
export type ExecSpec = Omit<ProcessSpec, "rootfs" | "privileged"> & LaunchContainer;

/** What a container's process is started with, as the daemon's machine has it. */
export interface Launch {
  command: string[];
  env: Record<string, string>;
  workdir: string;
  hostname: string;
  /** Absolute path on the host; `""` for the host's own root. */
  rootfs: string;
  /** With a root of its own: nothing is kept from it. */
  privileged: boolean;
  /** Path of the network namespace. */
  namespace: string;
  /** It isn't the host's. */
  ownNetwork: boolean;
  /** Directory of all namespaces' mounts. */
  namespaces: string;
  /** Files to bind over others: source on the host, target in the container. */
  binds: [string, string][];
  /** Where the process id goes. */
  pidFile: string;
  /** Where the exit status goes; `""`: nowhere. */
  statusFile: string;
  /** Where output goes, appended; `""`: to the standard streams that it is started with. */
  logFile: string;
  tty: boolean;
  /** The starter's own standard input is a terminal: no new one is made. */
  terminal: boolean;
}

/** What a further process in a running container is started with. */
export interface Exec
  extends
    Pick<Launch, "command" | "env" | "hostname" | "tty" | "terminal" | "rootfs" | "privileged"> {
  /** Absent: where the container's own command works. */
  workdir?: string;
  /** A process inside the container, as the host counts: its namespaces and root are entered. */
  pid: number;
  /** When it began (proc_pid_stat(5)): numbers are given again. */
  begun: string;
}

/**
 * What a client on the daemon's machine needs to know to start a process in a sandbox, with its own
 * standard streams: no program and no word of a command line, which the client makes by itself.
 */
export type LaunchSpec = { start: Launch } | { exec: Exec };

/** Body of `POST /containers/{ref}/kill`. */
export interface KillContainer {
  /** `SIGTERM`-like name. */
  signal: string;
  /** Where a process of `exec` is meant: the one that the client started, on the daemon's machine. */
  pid?: number;
  /** First-child steps below `pid`, from the launch plan. */
  depth?: number;
}

/** Body of `POST /containers/{ref}/launch`. */
export interface LaunchContainer {
  /** The client's standard input is a terminal: the process gets that one. */
  terminal?: boolean;
}

/** What is wanted of `GET /containers/{ref}/logs`. */
export interface LogRequest {
  /** Go on until the container ends. */
  follow?: boolean;
  /** Begin each line with its time (RFC 3339). */
  timestamps?: boolean;
  /** So many lines from the end; all that is kept unless given. */
  tail?: number;
  /** Only what was written from then on, in milliseconds since 1970. */
  since?: number;
}

/** Answer of `POST /containers/{ref}/wait`; `done` is false when the wait's deadline came first. */
export interface WaitResult {
  done: boolean;
  exitCode?: number;
}

/** A host that runs, or has run, a daemon on the shared store. */
export interface Host {
  /** 64 hex digits. */
  id: string;
  name: string;
  /** Underlay address; absent where there is none that others could reach. */
  address?: string;
  /** Whether it holds its lease. */
  status: "up" | "down";
  /** It is the one that answers. */
  self: boolean;
  version: string;
  /** RFC 3339, UTC: start of its daemon. */
  started: string;
}

/** A host with the services of global networks that it backs. */
export interface HostDetail extends Host {
  /** UDP port of VXLAN. */
  overlayPort: number;
  services: { name: string; network: string }[];
}

/** What a check of `netsvc doctor` found. */
export interface Finding {
  /** What was checked, in a word: `tools`, `store`, `underlay`, … */
  check: string;
  /** `problem`: something doesn't work; `warning`: it works, but not as well as it should. */
  status: "ok" | "warning" | "problem" | "skipped";
  /** In plain words. */
  message: string;
  /** What to do about it. */
  remedy?: string;
}

/** One line of `GET /doctor`: a check begins, or has found something. */
export type DoctorLine = { checking: string } | Finding;

/** Answer of `GET /version`. */
export interface VersionInfo {
  version: string;
  deno: string;
  os: string;
  arch: string;
  kernel: string;
  defaultNetwork: string;
}

/** One event of `GET /events` (server-sent events; `event:` is `type`.`action`). */
export interface NetsvcEvent {
  type: "network" | "service" | "container";
  action: string;
  id: string;
  name: string;
  /** RFC 3339, UTC. */
  time: string;
  attributes: Record<string, string>;
}
