/**
 * Writes a cluster into the store, and each daemon's containers into its embedded one: as if all of it
 * had been made through the API and every daemon had then been stopped.
 *
 * @module
 */
import { openLocalStore } from "../../kv/local/local_store.ts";
import type { Put, Store } from "../../kv/store.ts";
import { keys } from "../../server/model/keys.ts";
import type { StoredContainer } from "../../server/model/container.ts";
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

function networkPuts(index: number): Put[] {
  const id = networkId(index);
  const name = networkName(index);
  const record: NetworkRecord = {
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
  return [
    { key: keys.network(id), value: JSON.stringify(record) },
    { key: keys.networkName(name), value: JSON.stringify(id) },
    { key: keys.networkFence(id), value: JSON.stringify(CREATED) },
    { key: keys.vni(record.vni!), value: JSON.stringify(id) },
  ];
}

function servicePuts(plan: Plan, planned: PlannedService, index: number): Put[] {
  const { name, network, address, daemon, container } = planned;
  const id = serviceId(network, index);
  const on = networkId(network);
  const mac = ["02", ...id.slice(0, 10).match(/../g)!].join(":");
  const record: ServiceRecord = {
    id,
    name,
    network: on,
    created: CREATED,
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
      interface: `eth${plan.networksOf[daemon]!.indexOf(network)}`,
      attached: CREATED,
      aliases: [],
    },
  };
  const owner = JSON.stringify(id);
  return [
    { key: keys.service(on, id), value: JSON.stringify(record) },
    { key: keys.serviceName(on, name), value: owner },
    { key: keys.address(on, address.split("/")[0]!), value: owner },
    { key: keys.mac(on, mac), value: owner },
    { key: keys.backend(hostId(daemon), on, id), value: JSON.stringify(name) },
  ];
}

async function putAll(store: Store, puts: Put[]): Promise<void> {
  for (let i = 0; i < puts.length; i += BATCH) {
    const outcome = await store.commit({ puts: puts.slice(i, i + BATCH) });
    if (!outcome.ok) throw new Error(`Cannot write ${outcome.failed}`);
  }
}

/** Fills the shared store. */
export async function seedShared(store: Store, plan: Plan): Promise<void> {
  await putAll(store, Array.from({ length: plan.networks }, (_, i) => networkPuts(i)).flat());
  for (const services of plan.servicesOf) {
    await putAll(store, services.flatMap((planned, i) => servicePuts(plan, planned, i)));
  }
}

/** Fills the embedded store of a daemon, and makes its containers' directories. */
export async function seedLocal(directory: string, plan: Plan, daemon: number): Promise<void> {
  await using store = await openLocalStore(`${directory}/state`);
  const puts: Put[] = [{ key: keys.hostId, value: hostId(daemon) }];
  for (let i = 0; i < plan.containersOf[daemon]!; i++) {
    const name = `c${i}`;
    const record: StoredContainer = {
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
    puts.push(
      { key: keys.container(record.id), value: JSON.stringify(record) },
      { key: keys.containerName(name), value: JSON.stringify(record.id) },
    );
  }
  await putAll(store, puts);
}
