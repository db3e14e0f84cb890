import assert from "node:assert/strict";
import { serviceRecords, split } from "../repository/services.ts";
import type { ServiceRecord } from "../records.ts";
import { fits, ServiceTable } from "./service_table.ts";

const HERE = "here";
const service: ServiceRecord = {
  ...{ id: "s", name: "Db", network: "n", created: "2026-01-01T00:00:00.000Z", mode: "single" },
  ...{ addresses: ["10.0.0.2/24"], mac: "02:00:00:00:00:01", aliases: [], ports: [] },
  backend: {
    ...{ container: "c", runtime: "netsvc", host: "h", hostId: HERE, interface: "eth0" },
    ...{ attached: "2026-01-01T00:00:00.000Z", aliases: [] },
  },
};
const records = split(service);
const stored = <T>(record: T) => ({ record, revision: "1" });

for (const order of ["the service", "the endpoint"] as const) {
  Deno.test(`a service is there when both of its records are: first ${order}`, () => {
    const table = new ServiceTable(HERE);
    const named = () => table.putService("s", stored(records.service));
    const placed = () => table.putEndpoint("s", stored(records.endpoint));
    const [first, second] = order === "the service" ? [named, placed] : [placed, named];
    assert.deepEqual(first(), { id: "s", before: undefined, after: undefined });
    assert.equal(table.ownerOf("n", "name", "db"), undefined);
    assert.deepEqual(table.endpointsOf("s"), []);
    assert.deepEqual(second().after, service);
    assert.equal(table.ownerOf("n", "name", "db"), "s");
    assert.equal(table.ownerOf("n", "ip", "10.0.0.2"), "s");
    assert.deepEqual(table.backedBy("c").map(({ record }) => record.id), ["s"]);
    assert.deepEqual(table.endpointsOf("s"), [records.endpoint]);
    // It is gone with either of them, and once.
    assert.deepEqual(table.putEndpoint("s", undefined).before, service);
    assert.equal(table.services.size, 0);
    assert.deepEqual(table.putService("s", undefined), {
      id: "s",
      before: undefined,
      after: undefined,
    });
    assert.deepEqual([...table.of("n"), ...table.backedBy("c")], []);
    assert.equal(table.ownerOf("n", "mac", service.mac), undefined);
  });
}

Deno.test("an endpoint that names another service, or another network's, is none of a service's", () => {
  for (const change of [{ service: "other" }, { network: "other" }, { id: "e2" }]) {
    const table = new ServiceTable(HERE);
    const endpoint = { ...records.endpoint, ...change };
    table.putService("s", stored(records.service));
    table.putEndpoint(endpoint.id, stored(endpoint));
    assert.equal(table.services.size, 0);
    assert.deepEqual(table.endpointsOf("s"), []);
    assert.deepEqual(table.backedBy("c"), []);
  }
});

Deno.test("an endpoint fits into its network with addresses of its subnets alone", () => {
  const network = { pools: [{ family: 4, subnet: "10.0.0.0/24" }] };
  const within = (addresses: string[], pools = network.pools) =>
    fits({ ...records.endpoint, addresses }, { pools } as never);
  assert.ok(within(["10.0.0.9/24"]));
  assert.ok(!within(["10.0.1.9/24"]));
  assert.ok(!within(["10.0.0.9/24", "fd00::1/64"]));
  assert.ok(within(["192.0.2.1/24"], []), "a plugin gives what it likes");
});

Deno.test("a service and its endpoint are read back as they were written", () => {
  const [named, placed] = serviceRecords.puts(service).map((put) => ({ ...put, revision: "3" }));
  assert.deepEqual(serviceRecords.read(named!)?.record, records.service);
  assert.deepEqual(serviceRecords.readEndpoint(placed!)?.record, records.endpoint);
});
