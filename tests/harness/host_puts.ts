/**
 * Networks, services and containers of one host as its store holds them.
 *
 * @module
 */
import type { Put } from "../../kv/store.ts";
import { keys } from "../../server/model/keys.ts";
import type { NetworkRecord, ServiceRecord } from "../../server/model/records.ts";

const CREATED = "2026-01-01T00:00:00.000Z";

/** A local network without addresses of its own. */
export function networkPut(id: string): Put {
  const record: NetworkRecord = {
    id,
    name: id,
    scope: "local",
    driver: "bridge",
    created: CREATED,
    predefined: false,
    internal: false,
    ipv6: false,
    pools: [],
    options: {},
    labels: {},
  };
  return { key: keys.network(id), value: JSON.stringify(record) };
}

/** A service with a backend in a container of its name; the container's record is beside it. */
export function backedService(on: string, name: string, address: string): ServiceRecord {
  return {
    id: `${on}-${name}`,
    name,
    network: on,
    created: CREATED,
    mode: "single",
    addresses: [`${address}/16`],
    mac: `02:${address}`,
    aliases: [],
    ports: [],
    backend: {
      hostId: "here",
      host: "here",
      container: name,
      runtime: "netsvc",
      interface: "eth0",
      attached: CREATED,
      aliases: [],
    },
  };
}

/** A running container of this host. */
export function containerPut(id: string): Put {
  const record = {
    ...{ version: 1, id, name: id, created: CREATED, hostname: id, state: "running" },
    ...{ networkMode: "networks", ports: [], autoRemove: false },
  };
  return { key: keys.container(id), value: JSON.stringify(record) };
}
