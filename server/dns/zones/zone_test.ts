import assert from "node:assert/strict";
import fc from "fast-check";
import { buildZone } from "../../../tests/harness/zone.ts";
import { Zone, type ZoneEndpoint, type ZoneService } from "./zone.ts";

/** A service with the one endpoint that it has, attached or not. */
type Published = Omit<ZoneService, "endpoints"> & ZoneEndpoint & { attached: boolean };

// Few names, so that they meet as services, aliases and containers, in both cases.
const name = fc.constantFrom("a", "A", "b", "B", "c", "d", "web", "Web");
/** All that they can be asked for by, host names among them. */
const NAMES = ["a", "b", "c", "d", "web", "e", "e.test"];

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

const FACTS = { name: "foo", ttl: 5, subnets: ["10.5.0.0/16"] };

function published({ name, aliases, attached, ...endpoint }: Published): ZoneService {
  return { name, aliases, endpoints: attached ? [endpoint] : [] };
}

function zone(list: Published[]) {
  return buildZone({ ...FACTS, services: list.map(published) });
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

Deno.test("a zone answers as a reading of the rules, one name at a time, does", () => {
  fc.assert(
    fc.property(services, name, (list, asked) => {
      const targets = zone(list).targets(asked.toLowerCase());
      assert.deepEqual(
        targets?.map(({ fqdn }) => fqdn),
        answering(list, asked)?.map((service) => `${service}.foo`),
      );
    }),
    { numRuns: 1000 },
  );
});

Deno.test("a zone has host names that are nobody's name, in full and short", () => {
  fc.assert(
    fc.property(services, fc.constantFrom("a", "b", "C", "e", "E.Test"), (list, asked) => {
      const built = zone(list);
      const carriers = list.filter(({ attached, hostname }) =>
        attached && hostname !== undefined &&
        (same(hostname, asked) || same(hostname.split(".")[0]!, asked))
      );
      const key = asked.toLowerCase();
      assert.deepEqual(
        built.hostTargets(key)?.map(({ fqdn }) => fqdn) ?? [],
        built.targets(key) ? [] : carriers.map((service) => `${service.name}.foo`),
      );
    }),
    { numRuns: 1000 },
  );
});

Deno.test("a zone has only attached services, each once and with all its addresses", () => {
  fc.assert(
    fc.property(services, (list) => {
      const built = zone(list);
      const live = list.filter(({ attached }) => attached);
      for (const asked of NAMES) {
        const targets = built.targets(asked) ?? [];
        assert.equal(new Set(targets).size, targets.length);
        for (const { fqdn, v4, v6 } of targets) {
          const service = live.find((s) => fqdn === `${s.name}.foo`);
          assert.deepEqual([...v4, ...v6], service?.addresses);
        }
      }
      for (const service of list) {
        for (const address of service.addresses) {
          const fqdn = service.attached ? `${service.name}.foo` : undefined;
          assert.equal(built.targetAt(address)?.fqdn, fqdn);
        }
      }
    }),
    { numRuns: 500 },
  );
});

/** All that a zone answers, whatever the order. */
function answersOf(built: Zone) {
  const fqdns = (targets: readonly { fqdn: string; v4: string[] }[] | undefined) =>
    targets?.map(({ fqdn, v4 }) => `${fqdn} ${v4}`).sort();
  return NAMES.map((asked) => [
    ...[asked, fqdns(built.targets(asked)), fqdns(built.hostTargets(asked))],
  ]);
}

Deno.test("a zone that was changed answers as one that was built anew", () => {
  // What each of eight services is, one state after the other; absent where it is gone.
  const step = fc.record({ id: fc.nat({ max: 7 }), to: fc.option(services, { nil: undefined }) });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const changed = new Zone(FACTS);
      const now = new Map<string, ZoneService>();
      for (const { id, to } of steps) {
        const key = String(id);
        // No two services have one name, or one address, as in the store.
        const next = to?.[0] && published({ ...to[0], addresses: [`10.5.1.${id}`] });
        const taken = next &&
          [...now].some(([other, { name }]) => other !== key && same(name, next.name));
        if (taken) continue;
        const before = answersOf(changed);
        const { version } = changed;
        const touched = changed.put(key, next);
        if (next) now.set(key, next);
        else now.delete(key);
        assert.equal(changed.version > version, touched.length > 0);
        for (const [i, answer] of answersOf(changed).entries()) {
          if (!touched.includes(NAMES[i]!)) assert.deepEqual(answer, before[i]);
        }
        assert.deepEqual(
          answersOf(changed),
          answersOf(buildZone({ ...FACTS, services: [...now.values()] })),
        );
        assert.equal(changed.size, now.size);
      }
    }),
    { numRuns: 500 },
  );
});

