/**
 * Options of bridge networks. Pure.
 *
 * @module
 */
import type { NetworkSpec } from "../driver.ts";
import { checkMtu } from "../../lib/linux/net/mtu.ts";
import { BRIDGE_PREFIX } from "../links/names.ts";
import {
  booleanOption,
  COMMON_OPTIONS,
  integerOption,
  readOptions,
  textOption,
  wordOption,
} from "../options.ts";

/** A bridge network's options, defaults filled in. */
export interface BridgeOptions {
  /** Name of the bridge, at most 15 bytes (IFNAMSIZ less the final NUL). */
  name: string;
  /** In bytes. */
  mtu: number;
  /** Whether the network is kept apart from other networks. */
  isolation: boolean;
  /** Whether containers of the network reach each other. */
  icc: boolean;
  /** Whether packets leave the host under the host's address. */
  masquerade: boolean;
  /** Host address of published ports that give none. */
  hostIp: string | undefined;
  /** What containers reach on the host: nothing, published ports, or everything. */
  hostAccess: "deny" | "ports" | "allow";
  /** Containers may send from other MACs and addresses than theirs, and be routers and DHCP servers. */
  spoofing: boolean;
}

const READERS = {
  ...COMMON_OPTIONS,
  name: textOption(
    /^(?!\.{1,2}$)(?!-)[A-Za-z0-9_.-]{1,15}$/,
    `use 1 to 15 letters, digits, "_", "-" and "."`,
  ),
  mtu: integerOption(68, 65535),
  isolation: booleanOption,
  icc: booleanOption,
  masquerade: booleanOption,
  host_access: wordOption("deny", "ports", "allow"),
  spoofing: wordOption("deny", "allow"),
  host_ip: textOption(/^\d{1,3}(\.\d{1,3}){3}$/, "use an IPv4 address of this host"),
};

const ALIASES = {
  "com.docker.network.bridge.name": "name",
  "com.docker.network.driver.mtu": "mtu",
  "com.docker.network.bridge.enable_icc": "icc",
  "com.docker.network.bridge.enable_ip_masquerade": "masquerade",
  "com.docker.network.bridge.host_binding_ipv4": "host_ip",
};

const DEFAULT_MTU = 1500;

/** Reads a network's options. @throws {NetsvcError} `invalid` */
export function bridgeOptions(
  network: Pick<NetworkSpec, "id" | "options" | "ipv6">,
): BridgeOptions {
  const read = readOptions(network.options, {
    driver: "bridge",
    readers: READERS,
    aliases: ALIASES,
  });
  const mtu = read.mtu ?? DEFAULT_MTU;
  checkMtu(mtu, network.ipv6);
  return {
    name: read.name ?? `${BRIDGE_PREFIX}${network.id.slice(0, 12)}`,
    mtu,
    isolation: read.isolation ?? true,
    icc: read.icc ?? true,
    masquerade: read.masquerade ?? true,
    hostIp: read.host_ip,
    hostAccess: read.host_access ?? "allow",
    spoofing: read.spoofing === "allow",
  };
}
