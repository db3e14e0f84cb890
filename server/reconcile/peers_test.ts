import assert from "node:assert/strict";
import type { Join, Peer } from "../../drivers/driver.ts";
import { libc } from "../../lib/linux/libc.ts";
import { namesOnlyDriver } from "../../drivers/names_only/names_only.ts";
import { until } from "../../kv/testing/case.ts";
import { openMirror } from "../../tests/harness/cuttable_store.ts";
import { serviceKeys, servicePuts } from "../../tests/harness/service_puts.ts";
import type { Context } from "../controllers/context.ts";
import { joinOf } from "../controllers/endpoints/specs/driver_specs.ts";
import { ReadWriteLock } from "../../lib/async/read_write_lock.ts";
import { Joined } from "../drivers/local_endpoints.ts";
import { Locks } from "../controllers/locks.ts";
import { Working } from "../controllers/working.ts";
import type { IntentLog } from "../drivers/intent_log.ts";
import { ManagedDriver } from "../drivers/managed_driver.ts";
import { driven } from "../drivers/network_spec.ts";
import { keys } from "../model/keys.ts";
import type { StoredContainer } from "../model/container.ts";
import type { NetworkRecord, ServiceRecord } from "../model/records.ts";
import { State } from "../model/state.ts";
import { Converger } from "./peers.ts";

libc(); // Loaded once for all tests.

const CREATED = "2026-01-01T00:00:00.000Z";
const HERE = "here", THERE = "there", NETWORK = "n";

function backend(hostId: string) {
  const container = hostId === HERE ? "c" : "elsewhere";
  return {
    ...{ container, runtime: "netsvc", host: hostId, hostId, interface: "eth0" },
    ...{ attached: CREATED, aliases: [] },
  };
}

function service(id: string, hostId?: string): ServiceRecord {
  return {
    ...{ id, name: id, network: NETWORK, created: CREATED, mode: "single", addresses: [], mac: "" },
    ...{ aliases: [], ports: [], ...hostId !== undefined && { backend: backend(hostId) } },
  };
}

const put = servicePuts;
const member = (host: string) => ({
  key: keys.member(NETWORK, host),
  value: JSON.stringify({ host, name: host, address: `vtep of ${host}` }),
});

/** A network on which this host backs the service `own`, and another host `theirs`. */
async function subject() {
  await using stack = new AsyncDisposableStack();
  const [local, shared] = [await openMirror(stack), await openMirror(stack)];
  const network: NetworkRecord = {
    ...{ id: NETWORK, name: "net", scope: "global", driver: "overlay", created: CREATED },
    ...{ predefined: false, internal: true, ipv6: false, pools: [], options: {}, labels: {} },
  };
  const container: StoredContainer = {
    ...{ id: "c", created: CREATED, hostname: "c", state: "created", networkMode: "networks" },
    ...{ ports: [], autoRemove: false },
  };
  await local.commit({
    puts: [{ key: keys.container("c"), value: JSON.stringify(container) }],
  });
  await shared.commit({
    puts: [
      { key: keys.network(NETWORK), value: JSON.stringify(network) },
      ...put(service("own", HERE)),
      ...put(service("theirs", THERE)),
      ...[member(HERE), member(THERE)],
    ],
  });
  const state = new State(local, shared, { hostId: HERE });
  stack.defer(() => state.close());
  const told: Peer[][] = [];
  const left: Join[] = [];
  const failing = { times: 0 };
  const joins: Join[] = [];
  const refused = new Set<string>();
  const alive = { yes: true };
  const driver = {
    ...namesOnlyDriver("overlay"),
    setPeers: (_: unknown, peers: Peer[]) => {
      if (failing.times-- > 0) return Promise.reject(new Error("on purpose"));
      return Promise.resolve(void told.push(peers));
    },
    join: (_: unknown, join: Join) =>
      refused.has(join.endpoint.id)
        ? Promise.reject(new Error("on purpose"))
        : Promise.resolve(void joins.push(join)),
    leave: (_: unknown, join: Join) => Promise.resolve(void left.push(join)),
  };
  // What the converger needs of the daemon.
  const gate = new ReadWriteLock();
  const managed = new ManagedDriver(driver, { gate, intents: {} as IntentLog });
  const context = {
    ...{ state, drivers: new Map([["overlay", managed]]), locks: new Locks(new Working()) },
    ...{ gate, joined: new Joined(), hostId: HERE },
    namespaces: { path: (id: string) => `/${id}`, alive: () => alive.yes },
    cluster: {
      membership: { lease: {}, memberPut: () => member(HERE) },
      vteps: { faultOf: () => undefined },
    },
  } as unknown as Context;
  const own = () => joinOf(context, state.services.get("own")!.record);
  context.joined.set(driven(managed, network), own());
  const settled: string[] = [];
  const converger = new Converger(
    context,
    (container) => Promise.resolve(void settled.push(container)),
  );
  stack.defer(() => converger.close());
  const rest = stack.move();
  const last = () => told.at(-1)?.map(({ endpoint, vtep }) => `${endpoint.id} at ${vtep}`);
  return {
    ...{
      shared,
      state,
      context,
      converger,
      told,
      left,
      last,
      failing,
      settled,
      joins,
      alive,
      refused,
    },
    [Symbol.asyncDispose]: () => rest.disposeAsync(),
  };
}

