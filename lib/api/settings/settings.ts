/**
 * The daemon's settings: names, defaults, help, forms, and their texts in the manual. Everything that
 * knows a setting takes it from here; the client loads it, too, so it needs no library. Pure.
 *
 * @module
 */
import { choice, file, flag, integer, type Kind, listOf, path, socket, text } from "./kinds.ts";

/** Levels of the log. */
export const LOG_LEVELS = ["debug", "info", "warn", "error", "fatal"] as const;

/** How `kv-store` begins; a test holds it against the stores. */
export const STORES: readonly string[] = ["local", "etcd:", "consul:", "zookeeper:", "denokv:"];

/** Where Docker looks for a plugin of the name `netsvc`. */
const DOCKER_PLUGIN_SOCKET = "/run/docker/plugins/netsvc.sock";

/** A setting. */
export interface Setting<T = unknown> {
  /** Its name in the file; on the command line with `--` before it. */
  name: string;
  /** Letter on the command line. */
  short?: string;
  kind: Kind<T>;
  /** What stands for its value in the help. */
  placeholder?: string;
  /** Without one it is absent unless given. */
  default?: T;
  /** The default in words, where it isn't a value. */
  found?: string;
  /** Line of `netsvc --help`; absent where the client has the option, too. */
  help?: string;
  /** Its text in the manual, in Markdown. */
  manual: string;
}

