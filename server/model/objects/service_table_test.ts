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
const records = split(service) as Required<ReturnType<typeof split>>;
const stored = <T>(record: T) => ({ record, revision: "1" });

for (const order of ["the service", "the endpoint"] as const) {
  Deno.test(`a service is there when both of its records are: first ${order}`, () => {
    const table = new ServiceTable(HERE);
    const named = () => table.putService("s", stored(records.service));
    const placed = () => table.putEndpoint("s", stored(records.endpoint));
    const [first, second] = order === "the service" ? [named, placed] : [placed, named];
    assert.deepEqual(first(), [{ id: "s", before: undefined, after: undefined }]);
    assert.equal(table.ownerOf("n", "name", "db"), undefined);
    assert.deepEqual(table.endpointsOf("s"), []);
    assert.deepEqual(second()[0]!.after, service);
    assert.equal(table.ownerOf("n", "name", "db"), "s");
    assert.equal(table.ownerOf("n", "ip", "10.0.0.2"), "s");
    assert.deepEqual(table.backedBy("c").map(({ record }) => record.id), ["s"]);
    assert.deepEqual(table.endpointsOf("s"), [records.endpoint]);
    // It is gone with either of them, and once.
    assert.deepEqual(table.putEndpoint("s", undefined)[0]!.before, service);
    assert.equal(table.services.size, 0);
    assert.deepEqual(table.putService("s", undefined), [
      { id: "s", before: undefined, after: undefined },
    ]);
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

/** A service with many backends, and the endpoint of one. */
const many = { ...records.service, mode: "dnsrr" } as const;
const place = (id: string, container = `c-${id}`) => ({
  ...{ id, service: "s", network: "n", addresses: [`10.0.0.${id}/24`], mac: `02:${id}`, weight: 2 },
  backend: { ...service.backend!, container },
});

Deno.test("the endpoints of a service with many are there with it, in whatever order they come", () => {
  const steps = (table: ServiceTable) => [
    () => table.putService("s", stored(many)),
    () => table.putEndpoint("7", stored(place("7"))),
    () => table.putEndpoint("8", stored(place("8"))),
  ];
  for (const order of [[0, 1, 2], [1, 2, 0], [1, 0, 2]]) {
    const table = new ServiceTable(HERE);
    const told = order.flatMap((n) => steps(table)[n]!()).flatMap(({ after }) => after?.id ?? []);
    assert.deepEqual(told.sort(), ["7", "8", "s"]);
    assert.deepEqual(table.partsOf("s").map(({ record: { id } }) => id).sort(), ["7", "8"]);
    assert.deepEqual(table.endpointsOf("s").map(({ id }) => id).sort(), ["7", "8"]);
    assert.deepEqual(table.endpointsOf("7"), [place("7")]);
    assert.equal(table.ownerOf("n", "ip", "10.0.0.7"), "7");
    assert.equal(table.ownerOf("n", "name", "db"), "s");
    const { record } = table.backedBy("c-8")[0]!;
    assert.deepEqual([record.id, record.of, record.name, record.mode], ["8", "s", "Db", "single"]);
    // They go with it, and are told.
    assert.deepEqual(table.putService("s", undefined).map(({ id }) => id).sort(), ["7", "8", "s"]);
    assert.deepEqual([table.services.size, table.of("n").length], [0, 0]);
  }
});

Deno.test("no endpoint becomes one of many by what it says alone", () => {
  const wrong = [
    { ...place("7"), network: "other" },
    { ...place("7"), service: "other" },
    { ...place("7"), id: "s", service: "s" },
    (({ backend: _, ...rest }) => rest)(place("7")),
  ];
  for (const endpoint of wrong) {
    const table = new ServiceTable(HERE);
    table.putService("s", stored(many));
    table.putEndpoint(endpoint.id, stored(endpoint));
    assert.deepEqual([table.partsOf("s"), [...table.services.keys()]], [[], ["s"]]);
  }
  const table = new ServiceTable(HERE);
  table.putService("s", stored(records.service));
  table.putEndpoint("s", stored(records.endpoint));
  table.putEndpoint("7", stored(place("7")));
  assert.deepEqual([table.partsOf("s"), table.endpointsOf("s").length], [[], 1]);
});
