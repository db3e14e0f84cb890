/**
 * Checks the daemon's settings and derives the plan of its start from them, before anything on the machine
 * is changed.
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
import { ClusterFile } from "../../cluster/files/cluster_file.ts";
import type { Credentials } from "../../http/listen/credentials.ts";
import { type ListenAddress, planListen } from "../../http/listen/listen.ts";
import { parseAddressPool } from "../../ipam/default_pools.ts";
import { storeExposure } from "../../model/shared/store_exposure.ts";
import { versionInfo } from "../version.ts";
import { type ClusterPlan, planCluster } from "./plan_cluster.ts";

const log = getLogger(["netsvc", "daemon"]);

/** The default network, as the settings name it. */
export interface DefaultNetwork {
  driver: string;
  network: string;
}

/** The checked settings, and what follows from them. */
export interface StartPlan {
  settings: DaemonSettings;
  addresses: ListenAddress[];
  /** Certificate, key and tokens of the listen addresses, as read at the start. */
  credentials: Credentials;
  defaults: DefaultNetwork;
  storeUrl: ParsedStoreUrl;
  cluster: ClusterPlan;
  /** Which others besides the hosts can write to the shared store; `undefined`: none that netsvc knows of. */
  exposure: string | undefined;
  hostName: string;
  /** Directories that are searched for plugins. */
  places: PluginPlaces;
  /** Time to live of this host's lease, in milliseconds. */
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

/** Checks the settings. @throws {NetsvcError} about the first invalid one */
export async function planStart(given: DaemonSettings): Promise<StartPlan> {
  const cluster = await planCluster(given, new ClusterFile(given.stateDir));
  const { settings } = cluster;
  const { addresses, credentials } = await planListen(settings);
  const defaults = parseDefaultNetwork(settings.defaultNetwork);
  settings.defaultAddressPools.forEach(parseAddressPool);
  const storeUrl = parseStoreUrl(settings.kvStore, cluster.env);
  const exposure = storeExposure(storeUrl);
  if (exposure !== undefined) log.warn("{exposure}", { exposure });
  const { pluginDirs } = settings;
  return {
    settings,
    addresses,
    credentials,
    defaults,
    storeUrl,
    cluster,
    exposure,
    hostName: settings.hostName ?? Deno.hostname(),
    places: pluginDirs.length === 0 ? PLUGIN_PLACES : { sockets: pluginDirs, specs: pluginDirs },
    leaseTtl: settings.leaseTtl * 1000,
    version: versionInfo(settings.defaultNetwork),
  };
}
