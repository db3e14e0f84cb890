/**
 * Writes a cluster into the store, and each daemon's containers into its embedded one: as if all of it
 * had been made through the API and every daemon had then been stopped.
 *
 * @module
 */
import { openLocalStore } from "../../kv/local/local_store.ts";
import type { Put, Store } from "../../kv/store.ts";
import type { OwnContainer } from "../../server/model/container.ts";
import { containerRecords } from "../../server/model/repository/containers.ts";
import { hostFacts } from "../../server/model/repository/host_facts.ts";
import { networkRecords } from "../../server/model/repository/networks.ts";
import { serviceRecords } from "../../server/model/repository/services.ts";
import type { NetworkRecord, ServiceRecord } from "../../server/model/records.ts";
import {
  containerId,
  hostId,
  hostName,
  networkId,
  networkName,
  serviceId,
  subnetOf,
} from "./addresses.ts";
import type { Plan, PlannedService } from "./plan.ts";

/** Writes in one transaction. */
const BATCH = 64;
const CREATED = "2026-01-01T00:00:00.000Z";

function network(index: number): NetworkRecord {
  const id = networkId(index);
  const name = networkName(index);
  return {
    id,
    name,
    driver: "overlay",
    scope: "global",
    created: CREATED,
    predefined: false,
    internal: true,
    ipv6: false,
    vni: 4096 + index,
    pools: [{ family: 4, subnet: subnetOf(index) }],
    options: {},
    labels: {},
  };
}

function servicePuts(plan: Plan, planned: PlannedService, index: number): Put[] {
  const { name, address, daemon, container } = planned;
  const on = network(planned.network);
  const id = serviceId(planned.network, index);
  const mac = ["02", ...id.slice(0, 10).match(/../g)!].join(":");
  const record: ServiceRecord = {
    id,
    name,
    network: on.id,
    created: CREATED,
    mode: "single",
    addresses: [address],
    mac,
    aliases: [],
    ports: [],
    backend: {
      container: containerId(daemon, container),
      containerName: `c${container}`,
      runtime: "netsvc",
      host: hostName(daemon),
      hostId: hostId(daemon),
      interface: `eth${plan.networksOf[daemon]!.indexOf(planned.network)}`,
      attached: CREATED,
      aliases: [],
    },
  };
  const { puts } = serviceRecords.create(record, { record: on, revision: "" });
  // The network's fence is written with the network.
  return puts.filter(({ key }) => !key.startsWith("network-fences/"));
}

async function putAll(store: Store, puts: Put[]): Promise<void> {
  for (let i = 0; i < puts.length; i += BATCH) {
    const outcome = await store.commit({ puts: puts.slice(i, i + BATCH) });
    if (!outcome.ok) throw new Error(`Cannot write ${outcome.failed}`);
  }
}

/** Fills the shared store. */
export async function seedShared(store: Store, plan: Plan): Promise<void> {
  await putAll(
    store,
    Array.from({ length: plan.networks }, (_, i) => networkRecords.create(network(i)).puts).flat(),
  );
  for (const services of plan.servicesOf) {
    await putAll(store, services.flatMap((planned, i) => servicePuts(plan, planned, i)));
  }
}

/** Fills the embedded store of a daemon, and makes its containers' directories. */
export async function seedLocal(directory: string, plan: Plan, daemon: number): Promise<void> {
  await using store = await openLocalStore(`${directory}/state`);
  const puts: Put[] = [...hostFacts.put("id", hostId(daemon)).puts!];
  for (let i = 0; i < plan.containersOf[daemon]!; i++) {
    const name = `c${i}`;
    const record: OwnContainer = {
      kind: "own",
      id: containerId(daemon, i),
      name,
      created: CREATED,
      hostname: name,
      state: "created",
      networkMode: "networks",
      ports: [],
      autoRemove: false,
    };
    await Deno.mkdir(`${directory}/run/containers/${record.id}`, { recursive: true });
    puts.push(...containerRecords.create(record).puts);
  }
  await putAll(store, puts);
}