Deno.test("one more service touches its own names, beside 10 services and beside 10,000", () => {
  const service = (n: number): ZoneService => ({
    ...{ name: `S${n}`, aliases: ["all"] },
    endpoints: [{ addresses: [`10.5.${n >> 8}.${n & 255}`], ports: [], containerNames: [`c${n}`] }],
  });
  for (const size of [10, 10_000]) {
    const crowded = new Zone(FACTS);
    for (let n = 0; n < size; n++) crowded.put(String(n), service(n));
    const own = [`all`, `c${size}`, `s${size}`];
    assert.deepEqual(crowded.put("more", service(size)).sort(), own);
    assert.equal(crowded.targets("all")?.length, size + 1);
    assert.deepEqual(crowded.put("more", service(size)), [], "the same again");
    assert.deepEqual(crowded.put("more", { ...service(size), endpoints: [] }).sort(), own);
    assert.deepEqual(crowded.targets(`s${size}`), [], "published, and nobody answers");
    assert.deepEqual(crowded.put("more", undefined), [`s${size}`]);
    assert.equal(crowded.targets(`s${size}`), undefined);
  }
});

Deno.test("a zone has all endpoints of a service under its name, and each under its container's", () => {
  const endpoint = (n: number): ZoneEndpoint => ({
    ...{ addresses: [`10.5.0.${n}`], ports: [], containerNames: [`c${n}`] },
  });
  const built = buildZone({
    ...{ name: "foo", ttl: 5, subnets: ["10.5.0.0/16"] },
    services: [{ name: "web", aliases: ["www"], endpoints: [endpoint(1), endpoint(2)] }],
  });
  const v4 = (name: string) => built.targets(name)?.flatMap((target) => target.v4);
  assert.deepEqual(v4("web"), ["10.5.0.1", "10.5.0.2"]);
  assert.deepEqual(v4("www"), ["10.5.0.1", "10.5.0.2"]);
  assert.deepEqual(v4("c2"), ["10.5.0.2"]);
  assert.equal(built.targetAt("10.5.0.1")?.fqdn, "web.foo");
});

Deno.test("of a service with many backends each has a name below its own, tasks has all, draining ones are no answer", () => {
  const endpoint = (n: number, more: Partial<ZoneEndpoint> = {}): ZoneEndpoint => ({
    ...{ addresses: [`10.5.0.${n}`], ports: [], containerNames: [`C${n}`, `id${n}`], weight: n },
    ...more,
  });
  const many: ZoneService = {
    ...{ name: "Web", aliases: ["www"], many: true },
    endpoints: [endpoint(1), endpoint(2), endpoint(3, { draining: true, hostname: "h3" })],
  };
  const built = new Zone(FACTS);
  const empty = { ...many, endpoints: [] };
  assert.deepEqual(built.put("web", empty), ["web"]);
  assert.deepEqual(built.targets("web"), [], "published, and nobody answers");
  built.put("web", many);
  const v4 = (name: string) => built.targets(name)?.flatMap((target) => target.v4);
  for (const name of ["web", "www"]) assert.deepEqual(v4(name), ["10.5.0.1", "10.5.0.2"]);
  assert.deepEqual(v4("tasks.web"), ["10.5.0.1", "10.5.0.2", "10.5.0.3"]);
  for (const name of ["c3.web", "id3.web", "c3"]) assert.deepEqual(v4(name), ["10.5.0.3"]);
  assert.equal(built.hostTargets("h3")?.[0]?.fqdn, "C3.Web.foo");
  assert.equal(built.targetAt("10.5.0.2")?.fqdn, "C2.Web.foo");
  assert.deepEqual(built.targets("web")?.map(({ few, weight }) => [few, weight]), [
    [true, 1],
    [true, 2],
  ]);
  assert.equal(built.targets("tasks.web")?.some(({ few }) => few), false);
  const touched = built.put("web", empty);
  assert.deepEqual(
    touched.sort(),
    ["c1", "c1.web", "c2", "c2.web", "c3", "c3.web", "h3", "id1", "id1.web", "id2", "id2.web"]
      .concat(["id3", "id3.web", "tasks.web", "web", "www"]),
  );
  assert.deepEqual([built.targets("web"), built.targets("tasks.web")], [[], undefined]);
  assert.equal(built.targetAt("10.5.0.2"), undefined);
});
