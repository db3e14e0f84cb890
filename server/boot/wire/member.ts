/**
 * Wires this host's part in its cluster: what it does as a member, and what makes it one.
 *
 * @module
 */
import { showLinks } from "../../../lib/linux/net/observe.ts";
import { ExternalMember } from "../../cluster/member/external/external_member.ts";
import type { HostInCluster } from "../../cluster/member/duties.ts";
import { ClusterMember } from "../../cluster/member/member.ts";
import { ClusterControl } from "../../controllers/clusters/cluster_control.ts";
import { ClusterLook } from "../../controllers/clusters/cluster_look.ts";
import type { Context } from "../../controllers/context.ts";
import { hostRecords } from "../../model/repository/hosts.ts";
import type { Probes } from "../../doctor/probes/probes.ts";
import { pickUnderlay } from "../../machine/underlay.ts";
import type { Boot } from "../boot.ts";
import type { Stores } from "../open/stores.ts";
import type { Controllers } from "./controllers.ts";

/** What is wired before. */
export interface MemberWiring {
  stores: Stores;
  context: Context;
  controllers: Controllers;
  probes: Probes | undefined;
}

/** This host in its cluster. */
export interface MemberWired {
  /** Absent on a host that is in no cluster of `cluster init`'s. */
  member: HostInCluster | undefined;
  clusters: ClusterControl;
  look: ClusterLook;
}

export async function wireMember(boot: Boot, wiring: MemberWiring): Promise<MemberWired> {
  const { plan, machine, runner } = boot;
  const { context, controllers, stores } = wiring;
  const member = await openMember(boot, wiring);
  const global = () =>
    [...context.state.networks.values()].filter(({ record }) => record.scope === "global");
  const look = wireLook(member, wiring);
  const clusters = new ClusterControl({
    file: plan.cluster.file,
    hostId: context.hostId,
    hostName: plan.hostName,
    member,
    storeGiven: plan.storeUrl.provider !== "local",
    ...plan.settings.etcd !== undefined && { etcd: plan.settings.etcd },
    addressOf: async (advertise) => {
      await machine.underlay.refresh();
      if (advertise === undefined) return machine.underlay.current?.address;
      return pickUnderlay(await showLinks(runner), { advertise })?.address;
    },
    hosts: controllers.hosts,
    backed: () =>
      global().flatMap(({ record }) =>
        context.state.ownBackends(record.id).map(({ name }) => `${name}.${record.name}`)
      ),
    strandedNetworks: () => stores.shared.link ? [] : global().map(({ record }) => record.name),
    look,
    rotateKeys: async () => await context.cluster.encryption?.rotateAll(),
    restart: () => boot.restart.resolve(),
  });
  return { member, clusters, look };
}

function wireLook(
  member: HostInCluster | undefined,
  { stores: { shared: { link } }, context, controllers, probes }: MemberWiring,
): ClusterLook {
  return new ClusterLook({
    member,
    hosts: controllers.hosts,
    registered: () => context.cluster.membership.lease !== undefined,
    storeAway: () => link?.away !== undefined,
    // Stores that don't tell of leases pass a question on to the host's daemon.
    heardOf: async (host) => {
      if (link?.leaseAge) return await hostRecords.heardOf(link, host);
      return await probes?.answers(host) ? 0 : undefined;
    },
    networks: () =>
      [...context.state.networks.values()].map(({ record: { name, scope, pools } }) => ({
        name,
        scope,
        subnets: pools.map(({ subnet }) => subnet),
      })),
  });
}

async function openMember(
  { plan: { cluster: { file, state }, settings }, machine: { underlay }, restart, stack }: Boot,
  { stores, context }: MemberWiring,
): Promise<HostInCluster | undefined> {
  const { etcd: child, shared: { link } } = stores;
  if (state?.store.kind === "external" && link) return new ExternalMember(state, link);
  if (state?.store.kind !== "own" || !child || !link) return undefined;
  const { membership } = context.cluster;
  return stack.use(
    await ClusterMember.open({
      file,
      state,
      child,
      replaceAfter: settings.replaceAfter * 1000,
      alive: () => hostRecords.alive(link),
      onEndpoints: (endpoints) => link.useEndpoints(endpoints),
      suspect: () => link.away !== undefined || membership.lease === undefined,
      self: () => ({ name: membership.name, address: membership.address ?? state.host.address }),
      addresses: () => ({ current: underlay.current?.address, addresses: underlay.addresses }),
      restart: () => restart.resolve(),
    }),
  );
}
