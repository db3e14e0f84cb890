import assert from "node:assert/strict";
import { containerSubject } from "../../../tests/harness/containers.ts";
import { Backends } from "./backends.ts";
import { Desired } from "./desired.ts";

const found = { id: "a", name: "db", runtime: "docker", running: { namespace: "/nowhere/ns" } };

async function subject() {
  const all = await containerSubject();
  const { context, services } = all;
  await services.publish({ name: "api", network: "bridge" });
  all.engines.set("db", found);
  const desired = new Desired(context.state.local);
  return { ...all, desired, backends: new Backends(context, { ...all, desired }) };
}

Deno.test("an engine's container is adopted to be attached, and released when it is detached", async () => {
  await using all = await subject();
  const { backends, containers, desired } = all;
  const attached = await backends.attach("api", { container: "db", restart: true });
  assert.equal(attached.backend?.container.id, "a");
  assert.equal(desired.followed("a").length, 1);
  await assert.rejects(backends.attach("api", { container: "db" }), { code: "in_use" });
  assert.ok(
    containers.store.get("a"),
    "a second attach that fails releases nothing that is in use",
  );
  await assert.rejects(backends.detach("api", {}), /Name the container to detach/);
  assert.equal((await backends.detach("api", { container: "db" })).backend, undefined);
  assert.equal(containers.store.get("a"), undefined);
  assert.deepEqual([desired.ids(), all.order], [[], []]);
});

Deno.test("of a container that can't be attached nothing stays", async () => {
  await using all = await subject();
  const { backends, containers, bridge } = all;
  bridge.on = (call) => {
    if (call === "join") throw new Error("no join");
  };
  await assert.rejects(backends.attach("api", { container: "db" }), /no join/);
  assert.equal(containers.store.get("a"), undefined);
  await assert.rejects(backends.attach("none", { container: "db" }), { code: "not_found" });
  assert.ok(
    !all.calls.slice(all.calls.indexOf("forget")).includes("pin"),
    "the service comes first",
  );
});

Deno.test("one that ends in the middle of its attach is reaped after it", async () => {
  await using all = await subject();
  const { adopted: { reaper }, backends, containers, context: { state }, bridge } = all;
  const joining = Promise.withResolvers<void>();
  const reaped = joining.promise.then(() => reaper.reap("a"));
  bridge.on = async (call) => {
    if (call !== "join") return;
    all.namespaces.delete("a");
    joining.resolve();
    await new Promise((resolve) => setTimeout(resolve)); // The reaper waits for the lock by now.
  };
  await backends.attach("api", { container: "db" });
  await reaped;
  assert.equal(containers.store.get("a"), undefined);
  const [service] = [...state.services.values()].map(({ record }) => record);
  assert.equal(service?.backend, undefined);
  assert.ok(bridge.calls.indexOf("leave") > bridge.calls.indexOf("join"));
  assert.deepEqual(all.order, []);
});

Deno.test("a service is unpublished with its backend by force alone; a container's own ends with it", async () => {
  await using all = await subject();
  const { backends, containers, services, context: { state } } = all;
  await backends.attach("api", { container: "db" });
  await assert.rejects(backends.unpublish("api", false), { code: "in_use" });
  const cut = ["db from service api.bridge"];
  assert.deepEqual(await backends.unpublish("api", true), { name: "api.bridge", cut });
  const own = { name: "db", network: "bridge" };
  all.engines.set("a", found);
  await backends.publishAttached(own, { auto: "a" }, { container: "a" });
  const [service] = [...state.services.keys()];
  await backends.end(service!);
  assert.deepEqual(await services.list(), []);
  assert.equal(containers.store.get("a"), undefined);
});
