/**
 * The daemon's settings: defaults, then the configuration file, then the command line.
 *
 * @module
 */
import { parse as parseYaml } from "yaml";
import { errorChain, NetsvcError } from "../../lib/api/errors.ts";
import {
  type DaemonFlags,
  DEFAULT_DAEMON_FLAGS,
  DOCKER_PLUGIN_SOCKET,
} from "../../lib/api/daemon_flags.ts";

/** Levels of `--log-level`. */
export const LOG_LEVELS = ["debug", "info", "warn", "error", "fatal"];

/** Bounds of a lease's time to live, in seconds. */
const MIN_LEASE_S = 2, MAX_LEASE_S = 600;

type Kind = "text" | "texts" | "switch" | "number" | "socket";

/** Long flag names (and keys of the file), what they are and where they go. */
const SETTINGS: Record<string, { kind: Kind; key: keyof DaemonFlags }> = {
  "host": { kind: "texts", key: "hosts" },
  "log-level": { kind: "text", key: "logLevel" },
  "state-dir": { kind: "text", key: "stateDir" },
  "run-dir": { kind: "text", key: "runDir" },
  "default-network": { kind: "text", key: "defaultNetwork" },
  "default-address-pool": { kind: "texts", key: "defaultAddressPools" },
  "plugin-dir": { kind: "texts", key: "pluginDirs" },
  "kv-store": { kind: "text", key: "kvStore" },
  "advertise": { kind: "text", key: "advertise" },
  "overlay-port": { kind: "number", key: "overlayPort" },
  "lease-ttl": { kind: "number", key: "leaseTtl" },
  "docker-socket": { kind: "text", key: "dockerSocket" },
  "docker-plugin": { kind: "socket", key: "dockerPlugin" },
  "tls-cert": { kind: "text", key: "tlsCert" },
  "tls-key": { kind: "text", key: "tlsKey" },
  "token-file": { kind: "text", key: "tokenFile" },
  "insecure": { kind: "switch", key: "insecure" },
  "containers-may-reach-store": { kind: "switch", key: "containersMayReachStore" },
  "take-over": { kind: "switch", key: "takeOver" },
  "host-name": { kind: "text", key: "hostName" },
  "dns-ttl": { kind: "number", key: "dnsTtl" },
  "dns-domain-needed": { kind: "switch", key: "dnsDomainNeeded" },
};

const FORMS: Record<Kind, string> = {
  text: "a text",
  texts: "a text or a list of texts",
  switch: "true or false",
  number: "a number",
  socket: "true or an absolute path that ends in .sock",
};

/** What the command line gave, by long flag name. */
export type GivenFlags = Record<string, string | string[] | boolean | undefined>;

function convert(kind: Kind, value: unknown): unknown {
  if (kind === "texts") {
    const list = Array.isArray(value) ? value : [value];
    return list.every((item) => typeof item === "string") ? list : undefined;
  }
  if (kind === "number") {
    const number = typeof value === "string" && /^\d+$/.test(value) ? Number(value) : value;
    return Number.isInteger(number) ? number : undefined;
  }
  if (kind === "socket") {
    if (value === true) return DOCKER_PLUGIN_SOCKET;
    return typeof value === "string" && /^\/.*\/[^/]+\.sock$/.test(value) ? value : undefined;
  }
  if (kind === "switch") return typeof value === "boolean" ? value : undefined;
  return typeof value === "string" && value !== "" ? value : undefined;
}

function apply(flags: DaemonFlags, given: Record<string, unknown>, source: string): void {
  for (const [name, value] of Object.entries(given)) {
    if (value === undefined) continue;
    const setting = Object.hasOwn(SETTINGS, name) ? SETTINGS[name] : undefined;
    if (!setting) {
      throw new NetsvcError(
        "invalid",
        `Unknown setting "${name}" in ${source}; known: ${Object.keys(SETTINGS).join(", ")}`,
      );
    }
    const converted = convert(setting.kind, value);
    if (converted === undefined) {
      throw new NetsvcError(
        "invalid",
        `Invalid ${name} ${JSON.stringify(value)} in ${source}: give ${FORMS[setting.kind]}`,
      );
    }
    Object.assign(flags, { [setting.key]: converted });
  }
}

function readConfig(path: string): Record<string, unknown> {
  let parsed: unknown;
  try {
    // JSON is YAML.
    parsed = parseYaml(Deno.readTextFileSync(path)) ?? {};
  } catch (error) {
    // The parser's own message goes on with the text around the mistake.
    const [why] = errorChain(error)[0]!.split(";");
    throw new NetsvcError("invalid", `Cannot read --config "${path}": ${why!.replace(/:$/, "")}`);
  }
  if (typeof parsed === "object" && !Array.isArray(parsed)) {
    return parsed as Record<string, unknown>;
  }
  throw new NetsvcError(
    "invalid",
    `The file "${path}" holds no settings; write "name: value" lines`,
  );
}

function check(flags: DaemonFlags): void {
  if (!LOG_LEVELS.includes(flags.logLevel)) {
    throw new NetsvcError(
      "invalid",
      `Unknown log level "${flags.logLevel}"; use one of ${LOG_LEVELS.join(", ")}`,
      { exitCode: 2 },
    );
  }
  for (const name of ["stateDir", "runDir"] as const) {
    if (!flags[name].startsWith("/")) {
      throw new NetsvcError(
        "invalid",
        `Invalid --${name === "stateDir" ? "state-dir" : "run-dir"} "${flags[name]}": ` +
          `give an absolute path`,
      );
    }
    flags[name] = flags[name].replace(/(?<=.)\/+$/, "");
  }
  for (const dir of flags.pluginDirs) {
    if (dir.startsWith("/")) continue;
    throw new NetsvcError("invalid", `Invalid --plugin-dir "${dir}": give an absolute path`);
  }
  flags.pluginDirs = flags.pluginDirs.map((dir) => dir.replace(/(?<=.)\/+$/, ""));
  if (flags.dnsTtl !== undefined && (flags.dnsTtl < 0 || flags.dnsTtl > 3600)) {
    throw new NetsvcError("invalid", `Invalid --dns-ttl ${flags.dnsTtl}: give 0 to 3600 seconds`);
  }
  if (flags.overlayPort < 1 || flags.overlayPort > 65535) {
    throw new NetsvcError(
      "invalid",
      `Invalid --overlay-port ${flags.overlayPort}: give a UDP port from 1 to 65535`,
    );
  }
  if (flags.leaseTtl < MIN_LEASE_S || flags.leaseTtl > MAX_LEASE_S) {
    throw new NetsvcError(
      "invalid",
      `Invalid --lease-ttl ${flags.leaseTtl}: give ${MIN_LEASE_S} to ${MAX_LEASE_S} seconds`,
    );
  }
  if (flags.hostName !== undefined && !/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(flags.hostName)) {
    throw new NetsvcError(
      "invalid",
      `Invalid --host-name "${flags.hostName}": use 1 to 64 letters, digits, ".", "_" and "-", a ` +
        `letter or a digit first`,
    );
  }
}

/** The settings of a daemon. @throws {NetsvcError} `invalid` naming setting, source and remedy */
export function daemonFlags(given: GivenFlags, config?: string): DaemonFlags {
  const flags: DaemonFlags = { ...DEFAULT_DAEMON_FLAGS };
  if (config !== undefined) apply(flags, readConfig(config), `"${config}"`);
  apply(flags, given, "the command line");
  check(flags);
  return flags;
}
