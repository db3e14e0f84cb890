import assert from "node:assert/strict";
import { CuttableStore } from "../../tests/harness/cuttable_store.ts";
import { servicePuts } from "../../tests/harness/service_puts.ts";
import { Interests } from "../model/shared/subscriptions.ts";
import { StoreLink } from "../model/shared/store_link.ts";
import { Mirror } from "../model/mirror.ts";
import { keys } from "../model/keys.ts";
import type { NetworkRecord, ServiceRecord } from "../model/records.ts";
import { State } from "../model/state.ts";
import { NetsvcError } from "../../lib/api/errors.ts";
import { byState, confirmed } from "./confirmed.ts";
import type { Context } from "./context.ts";
import { findService } from "./lookup.ts";

const CREATED = "2026-01-01T00:00:00.000Z";

function network(id: string, scope: "global" | "local") {
  const record: NetworkRecord = {
    ...{ id, name: `net-${id}`, scope, driver: "overlay", created: CREATED },
    ...{ predefined: false, internal: false, ipv6: false, pools: [], options: {}, labels: {} },
  };
  return { key: keys.network(id), value: JSON.stringify(record) };
}

function service(name: string) {
  const record: ServiceRecord = {
    ...{
      id: `id of ${name}`,
      name,
      network: "n",
      created: CREATED,
      mode: "single",
      addresses: [],
      mac: "",
    },
    ...{ aliases: [], ports: [] },
  };
  return servicePuts(record);
}

async function subject() {
  await using stack = new AsyncDisposableStack();
  const cuttable = stack.use(await CuttableStore.open());
  const own = stack.use(await CuttableStore.open());
  await cuttable.store.commit({ puts: [network("n", "global")] });
  await own.store.commit({ puts: [network("l", "local")] });
  const link = new StoreLink(cuttable.store, "etcd:h:1");
  stack.defer(() => link[Symbol.asyncDispose]());
  const mirror = new Mirror(link, { deadline: 500 });
  stack.defer(() => mirror.close());
  const local = stack.adopt(await Mirror.open(own.store), (opened) => opened.close());
  await mirror.follow(keys.networks);
  const interests = new Interests(mirror, link);
  await interests.ensure("n");
  const state = new State(local, mirror, { hostId: "self" });
  stack.defer(() => state.close());
  const context = { state, cluster: { interests } } as unknown as Context;
  const find = (name: string, on = "net-n") =>
    confirmed(
      { context, networks: [on] },
      () =>
        Promise.resolve().then(() =>
          findService({ state, defaultNetwork: "" }, `${name}.${on}`).record.name
        ),
    );
  const rest = stack.move();
  return { cuttable, context, find, [Symbol.asyncDispose]: () => rest.disposeAsync() };
}

Deno.test("what the copy doesn't have yet is found in the store", async () => {
  await using all = await subject();
  const { cuttable, find } = all;
  cuttable.cut();
  await cuttable.store.commit({ puts: [...service("late")] });
  const finding = find("late");
  setTimeout(() => cuttable.restore(), 100);
  assert.equal(await finding, "late");
});

Deno.test("a refusal is kept when the store says so, too, and looked up once", async () => {
  await using all = await subject();
  const { cuttable, context, find } = all;
  const before = cuttable.calls.list;
  await assert.rejects(confirmed({ context, networks: ["net-n"] }, () => find("none")), {
    code: "not_found",
    message: /No such service: "none" on network "net-n"/,
  });
  assert.equal(cuttable.calls.list - before, 5, "networks, and four prefixes of one");
});

Deno.test("a copy that stays behind is said to be", async () => {
  await using all = await subject();
  const { cuttable, find } = all;
  cuttable.cut();
  await cuttable.store.commit({ puts: [...service("late")] });
  await assert.rejects(find("late"), {
    code: "unavailable",
    message: /No such service: "late".*; .*copy of the store is behind/,
  });
});

Deno.test("a refusal that can't be looked up is said to be such, also of what isn't known at all", async () => {
  await using all = await subject();
  const { cuttable, find } = all;
  cuttable.refuse();
  for (const on of ["net-n", "net-unknown"]) {
    await assert.rejects(find("db", on), {
      code: "unavailable",
      message: /^By what this host knew last: No such (service|network): .* can't be looked up: /,
    });
  }
});

Deno.test("what is this host's own, or wrong in itself, is refused without the store", async () => {
  await using all = await subject();
  const { cuttable, context, find } = all;
  cuttable.refuse();
  await assert.rejects(find("db", "net-l"), { code: "not_found" });
  const wrong = new NetsvcError("invalid", "Invalid name");
  await assert.rejects(
    confirmed({ context, networks: ["net-n"] }, () => Promise.reject(wrong)),
    wrong,
  );
  await assert.rejects(
    confirmed({ context, networks: ["net-n"] }, () => Promise.reject(byState(wrong))),
    {
      code: "unavailable",
    },
  );
});
