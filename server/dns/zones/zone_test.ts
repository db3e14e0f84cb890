import assert from "node:assert/strict";
import fc from "fast-check";
import { buildZone, type ZoneEndpoint, type ZoneNetwork, type ZoneService } from "./zone.ts";

/** A service with the one endpoint that it has, attached or not. */
type Published = Omit<ZoneService, "endpoints"> & ZoneEndpoint & { attached: boolean };

// Few names, so that they meet as services, aliases and containers, in both cases.
const name = fc.constantFrom("a", "A", "b", "B", "c", "d", "web", "Web");

/** Services as the store holds them: one of each name whatever its case, no address twice. */
const services = fc.uniqueArray(
  fc.record({
    name,
    aliases: fc.array(name, { maxLength: 3 }),
    attached: fc.boolean(),
    containerNames: fc.array(name, { maxLength: 2 }),
    hostname: fc.option(fc.constantFrom("a", "B", "c", "E", "e.test"), { nil: undefined }),
  }),
  { maxLength: 6, selector: (service) => service.name.toLowerCase() },
).map((list) =>
  list.map(({ hostname, ...service }, i): Published => ({
    ...service,
    ...hostname !== undefined && { hostname },
    ports: [],
    addresses: [`10.5.0.${i + 2}`, `fd00::${i + 2}`],
  }))
);

function zone(list: Published[]) {
  const services = list.map(({ name, aliases, attached, ...endpoint }): ZoneService => ({
    ...{ name, aliases, endpoints: attached ? [endpoint] : [] },
  }));
  const network: ZoneNetwork = { name: "foo", ttl: 5, subnets: ["10.5.0.0/16"], services };
  return buildZone(network);
}

const same = (a: string, b: string) => a.toLowerCase() === b.toLowerCase();

/** Who answers to a name, said as the manual says it; `undefined`: it isn't known at all. */
function answering(list: Published[], asked: string): string[] | undefined {
  const live = list.filter(({ attached }) => attached);
  const ranks = [
    live.filter((s) => same(s.name, asked)),
    live.filter((s) => s.aliases.some((alias) => same(alias, asked))),
  ];
  const best = ranks.find((rank) => rank.length > 0);
  if (best) return best.map((s) => s.name);
  if (list.some((s) => same(s.name, asked))) return [];
  const containers = live.filter((s) => s.containerNames.some((n) => same(n, asked)));
  return containers.length > 0 ? containers.map((s) => s.name) : undefined;
}

Deno.test("buildZone() answers as a reading of the rules, one name at a time, does", () => {
  fc.assert(
    fc.property(services, name, (list, asked) => {
      const targets = zone(list).names.get(asked.toLowerCase());
      assert.deepEqual(
        targets?.map(({ fqdn }) => fqdn),
        answering(list, asked)?.map((service) => `${service}.foo`),
      );
    }),
    { numRuns: 1000 },
  );
});

Deno.test("buildZone() has host names that are nobody's name, in full and short", () => {
  fc.assert(
    fc.property(services, fc.constantFrom("a", "b", "C", "e", "E.Test"), (list, asked) => {
      const { names, hostnames } = zone(list);
      const carriers = list.filter(({ attached, hostname }) =>
        attached && hostname !== undefined &&
        (same(hostname, asked) || same(hostname.split(".")[0]!, asked))
      );
      const key = asked.toLowerCase();
      assert.deepEqual(
        hostnames.get(key)?.map(({ fqdn }) => fqdn) ?? [],
        names.has(key) ? [] : carriers.map((service) => `${service.name}.foo`),
      );
    }),
    { numRuns: 1000 },
  );
});

Deno.test("buildZone() has only attached services, each once and with all its addresses", () => {
  fc.assert(
    fc.property(services, (list) => {
      const { names, addresses } = zone(list);
      const live = list.filter(({ attached }) => attached);
      for (const targets of names.values()) {
        assert.equal(new Set(targets).size, targets.length);
        for (const { fqdn, v4, v6 } of targets) {
          const service = live.find((s) => fqdn === `${s.name}.foo`);
          assert.deepEqual([...v4, ...v6], service?.addresses);
        }
      }
      assert.deepEqual([...addresses.keys()].sort(), live.flatMap((s) => s.addresses).sort());
      for (const [address, { fqdn }] of addresses) {
        assert.ok(live.some((s) => `${s.name}.foo` === fqdn && s.addresses.includes(address)));
      }
    }),
    { numRuns: 500 },
  );
});

Deno.test("buildZone() doesn't depend on the order of the services", () => {
  fc.assert(
    fc.property(services, fc.infiniteStream(fc.nat()), (list, random) => {
      const order = list.map((service) => [random.next().value!, service] as const)
        .sort(([a], [b]) => a - b).map(([, service]) => service);
      const sets = (services: Published[]) =>
        [...zone(services).names, ...zone(services).hostnames].map((
          [key, targets],
        ) => [key, targets.map((t) => t.fqdn).sort()])
          .sort();
      assert.deepEqual(sets(order), sets(list));
    }),
  );
});

Deno.test("buildZone() has all endpoints of a service under its name, and each under its container's", () => {
  const endpoint = (n: number): ZoneEndpoint => ({
    ...{ addresses: [`10.5.0.${n}`], ports: [], containerNames: [`c${n}`] },
  });
  const { names, addresses } = buildZone({
    ...{ name: "foo", ttl: 5, subnets: ["10.5.0.0/16"] },
    services: [{ name: "web", aliases: ["www"], endpoints: [endpoint(1), endpoint(2)] }],
  });
  const v4 = (name: string) => names.get(name)?.flatMap((target) => target.v4);
  assert.deepEqual(v4("web"), ["10.5.0.1", "10.5.0.2"]);
  assert.deepEqual(v4("www"), ["10.5.0.1", "10.5.0.2"]);
  assert.deepEqual(v4("c2"), ["10.5.0.2"]);
  assert.equal(addresses.get("10.5.0.1")?.fqdn, "web.foo");
});
