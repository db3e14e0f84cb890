import assert from "node:assert/strict";
import fc from "fast-check";
import { openMirror } from "../../tests/harness/cuttable_store.ts";
import { serviceKeys, servicePuts } from "../../tests/harness/service_puts.ts";
import type { Put } from "../../kv/store.ts";
import type { Mirror } from "./mirror.ts";
import { keys } from "./keys.ts";
import type { StoredContainer } from "./container.ts";
import type { NetworkRecord, ServiceRecord } from "./records.ts";
import { State, type StateChange } from "./state.ts";

const CREATED = "2026-01-01T00:00:00.000Z";
const HERE = "here", THERE = "there";

function network(id: string, name: string, scope: NetworkRecord["scope"]): Put {
  const record: NetworkRecord = {
    ...{ id, name, scope, driver: scope === "local" ? "bridge" : "overlay", created: CREATED },
    ...{ predefined: false, internal: false, ipv6: false, pools: [], options: {}, labels: {} },
  };
  return { key: keys.network(id), value: JSON.stringify(record) };
}

function container(id: string, name: string): Put {
  const record: StoredContainer = {
    ...{ id, name, created: CREATED, hostname: name, state: "created", networkMode: "networks" },
    ...{ ports: [], autoRemove: false },
  };
  return { key: keys.container(id), value: JSON.stringify(record) };
}

function service(
  on: string,
  id: string,
  name: string,
  address: string,
  backend?: { hostId: string; container: string },
): ServiceRecord {
  return {
    ...{ id, name, network: on, created: CREATED, mode: "single", addresses: [`${address}/16`] },
    ...{ mac: `02:${address}`, aliases: [], ports: [] },
    ...backend && {
      backend: {
        ...backend,
        ...{ runtime: "netsvc", host: backend.hostId, interface: "eth0", attached: CREATED },
        aliases: [],
      },
    },
  };
}

const put = servicePuts;

interface Subject extends AsyncDisposable {
  local: Mirror;
  shared: Mirror;
  state: State;
}

/** A state of two stores. */
async function subject(): Promise<Subject> {
  await using stack = new AsyncDisposableStack();
  const [local, shared] = [await openMirror(stack), await openMirror(stack)];
  const state = new State(local, shared, { hostId: HERE });
  stack.defer(() => state.close());
  const rest = stack.move();
  return { local, shared, state, [Symbol.asyncDispose]: () => rest.disposeAsync() };
}

Deno.test("networkByName() prefers this host's own, whatever the case", async () => {
  await using all = await subject();
  const { local, shared, state } = all;
  await shared.commit({ puts: [network("g", "Prod", "global")] });
  assert.equal(state.networkByName("prod")?.record.id, "g");
  await local.commit({ puts: [network("l", "prod", "local")] });
  assert.equal(state.networkByName("PROD")?.record.id, "l");
  assert.equal(state.mirrorOf({ scope: "global" }), shared);
  await local.commit({ deletes: [keys.network("l")] });
  assert.equal(state.networkByName("prod")?.record.id, "g");
});

Deno.test("backendsOf() goes by members for others, by containers for this host", async () => {
  await using all = await subject();
  const { local, shared, state } = all;
  const theirs = service("g", "s1", "db", "10.0.0.2", { hostId: THERE, container: "c1" });
  const own = service("g", "s2", "web", "10.0.0.3", { hostId: HERE, container: "c2" });
  await shared.commit({ puts: [network("g", "net", "global"), ...put(theirs), ...put(own)] });
  assert.equal(state.backendsOf(theirs)[0], undefined);
  assert.equal(state.backendsOf(own)[0], undefined, "the container is gone");
  const seen: StateChange["type"][] = [];
  state.subscribe((changes) => seen.push(...changes.map(({ type }) => type)));
  const value = JSON.stringify({ host: THERE, name: THERE });
  await shared.commit({ puts: [{ key: keys.member("g", THERE), value }] });
  await local.commit({ puts: [container("c2", "c2")] });
  assert.deepEqual(seen, ["member", "container"]);
  assert.equal(state.backendsOf(theirs)[0]?.container, "c1");
  assert.equal(state.backendsOf(own)[0]?.container, "c2");
  assert.deepEqual(state.ownBackends("g").map(({ id }) => id), ["s2"]);
  await shared.commit({ deletes: [keys.member("g", THERE)] });
  assert.equal(state.backendsOf(theirs)[0], undefined);
});

