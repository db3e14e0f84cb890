import assert from "node:assert/strict";
import { until } from "../../../kv/testing/case.ts";
import { controllerSubject } from "../../../tests/harness/controllers.ts";

const A = "a".repeat(64);
const B = "b".repeat(64);

/** A network of a driver's, and a container. */
async function subject(driver = "bridge") {
  const all = await controllerSubject();
  await all.networks.create({ name: "front", driver });
  for (const id of [A, B]) await all.container(id);
  all[driver as "bridge"].calls.length = 0;
  const { attachments, context } = all;
  return Object.assign(all, {
    publish: (name: string, container = A) =>
      context.locks.container(
        container,
        (held) =>
          attachments.publish(held, { name, network: "front" }, { owner: { auto: container } }),
      ),
    attach: (service: string, container = A) =>
      context.locks.container(container, (held) => attachments.attach(held, service)),
  });
}

for (const driver of ["bridge", "plugin"] as const) {
  Deno.test(`publish and attach are one transaction, and neither stays (${driver})`, async () => {
    await using all = await subject(driver);
    const commits = all.store.calls.commit;
    const service = await all.publish("web");
    assert.equal(all.context.state.services.get(service.id)?.record.backend?.container, A);
    // A plugin's has an intent noted and dropped besides.
    assert.equal(all.store.calls.commit - commits, driver === "bridge" ? 1 : 3);
    assert.deepEqual(all[driver].calls, ["join"]);
    all[driver].on = (call) => {
      if (call === "join") throw new Error("on purpose");
    };
    await assert.rejects(all.publish("db", B), /on purpose/);
    assert.equal(all.context.state.services.size, 1);
    assert.deepEqual(all[driver].calls.slice(1, 3), ["join", "leave"]);
    assert.deepEqual(all.intents.plugins(), [], "nothing is left to be settled");
    assert.deepEqual(all.order, []);
  });
}

Deno.test("an attach that fails in the kernel leaves the service as it was", async () => {
  await using all = await subject();
  const { id, addresses } = await all.services.publish({ name: "web", network: "front" });
  all.bridge.on = (call) => {
    if (call === "join") throw new Error("on purpose");
  };
  await assert.rejects(all.attach(id), /on purpose/);
  const { record } = all.services.current(id);
  assert.deepEqual([record.backend, record.addresses], [undefined, addresses]);
  assert.deepEqual(all.bridge.calls, ["join", "leave"]);
  assert.deepEqual(all.order, []);
});

Deno.test("attach, detach and end take the locks in the order of the ladder", async () => {
  await using all = await subject();
  const { id } = await all.services.publish({ name: "web", network: "front" });
  await all.attach(id);
  await assert.rejects(all.attach(id, B), { code: "in_use" });
  await all.context.locks.container(A, (held) => all.attachments.detach(held, id, { force: true }));
  assert.equal(all.services.current(id).record.backend, undefined);
  await all.attach(id, B);
  const seen: boolean[] = [];
  await all.context.locks.container(B, (held) =>
    all.attachments.end(held, id, {
      beside: () => Promise.resolve(void seen.push(all.context.state.services.has(id))),
    }));
  assert.deepEqual(seen, [false], "the store has it before what is done beside begins");
  assert.deepEqual(all.bridge.calls, ["join", "leave", "join", "leave"]);
  assert.deepEqual(all.order, []);
});

Deno.test("where the network has no way out, the container gets an uplink that goes with it", async () => {
  await using all = await subject("plugin");
  all.plugin.decides = { addresses: [], mac: "", wayOut: "leg" };
  const { id } = await all.publish("web");
  const uplink = all.context.state.servicesBackedBy(A).find(({ record }) => record.leg)?.record;
  assert.ok(uplink);
  assert.deepEqual(all.bridge.calls, ["createNetwork", "join"]);
  await all.context.locks.container(A, (held) => all.attachments.end(held, id));
  assert.deepEqual(all.context.state.servicesBackedBy(A), []);
  assert.deepEqual(all.bridge.calls, ["createNetwork", "join", "leave"]);
  assert.deepEqual(all.order, []);
});

Deno.test("a network whose container is being attached isn't removed", async () => {
  await using all = await subject();
  const joining = Promise.withResolvers<void>();
  const release = Promise.withResolvers<void>();
  all.bridge.on = async (call) => {
    if (call !== "join") return;
    joining.resolve();
    await release.promise;
  };
  const attached = all.publish("web");
  await joining.promise;
  await assert.rejects(all.networks.remove("front"), { code: "in_use", message: /service: web/ });
  release.resolve();
  await attached;
  assert.ok(all.context.state.networkByName("front"));
});

Deno.test("what was unpublished while it was being attached is undone in the kernel", async () => {
  await using all = await subject();
  const joining = Promise.withResolvers<void>();
  const release = Promise.withResolvers<void>();
  all.bridge.on = async (call) => {
    if (call !== "join") return;
    joining.resolve();
    await release.promise;
  };
  const attached = all.publish("web");
  await joining.promise;
  const { state } = all.context;
  await until(() => Promise.resolve(state.services.size === 1), "a service in the store");
  // Another host ends it: no lock of this one keeps it from that.
  await all.services.unpublishing.commit([...state.services.keys()][0]!, A);
  release.resolve();
  await assert.rejects(attached, { code: "not_found", message: /unpublished while/ });
  assert.deepEqual(all.bridge.calls, ["join", "leave"]);
});

/** How a service loses its backend. */
const LOSSES = {
  "detach()": (all: Awaited<ReturnType<typeof subject>>, id: string) =>
    all.context.locks.container(A, (held) => all.attachments.detach(held, id)),
  "end()": (all: Awaited<ReturnType<typeof subject>>, id: string) =>
    all.context.locks.container(A, (held) => all.attachments.end(held, id)),
};

for (const [name, lose] of Object.entries(LOSSES)) {
  Deno.test(`${name} leaves while the store commits, where only this host has a say`, async () => {
    await using all = await subject();
    const { id } = await all.publish("web");
    const backed = () => all.context.state.services.get(id)?.record.backend?.container;
    const at: unknown[] = [];
    all.bridge.on = (call) => {
      at.push(call, backed());
      all.store.release();
    };
    all.store.hold();
    await lose(all, id);
    assert.deepEqual(at, ["leave", A], "the store had not answered");
    assert.equal(backed(), undefined);
    await using other = await subject("plugin");
    const { id: theirs } = await other.publish("web");
    other.plugin.on = (call) => {
      if (call === "leave") {
        const { record } = other.context.state.services.get(theirs) ?? {};
        assert.equal(record?.backend, undefined, "a plugin is told when the store has it");
      }
    };
    await lose(other, theirs);
    assert.deepEqual(other.plugin.calls, ["join", "leave"]);
    assert.deepEqual([...all.order, ...other.order], []);
  });

  Deno.test(`${name} that the store refuses changes nothing, or is made good`, async () => {
    await using all = await subject();
    const { id } = await all.publish("web");
    all.store.refuse();
    await assert.rejects(lose(all, id), /on purpose/);
    assert.deepEqual(all.bridge.calls, ["join"], "nothing was cut");
    const { store } = all.context.state.local;
    const { commit } = store;
    store.commit = async () => {
      await new Promise((resolve) => setTimeout(resolve, 20));
      throw new Error("the disk is full");
    };
    await assert.rejects(lose(all, id), /the disk is full/);
    assert.deepEqual(all.bridge.calls, ["join", "leave", "join"]);
    assert.equal(all.context.state.services.get(id)?.record.backend?.container, A);
    store.commit = commit;
  });
}
