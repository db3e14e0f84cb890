/**
 * Options of networks as Docker's clients set them: options that netsvc's drivers have go to the driver;
 * options with another meaning are applied, or refused; all others are only stored to be shown, as with
 * Docker. Pure.
 *
 * @module
 */
import { INTERFACE_PREFIX } from "../../../controllers/docker/names.ts";
import { UnknownOption } from "../../../../drivers/options.ts";
import type { Driver } from "../../../../drivers/driver.ts";
import { NetsvcError } from "../../../../lib/api/errors.ts";

/** The parsed options of a network. */
export interface NetworkOptions {
  /** Options for the driver. */
  options: Record<string, string>;
  /** Options that are only shown. */
  others: Record<string, string>;
  warnings: string[];
  ipv4?: boolean;
  ipv6?: boolean;
}

const NO_NAT =
  "give -o com.docker.network.bridge.enable_ip_masquerade=false for a network without NAT, or --internal";
/** Docker's options for which netsvc has fixed behaviour: the values that match it, and an alternative. */
const ONE_WAY: Record<string, { values: string[]; remedy: string }> = {
  "com.docker.network.bridge.inhibit_ipv4": {
    values: ["", "false", "0"],
    remedy: "netsvc's bridges have the address of their gateway; leave it out",
  },
  "com.docker.network.bridge.gateway_mode_ipv4": { values: ["", "nat"], remedy: NO_NAT },
  "com.docker.network.bridge.gateway_mode_ipv6": { values: ["", "nat"], remedy: NO_NAT },
  "com.docker.network.bridge.trusted_host_interfaces": {
    values: [""],
    remedy: "publish ports instead; leave it out",
  },
  "com.docker.network.host_ipv4": {
    values: [""],
    remedy: "netsvc's NAT takes the host's; leave it out",
  },
  "com.docker.network.host_ipv6": {
    values: [""],
    remedy: "netsvc's NAT takes the host's; leave it out",
  },
};
/** Options for which a network has separate fields. */
const FAMILIES = {
  "com.docker.network.enable_ipv4": "ipv4",
  "com.docker.network.enable_ipv6": "ipv6",
};

/**
 * Parses the options of a new network.
 *
 * @param driver the network's driver; a plugin has options of its own
 * @throws {NetsvcError} `invalid`
 */
export function readNetworkOptions(
  driver: Pick<Driver, "validate" | "name"> & {
    capabilities: Pick<Driver["capabilities"], "external">;
  },
  given: Record<string, string>,
): NetworkOptions {
  if (driver.capabilities.external) return { options: given, others: {}, warnings: [] };
  const read: NetworkOptions = { options: {}, others: {}, warnings: [] };
  for (const [key, value] of Object.entries(given)) {
    if (knows(driver, key, value)) {
      read.options[key] = value;
      continue;
    }
    read.others[key] = value;
    if (Object.hasOwn(FAMILIES, key)) {
      read[FAMILIES[key as keyof typeof FAMILIES] as "ipv4" | "ipv6"] = /^(true|1)$/i.test(value);
    } else if (key === INTERFACE_PREFIX) checkPrefix(key, value);
    else if (Object.hasOwn(ONE_WAY, key)) checkOneWay(key, value);
    else {
      read.warnings.push(
        `The option ${JSON.stringify(key)} means nothing to netsvc's driver ${driver.name}`,
      );
    }
  }
  return read;
}

/** Whether a driver has an option; a name without dots is netsvc's own, or a mistake. */
function knows(driver: Pick<Driver, "validate">, key: string, value: string): boolean {
  try {
    driver.validate({ [key]: value });
    return true;
  } catch (error) {
    if (error instanceof UnknownOption && key.includes(".")) return false;
    throw error;
  }
}

function checkPrefix(key: string, value: string): void {
  if (/^(?!lo$)[A-Za-z][A-Za-z0-9_.-]{0,11}$/.test(value)) return;
  throw new NetsvcError(
    "invalid",
    `Invalid option ${key}=${
      JSON.stringify(value)
    }: use 1 to 12 letters, digits, "_", "-" and ".", ` +
      "beginning with a letter",
  );
}

function checkOneWay(key: string, value: string): void {
  const { values, remedy } = ONE_WAY[key]!;
  if (values.includes(value)) return;
  throw new NetsvcError("invalid", `netsvc has no ${key}=${value}: ${remedy}`);
}
