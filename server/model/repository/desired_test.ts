import assert from "node:assert/strict";
import { CuttableStore } from "../../../tests/harness/cuttable_store.ts";
import { keys } from "../keys.ts";
import { Mirror } from "../mirror.ts";
import {
  desiredOf,
  followsServices,
  migrateDesired,
  putDesired,
  withoutFollowed,
} from "./desired.ts";

const WEB = "1".repeat(64);
const DB = "2".repeat(64);
const BOTH = "3".repeat(64);

/** A local store with entries as a daemon of before wrote them. */
async function localWith(entries: Record<string, unknown>) {
  await using stack = new AsyncDisposableStack();
  const { store } = stack.use(await CuttableStore.open());
  const puts = Object.entries(entries).map(([key, value]) => ({
    key,
    value: JSON.stringify(value),
  }));
  await store.commit({ puts });
  const local = stack.adopt(await Mirror.open(store), (opened) => opened.close());
  const rest = stack.move();
  return { local, [Symbol.asyncDispose]: () => rest.disposeAsync() };
}

/** `docker run --net foo --ip 10.0.0.9`, as of 8f9bd48. */
const WANTED = {
  mode: "foo",
  endpoints: [{
    ...{ network: "n1", name: "foo", aliases: ["a"], links: [], ips: ["10.0.0.9"] },
    ...{ mac: "02:00:00:00:00:01", driverOpts: { x: "1" } },
  }],
};

/** A container that `service attach --restart` has attached, as of 8f9bd48. */
const adopted = (id: string) => ({
  ...{ id, name: "db", created: "2026-01-01T00:00:00.000Z", hostname: "db", state: "exited" },
  ...{ networkMode: "networks", ports: [], autoRemove: true },
  foreign: {
    ...{ runtime: "docker", namespace: "/proc/1/ns/net", links: [], hasRoute: true },
    ...{ resolver: "127.0.0.11", upstreams: [] },
    follows: [{ service: "s1", network: "n1", aliases: [{ service: "x.foo", alias: "y" }] }],
  },
});

const FOLLOWED = {
  ...{ network: "n1", name: "", service: "s1", aliases: [], ips: [] },
  links: [{ service: "x.foo", alias: "y" }],
};

Deno.test("what versions before had in two places is one record, and once", async () => {
  await using all = await localWith({
    [`docker-containers/${WEB}`]: WANTED,
    [`containers/${DB}`]: adopted(DB),
    [`docker-containers/${BOTH}`]: WANTED,
    [`containers/${BOTH}`]: adopted(BOTH),
    [`containers/own`]: { id: "own", state: "running" },
  });
  const { local } = all;
  await migrateDesired(local);
  const check = () => {
    assert.deepEqual(desiredOf(local, WEB), WANTED);
    assert.deepEqual(desiredOf(local, DB), { endpoints: [FOLLOWED] });
    assert.deepEqual(desiredOf(local, BOTH), {
      mode: "foo",
      endpoints: [...WANTED.endpoints, FOLLOWED],
    });
    assert.deepEqual(local.list(keys.dockerContainers), []);
    const { foreign, ...record } = JSON.parse(local.get(keys.container(DB))!.value);
    const { foreign: { follows: _, ...kept }, ...before } = adopted(DB);
    assert.deepEqual([record, foreign], [before, kept]);
    assert.deepEqual(JSON.parse(local.get("containers/own")!.value).id, "own");
  };
  check();
  await migrateDesired(local);
  check();
});

Deno.test("a container that is forgotten follows nothing; where its own services are stays", async () => {
  await using all = await localWith({});
  const { local } = all;
  await local.commit(putDesired(local, {
    container: WEB,
    record: { mode: "foo", endpoints: [FOLLOWED] },
  }));
  await local.commit(putDesired(local, { container: DB, record: { endpoints: [FOLLOWED] } }));
  assert.ok(followsServices(local, WEB) && followsServices(local, DB));
  for (const id of [WEB, DB]) await local.commit(withoutFollowed(local, id));
  assert.deepEqual(desiredOf(local, WEB), { mode: "foo", endpoints: [] });
  assert.equal(local.get(keys.desired(DB)), undefined);
  assert.deepEqual(withoutFollowed(local, WEB), {});
});