/** All settings, by their fields. */
export const SETTINGS = {
  hosts: {
    name: "host",
    short: "-H",
    kind: listOf(text("an address like unix:///run/netsvc.sock")),
    default: ["unix:///run/netsvc.sock"],
    manual: "where to listen; repeatable",
  },
  logLevel: {
    name: "log-level",
    short: "-l",
    kind: choice(LOG_LEVELS),
    default: "info",
    manual: "`debug`, `info`, `warn`, `error` or `fatal`",
  },
  stateDir: {
    name: "state-dir",
    kind: path,
    placeholder: "DIR",
    default: "/var/lib/netsvc",
    help: "directory of the state",
    manual: "absolute path",
  },
  runDir: {
    name: "run-dir",
    kind: path,
    placeholder: "DIR",
    default: "/run/netsvc",
    help: "directory of what ends with a boot",
    manual: "absolute path",
  },
  defaultNetwork: {
    name: "default-network",
    kind: text("DRIVER:NETWORK"),
    placeholder: "DRIVER:NETWORK",
    default: "bridge:bridge",
    help: "where containers go",
    manual: "where containers go that name no network; made at start if it is missing and the " +
      "driver makes networks",
  },
  defaultAddressPools: {
    name: "default-address-pool",
    kind: listOf(text("a pool like base=10.0.0.0/8,size=24")),
    placeholder: "POOL",
    default: [],
    found: "see [networking.md](networking.md)",
    help: "base=CIDR,size=N (repeatable)",
    manual: "`base=CIDR,size=N`; repeatable",
  },
  pluginDirs: {
    name: "plugin-dir",
    kind: listOf(path),
    placeholder: "DIR",
    default: [],
    found: "where Docker looks",
    help: "look for plugins here instead (repeatable)",
    manual: "directory of plugins' sockets, `.spec` and `.json`, in place of Docker's; " +
      "repeatable: see [plugins.md](plugins.md)",
  },
  kvStore: {
    name: "kv-store",
    kind: { ...text("local or PROVIDER:URL"), completes: STORES },
    placeholder: "PROVIDER:URL",
    default: "local",
    help: "the store, e.g. etcd:10.0.0.9:2379",
    manual: "`local`, the embedded store, or `PROVIDER:URL`, the store that hosts share: see " +
      "[cluster.md](cluster.md) and [stores.md](stores.md)",
  },
  dockerSocket: {
    name: "docker-socket",
    kind: file,
    placeholder: "PATH",
    default: "/var/run/docker.sock",
    help: "Docker's socket",
    manual: "Docker's socket: its containers as backends, and what the " +
      "[docker command](docker.md) asks for beyond networks",
  },
  dockerPlugin: {
    name: "docker-plugin",
    kind: socket(DOCKER_PLUGIN_SOCKET),
    placeholder: "PATH",
    help: `be Docker's plugin (${DOCKER_PLUGIN_SOCKET})`,
    manual: `be Docker's plugin, at \`${DOCKER_PLUGIN_SOCKET}\` or at the path given: see ` +
      "[docker.md](docker.md)",
  },
  tlsCert: {
    name: "tls-cert",
    kind: file,
    placeholder: "FILE",
    help: "certificate for TCP",
    manual: "certificate for TCP",
  },
  tlsKey: {
    name: "tls-key",
    kind: file,
    placeholder: "FILE",
    help: "its key",
    manual: "its key",
  },
  tokenFile: {
    name: "token-file",
    kind: file,
    manual: "tokens of which clients on TCP must give one, a line each",
  },
  insecure: {
    name: "insecure",
    kind: flag,
    default: false,
    help: "allow TCP without token, and beyond loopback without TLS",
    manual: "allow TCP without token, and beyond loopback without TLS",
  },
  containersMayReachStore: {
    name: "containers-may-reach-store",
    kind: flag,
    default: false,
    help: "let containers connect to the store",
    manual: "let containers connect to the endpoints of `kv-store`: see [cluster.md](cluster.md)",
  },
  takeOver: {
    name: "take-over",
    kind: flag,
    default: false,
    help: "remove what another state directory left on this host",
    manual: "remove what another state left on this host: see above",
  },
  hostName: {
    name: "host-name",
    kind: text(
      `1 to 64 letters, digits, ".", "_" and "-", a letter or a digit first`,
      /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/,
    ),
    placeholder: "NAME",
    found: "the machine's",
    help: "name of this host",
    manual: "1 to 64 letters, digits, `.`, `_`, `-`",
  },
  advertise: {
    name: "advertise",
    kind: text("an IP address or the name of an interface"),
    placeholder: "IP|INTERFACE",
    found: "the address towards the default route",
    help: "where other hosts reach this one",
    manual: "IP address, or interface, at which other hosts reach this one",
  },
  overlayPort: {
    name: "overlay-port",
    kind: integer({ what: "a UDP port", min: 1, max: 65535 }),
    placeholder: "PORT",
    default: 4789,
    help: "UDP port of overlay networks",
    manual: "UDP port of overlay networks, the same on all hosts",
  },
  wireguardPort: {
    name: "wireguard-port",
    kind: integer({ what: "a UDP port", min: 1, max: 65535 }),
    placeholder: "PORT",
    default: 51820,
    help: "UDP port of encrypted networks",
    manual:
      "UDP port of overlay networks that are encrypted; other hosts find this host's by the store",
  },
  leaseTtl: {
    name: "lease-ttl",
    kind: integer({ what: "seconds", min: 2, max: 600 }),
    placeholder: "SECONDS",
    default: 10,
    help: "how long a silent host counts as alive",
    manual: "seconds that a silent host counts as alive, 2 to 600",
  },
  replaceAfter: {
    name: "replace-after",
    kind: integer({ what: "seconds", min: 30, max: 86_400 }),
    placeholder: "SECONDS",
    default: 600,
    help: "when another host votes in the place of one that is gone",
    manual:
      "seconds after which another host votes in the place of a voter that is gone, 30 to 86400; see " +
      "[cluster.md](cluster.md)",
  },
  etcd: {
    name: "etcd",
    kind: file,
    placeholder: "PATH",
    found: "the one in `PATH`",
    help: "etcd of a cluster of cluster init's",
    manual: "etcd that runs where this host votes, in place of the one of `init` or `join`; see " +
      "[cluster.md](cluster.md)",
  },
  dnsTtl: {
    name: "dns-ttl",
    kind: integer({ what: "seconds", min: 0, max: 3600 }),
    placeholder: "SECONDS",
    default: 5,
    help: "time to live of names",
    manual: "time to live of names, in seconds, 0 to 3600",
  },
  dnsDomainNeeded: {
    name: "dns-domain-needed",
    kind: flag,
    default: false,
    help: "names without a dot are never asked outside",
    manual: "names without a dot are never asked outside as they are; see " +
      "[networking.md](networking.md)",
  },
} satisfies Record<string, Setting>;

type Table = typeof SETTINGS;
type Field = keyof Table;
type ValueOf<F extends Field> = Table[F]["kind"] extends Kind<infer T> ? T : never;
type Defaulted = { [F in Field]: Table[F] extends { default: unknown } ? F : never }[Field];

/** Settings of `netsvc -d`. */
export type DaemonSettings =
  & { [F in Defaulted]: ValueOf<F> }
  & { [F in Exclude<Field, Defaulted>]?: ValueOf<F> };

/** Settings of a daemon without options and configuration file. */
export const DEFAULT_SETTINGS: DaemonSettings = Object.fromEntries(
  Object.entries<Setting>(SETTINGS).flatMap(([field, setting]) =>
    setting.default === undefined ? [] : [[field, setting.default]]
  ),
) as DaemonSettings;

/** Fields and settings by the names that users know. */
export const BY_NAME: ReadonlyMap<string, { field: string; setting: Setting }> = new Map(
  Object.entries<Setting>(SETTINGS).map(([field, setting]) => [setting.name, { field, setting }]),
);
