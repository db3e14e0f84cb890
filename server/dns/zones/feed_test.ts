import assert from "node:assert/strict";
import fc from "fast-check";
import { openMirror } from "../../../tests/harness/cuttable_store.ts";
import { backedService, containerPut, networkPut } from "../../../tests/harness/host_puts.ts";
import { servicePuts } from "../../../tests/harness/service_puts.ts";
import { keys } from "../../model/keys.ts";
import type { ServiceRecord } from "../../model/records.ts";
import { State } from "../../model/state.ts";
import { NamesFeed } from "./feed.ts";
import { Names, type NamesChange } from "./names.ts";

function waiting({ backend: _, ...service }: ServiceRecord): ServiceRecord {
  return service;
}

async function openState(stack: AsyncDisposableStack) {
  const local = await openMirror(stack);
  const shared = await openMirror(stack);
  const state = new State(local, shared, { hostId: "here" });
  stack.defer(() => state.close());
  const feed = new NamesFeed(state);
  const names = new Names();
  names.apply(feed.all());
  const told: NamesChange[] = [];
  feed.changes.subscribe((changes) => {
    told.push(...changes);
    names.apply(structuredClone(changes) as NamesChange[]);
  });
  return { local, shared, state, names, told };
}

Deno.test("a change of one service is told as one, beside 3 services and beside 300", async () => {
  for (const size of [3, 300]) {
    await using stack = new AsyncDisposableStack();
    const { local, names, told } = await openState(stack);
    const types = () => told.splice(0).map(({ type }) => type);
    const web = servicePuts(backedService("a", "web", "10.0.0.1"));
    await local.commit({ puts: [networkPut("a"), networkPut("b"), containerPut("web"), ...web] });
    for (let n = 0; n < size; n++) {
      const service = backedService("a", `c${n}`, `10.0.${n >> 8}.${n & 255}`);
      await local.commit({ puts: [containerPut(`c${n}`), ...servicePuts(service)] });
    }
    types();
    const more = backedService("a", "more", "10.0.9.1");
    await local.commit({ puts: servicePuts(waiting(more)) });
    assert.deepEqual(types(), ["service"]);
    await local.commit({ puts: [containerPut("more"), ...servicePuts(more)] });
    assert.deepEqual(types(), ["service", "view"]);
    assert.equal(names.zone("a")?.size, size + 2);
    assert.equal(names.zone("b"), undefined, "nobody of this host is on it");
    // The first on a network brings its zone, the last takes it along.
    await local.commit({ puts: servicePuts(backedService("b", "more", "10.1.0.1")) });
    assert.deepEqual(types(), ["zone", "service", "view"]);
    assert.deepEqual(names.view("more").networks.map(({ name }) => name), ["a", "b"]);
    await local.commit({
      puts: servicePuts(waiting(backedService("b", "more", "10.1.0.1"))),
    });
    assert.deepEqual(told.splice(0), [
      {
        ...{ type: "view", container: "more" },
        view: { networks: ["a"], links: [], external: true },
      },
      { type: "zone", network: "b" },
    ]);
    assert.deepEqual(names.view("more").networks.map(({ name }) => name), ["a"]);
  }
});

/** What a host's resolvers answer: of each container the networks and names that it sees. */
function seen(names: Names) {
  return CONTAINERS.map((container) => {
    const { networks, links, external } = names.view(container);
    return {
      ...{ container, links, external },
      networks: networks.map((zone) => ({
        ...{ name: zone.name, ttl: zone.ttl, size: zone.size },
        answers: ["s0", "s1", "s2", "far", ...CONTAINERS, "all"].map((name) =>
          zone.targets(name)?.map(({ fqdn, v4, ports }) => JSON.stringify({ fqdn, v4, ports }))
            .sort()
        ),
      })),
    };
  });
}

const CONTAINERS = ["c0", "c1"];
const step = fc.record({
  what: fc.constantFrom("service", "service", "service", "container", "network", "member", "far"),
  network: fc.constantFrom("a", "b"),
  n: fc.nat({ max: 2 }),
  to: fc.constantFrom("gone", "there", "backed", "backed"),
  other: fc.boolean(),
});

