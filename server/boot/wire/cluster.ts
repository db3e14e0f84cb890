/**
 * Wires this host's membership of the cluster.
 *
 * @module
 */
import { FORM } from "../../model/migration/migrate.ts";
import type { Cluster } from "../../cluster/cluster.ts";
import { Encryption } from "../../cluster/encryption/encryption.ts";
import { fencedEndpoints } from "../../cluster/files/fenced.ts";
import { HostAddresses } from "../../cluster/host_addresses.ts";
import { Membership } from "../../cluster/membership.ts";
import { Vteps } from "../../cluster/vteps.ts";
import type { HostRecord } from "../../model/records.ts";
import { Directory } from "../../model/shared/directory.ts";
import { StoreFence } from "../../model/shared/store_fence.ts";
import type { Boot } from "../boot.ts";
import type { Stores } from "../open/stores.ts";

export interface ClusterParts {
  cluster: Cluster;
  /** Tells the packet filter the addresses of other hosts, and the store's; absent without a kernel. */
  hostAddresses: HostAddresses | undefined;
  storeFence: StoreFence | undefined;
  /** This host's part in encrypted networks; absent without a kernel. */
  encryption: Encryption | undefined;
}

/** @param suspect see {@linkcode Membership} */
export function wireCluster(boot: Boot, stores: Stores, suspect = false): ClusterParts {
  const { plan: { settings, storeUrl, cluster }, machine: { guard, underlay }, stack } = boot;
  const { shared, state } = stores;
  const membership = openMembership(boot, stores, suspect);
  const vteps = new Vteps(state, underlay);
  const hostAddresses = guard &&
    new HostAddresses({ mirror: shared.mirror, state, vteps, guard, port: settings.overlayPort });
  stack.defer(() => hostAddresses?.close());
  const encryption = openEncryption(boot, stores, vteps);
  const fenced = guard && shared.link && !settings.containersMayReachStore;
  return {
    cluster: {
      membership,
      interests: shared.interests,
      directory: new Directory(state, shared.interests, shared.mirror.store),
      vteps,
      ...encryption && { encryption },
      loaded: () => shared.loaded,
    },
    encryption,
    hostAddresses,
    storeFence: fenced
      ? new StoreFence({
        guard,
        endpoints: () => fencedEndpoints(cluster.state, storeUrl.endpoints),
      })
      : undefined,
  };
}

function openEncryption(
  { plan: { settings, leaseTtl }, machine, stack }: Boot,
  { shared, state }: Stores,
  vteps: Vteps,
): Encryption | undefined {
  const { tunnel, underlay } = machine;
  if (!tunnel) return undefined;
  const encryption = new Encryption({
    mirror: shared.mirror,
    hostId: state.hostId,
    stateDir: settings.stateDir,
    tunnel,
    port: settings.wireguardPort,
    underlay: () => underlay.current,
    vteps,
    shared: shared.link !== undefined,
    loaded: () => shared.loaded,
    leaseTtl,
  });
  stack.defer(() => encryption.close());
  return encryption;
}

function openMembership(boot: Boot, { shared, state }: Stores, suspect: boolean): Membership {
  const { plan: { settings, hostName, leaseTtl, version }, machine: { underlay } } = boot;
  const started = new Date().toISOString();
  const self = (): HostRecord => ({
    id: state.hostId,
    name: hostName,
    ...underlay.current && { address: underlay.current.address },
    overlayPort: settings.overlayPort,
    version: version.version,
    form: FORM,
    started,
  });
  const membership = new Membership({
    mirror: shared.mirror,
    ttl: leaseTtl,
    self,
    prepare: () => shared.loadOwn(state),
    networks: () =>
      [...state.networks.values()].filter(({ record }) =>
        record.scope === "global" && state.ownBackends(record.id).length > 0
      ).map(({ record }) => record.id),
    suspect,
  });
  boot.stack.defer(() => membership.close());
  return membership;
}
