/**
 * What the daemon's settings come to. All that can be wrong in them is found here, before anything is
 * touched.
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
import { PLUGIN_PLACES, type PluginPlaces } from "../../../drivers/remote/plugin/discovery.ts";
import type { ParsedStoreUrl } from "../../../kv/url/store_url.ts";
import { parseStoreUrl } from "../../../kv/url/url.ts";
import { NetsvcError } from "../../../lib/api/errors.ts";
import type { DaemonSettings } from "../../../lib/api/settings/settings.ts";
import type { VersionInfo } from "../../../lib/api/types.ts";
import type { Credentials } from "../../http/listen/credentials.ts";
import { type ListenAddress, planListen } from "../../http/listen/listen.ts";
import { parseAddressPool } from "../../ipam/default_pools.ts";
import { storeExposure } from "../../model/shared/store_exposure.ts";
import { versionInfo } from "../version.ts";

const log = getLogger(["netsvc", "daemon"]);

/** The default network, as the settings name it. */
export interface DefaultNetwork {
  driver: string;
  network: string;
}

/** The settings, checked. */
export interface StartPlan {
  settings: DaemonSettings;
  addresses: ListenAddress[];
  /** Of the addresses, as they are at the start. */
  credentials: Credentials;
  defaults: DefaultNetwork;
  storeUrl: ParsedStoreUrl;
  /** Who may write into the shared store besides the hosts; `undefined`: nobody, as far as is known. */
  exposure: string | undefined;
  hostName: string;
  /** Where plugins are looked for. */
  places: PluginPlaces;
  /** Of this host's lease, in milliseconds. */
  leaseTtl: number;
  version: VersionInfo;
}

/** Splits `DRIVER:NETWORK`. @throws {NetsvcError} `invalid` */
export function parseDefaultNetwork(text: string): DefaultNetwork {
  const colon = text.indexOf(":");
  const driver = text.slice(0, colon);
  const network = text.slice(colon + 1);
  if (colon > 0 && network !== "") return { driver, network };
  throw new NetsvcError(
    "invalid",
    `Invalid default network ${JSON.stringify(text)}; write it DRIVER:NETWORK, e.g. bridge:bridge`,
  );
}

/** Checks the settings. @throws {NetsvcError} the first thing that is wrong with them */
export async function planStart(settings: DaemonSettings): Promise<StartPlan> {
  const { addresses, credentials } = await planListen(settings);
  const defaults = parseDefaultNetwork(settings.defaultNetwork);
  settings.defaultAddressPools.forEach(parseAddressPool);
  const storeUrl = parseStoreUrl(settings.kvStore, Deno.env.toObject());
  const exposure = storeExposure(storeUrl);
  if (exposure !== undefined) log.warn("{exposure}", { exposure });
  const { pluginDirs } = settings;
  return {
    settings,
    addresses,
    credentials,
    defaults,
    storeUrl,
    exposure,
    hostName: settings.hostName ?? Deno.hostname(),
    places: pluginDirs.length === 0 ? PLUGIN_PLACES : { sockets: pluginDirs, specs: pluginDirs },
    leaseTtl: settings.leaseTtl * 1000,
    version: versionInfo(settings.defaultNetwork),
  };
}