Deno.test("servicesOf() goes by creation, and follows each change", async () => {
  await using all = await subject();
  const { shared, state } = all;
  const at = (second: number, id: string) =>
    put({
      ...service("g", id, id, `10.0.0.${second}`),
      created: `2026-01-01T00:00:0${second}.000Z`,
    });
  const ids = () => state.servicesOf("g").map(({ record }) => record.id);
  assert.deepEqual(ids(), []);
  await shared.commit({ puts: [...at(3, "c"), ...at(1, "a")] });
  assert.deepEqual(ids(), ["a", "c"]);
  await shared.commit({ puts: at(2, "b") });
  assert.deepEqual(ids(), ["a", "b", "c"]);
  await shared.commit({ puts: at(5, "a"), deletes: serviceKeys("g", "c") });
  assert.deepEqual(ids(), ["b", "a"]);
  assert.equal(state.servicesOf("g")[1]!.record.addresses[0], "10.0.0.5/16");
  assert.deepEqual(state.servicesOf("other"), []);
});

Deno.test("the look-ups say what a look through all records says", async () => {
  const id = fc.constantFrom("s1", "s2", "s3");
  const step = fc.oneof(
    fc.record({
      id,
      name: fc.constantFrom("db", "DB", "web"),
      address: fc.constantFrom("10.0.0.2", "10.0.0.3"),
      host: fc.constantFrom(undefined, HERE, THERE),
      container: fc.constantFrom("c1", "c2"),
    }),
    fc.record({ id }),
  );
  await using all = await subject();
  const { shared, state } = all;
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 12 }), async (steps) => {
      await shared.commit({ deletes: ["s1", "s2", "s3"].flatMap((id) => serviceKeys("g", id)) });
      for (const step of steps) {
        if (!("name" in step)) {
          await shared.commit({ deletes: serviceKeys("g", step.id) });
          continue;
        }
        const { id, name, address, host, container } = step;
        const taken = [...state.services.values()].some(({ record }) =>
          record.id !== id &&
          (record.name.toLowerCase() === name.toLowerCase() ||
            record.addresses[0] === `${address}/16`)
        );
        if (taken) continue; // The store's own keys don't let this happen.
        const backend = host === undefined ? undefined : { hostId: host, container };
        await shared.commit({ puts: put(service("g", id, name, address, backend)) });
      }
      const records = [...state.services.values()].map(({ record }) => record);
      for (const name of ["db", "web"]) {
        const found = records.find((record) => record.name.toLowerCase() === name);
        assert.equal(state.serviceByName("g", name)?.record.id, found?.id);
      }
      for (const ip of ["10.0.0.2", "10.0.0.3"]) {
        const has = records.some(({ addresses }) => addresses[0] === `${ip}/16`);
        assert.equal(state.hasAddress("g", ip), has);
        assert.equal(state.hasMac("g", `02:${ip}`), has);
      }
      for (const container of ["c1", "c2"]) {
        const backed = records.filter(({ backend }) =>
          backend?.hostId === HERE && backend.container === container
        );
        assert.deepEqual(
          state.servicesBackedBy(container).map(({ record }) => record.id).sort(),
          backed.map(({ id }) => id).sort(),
        );
      }
      assert.deepEqual(
        new Set(state.servicesOf("g").map(({ record }) => record)),
        new Set(records),
      );
    }),
    { numRuns: 30 },
  );
});