Deno.test("the driver is told the endpoints of living hosts, once for many changes", async () => {
  await using all = await subject();
  const { shared, told, last } = all;
  await shared.commit({
    puts: Array.from({ length: 30 }, (_, i) => put(service(`more${i}`, THERE))).flat(),
  });
  await until(() => Promise.resolve(last()?.length === 31), "all are known");
  assert.ok(last()!.includes("theirs at vtep of there"));
  assert.ok(told.length < 10, `${told.length} rounds`);
  await shared.commit({ deletes: [keys.member(NETWORK, THERE)] });
  await until(() => Promise.resolve(last()?.length === 0), "they are gone with their host");
});

Deno.test("a network that nothing is plugged into is none of the driver's", async () => {
  await using all = await subject();
  all.context.joined.delete("own");
  all.alive.yes = false;
  await all.shared.commit({ puts: [...put(service("more", THERE))] });
  await new Promise((resolve) => setTimeout(resolve, 100));
  assert.deepEqual(all.told, []);
});

Deno.test("a service that was given to another host is unplugged, and its network is left", async () => {
  await using all = await subject();
  const { shared, state, left, context, settled } = all;
  await shared.commit({ puts: [...put(service("own", THERE))] });
  await until(() => Promise.resolve(left.length === 1), "it is unplugged");
  assert.equal(left[0]!.endpoint.id, "own");
  assert.deepEqual(context.joined.on(NETWORK), []);
  await until(() => Promise.resolve(settled.includes("c")), "its container's way out is settled");
  await until(
    () => Promise.resolve(shared.get(keys.member(NETWORK, HERE)) === undefined),
    "this host is no member any more",
  );
  assert.ok(state.members.has(NETWORK, THERE));
});

Deno.test("a driver that fails is asked again with the next change", async () => {
  await using all = await subject();
  const { shared, last, failing } = all;
  failing.times = 1;
  await shared.commit({ puts: [...put(service("one", THERE))] });
  await until(() => Promise.resolve(failing.times === 0), "it has failed");
  await shared.commit({ puts: [...put(service("two", THERE))] });
  await until(() => Promise.resolve(last()?.length === 3), "it knows all");
});

Deno.test("a host's key that somebody deleted is put again, where it backs something", async () => {
  await using all = await subject();
  const key = keys.member(NETWORK, HERE);
  await all.shared.commit({ deletes: [key] });
  await until(async () => await all.shared.store.get(key) !== undefined, "it is there again");
});

Deno.test("a host's key of a network that was removed is deleted", async () => {
  await using all = await subject();
  const key = keys.member("removed", HERE);
  await all.shared.commit({ puts: [{ ...member(HERE), key }] });
  await until(async () => await all.shared.store.get(key) === undefined, "it is gone");
});

Deno.test("what the store says is this host's is plugged in", async () => {
  await using all = await subject();
  await all.shared.commit({ puts: [...put(service("lost", HERE))] });
  await until(() => Promise.resolve(all.joins.length > 0), "it is plugged in");
  assert.deepEqual(all.joins.map(({ endpoint }) => endpoint.id), ["lost"]);
  assert.deepEqual(all.settled, ["c"]);
  await until(() => Promise.resolve(all.told.length > 0), "peers are told");
  assert.equal(all.joins.length, 1);
  assert.equal(all.joins[0]!.interface, "eth1", "eth0 is that of another service by now");
  assert.equal(all.state.services.get("lost")!.record.backend!.interface, "eth1");
});

Deno.test("what is plugged in is unplugged when its network goes, in whichever order that is told", async () => {
  for (const together of [true, false]) {
    await using all = await subject();
    const { shared, left, settled } = all;
    const deletes = [keys.network(NETWORK), ...serviceKeys(NETWORK, "own")];
    if (together) await shared.commit({ deletes });
    else for (const key of deletes) await shared.commit({ deletes: [key] });
    await until(() => Promise.resolve(left.length === 1), "it is unplugged");
    assert.equal(left[0]!.endpoint.id, "own");
    await until(() => Promise.resolve(settled.includes("c")), "its way out is settled");
  }
});

Deno.test("a service that can't be plugged in holds up none of the others, and is tried again", async () => {
  await using all = await subject();
  const { shared, joins, last, refused } = all;
  refused.add("first");
  await shared.commit({
    puts: [
      ...put(service("first", HERE)),
      ...put(service("second", HERE)),
      ...put(service("more", THERE)),
    ],
  });
  await until(() => Promise.resolve(joins.length === 1), "the other one is plugged in");
  assert.equal(joins[0]!.endpoint.id, "second");
  await until(() => Promise.resolve(last()?.length === 2), "the peers are known");
  refused.clear();
  await until(() => Promise.resolve(joins.length === 2), "it is plugged in without any change");
});