Deno.test("names that follow changes are those of a copy that begins anew", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 30 }), async (steps) => {
      await using stack = new AsyncDisposableStack();
      const { local, shared, state, names } = await openState(stack);
      for (const { what, network, n, to, other } of steps) {
        const container = CONTAINERS[n % 2]!;
        const put = (key: string, value: unknown) =>
          to === "gone" ? { deletes: [key] } : { puts: [{ key, value: JSON.stringify(value) }] };
        if (what === "service") {
          const service = backedService(network, `s${n}`, `10.0.${other ? 1 : 0}.${n}`);
          const backend = { ...service.backend!, container: CONTAINERS[other ? 0 : 1]! };
          if (to === "gone") {
            await local.commit({
              deletes: [keys.service(network, service.id), keys.endpoint(network, service.id)],
            });
          } else {
            const record = to === "there" ? waiting(service) : { ...service, backend };
            await local.commit({ puts: servicePuts({ ...record, aliases: other ? ["all"] : [] }) });
          }
        } else if (what === "container") {
          const { key, value } = containerPut(container);
          const ports = other
            ? [{ hostPort: 80, containerPort: 8080, protocol: "tcp", hostIp: "0.0.0.0" }]
            : [];
          await local.commit(put(key, { ...JSON.parse(value), ports }));
        } else if (what === "network") {
          const { key, value } = networkPut(network);
          const changed = { internal: other, options: other ? { ttl: "9" } : {} };
          await local.commit(put(key, { ...JSON.parse(value), ...changed }));
        } else if (what === "member") {
          await shared.commit(put(keys.member("g", "there"), { host: "there", name: "there" }));
        } else {
          const far = { ...backedService("g", "far", "10.9.0.1") };
          const hostId = other ? "there" : "here";
          const backend = { ...far.backend!, hostId, container };
          await shared.commit({
            puts: servicePuts(to === "there" ? waiting(far) : { ...far, backend }),
          });
          const own = backedService("g", `s${n}`, `10.9.1.${n}`);
          await shared.commit({
            puts: servicePuts({ ...own, backend: { ...own.backend!, container: CONTAINERS[0]! } }),
          });
        }
        const anew = new Names();
        anew.apply(new NamesFeed(state).all());
        const expected = seen(anew);
        // A container whose record is gone is no more asked for.
        for (const [i, was] of seen(names).entries()) {
          if (state.containers.has(was.container)) assert.deepEqual(was, expected[i]);
        }
      }
    }),
    { numRuns: 40 },
  );
});

Deno.test("a backend of many is told as its service, with living hosts' backends alone", async () => {
  await using stack = new AsyncDisposableStack();
  const { local, shared, names, told } = await openState(stack);
  const { backend, addresses: _, mac: __, ...web } = backedService("g", "web", "10.9.0.1");
  const many: ServiceRecord = { ...web, mode: "dnsrr", addresses: [], mac: "" };
  const part = (n: number, hostId: string): ServiceRecord => ({
    ...{ ...web, id: `${n}`.repeat(64), of: web.id, addresses: [`10.9.0.${n}/16`], mac: `02:${n}` },
    backend: { ...backend!, hostId, container: n === 1 ? "web" : `c${n}`, containerName: `c${n}` },
  });
  await local.commit({ puts: [containerPut("web")] });
  const g = networkPut("g");
  await shared.commit({
    puts: [
      { key: g.key, value: JSON.stringify({ ...JSON.parse(g.value), scope: "global" }) },
      ...servicePuts(many),
      ...servicePuts(part(1, "here")),
    ],
  });
  const answers = (name: string) => names.zone("g")?.targets(name)?.flatMap(({ v4 }) => v4);
  assert.deepEqual(answers("web"), ["10.9.0.1"]);
  told.length = 0;
  await shared.commit({ puts: servicePuts({ ...part(2, "there"), weight: 3 }) });
  assert.deepEqual(answers("web"), ["10.9.0.1"], "its host isn't known to live");
  const member = {
    key: keys.member("g", "there"),
    value: JSON.stringify({ host: "there", name: "there" }),
  };
  await shared.commit({ puts: [member] });
  assert.deepEqual(answers("web"), ["10.9.0.1", "10.9.0.2"]);
  assert.deepEqual(answers("c2.web"), ["10.9.0.2"]);
  assert.ok(told.every((change) => change.type === "service" && change.id === web.id));
  await shared.commit({
    puts: servicePuts({ ...part(2, "there"), draining: "2026-01-01T00:00:00Z" }),
  });
  assert.deepEqual([answers("web"), answers("tasks.web")?.length], [["10.9.0.1"], 2]);
  await shared.commit({ deletes: [keys.endpoint("g", part(1, "here").id)] });
  assert.equal(names.zone("g"), undefined, "nobody of this host is on it any more");
});
