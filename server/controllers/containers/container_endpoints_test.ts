import assert from "node:assert/strict";
import { containerSubject } from "../../../tests/harness/containers.ts";

Deno.test("a container is detached from all its services; its own end, others stay", async () => {
  await using subject = await containerSubject();
  const { containers: { endpoints }, containers, context, services } = subject;
  await services.publish({ name: "api", network: "bridge" });
  const request = { name: "web", network: "bridge", publishServices: ["api.bridge"] };
  const { id } = await containers.create(request);
  assert.deepEqual(endpoints.rejoinOf(id).map(({ name }) => name), ["api"]);
  const cut = await context.locks.container(id, (held) => endpoints.detachAll(held));
  assert.deepEqual(cut, ["the backend of service api.bridge"]);
  const left = [...context.state.services.values()].map(({ record }) => record);
  assert.deepEqual(left.map(({ name, backend }) => [name, backend]), [["api", undefined]]);
  assert.deepEqual(subject.bridge.calls.filter((call) => call === "leave").length, 2);
  assert.deepEqual(subject.order, []);
});

Deno.test("what was published is unpublished again by the rollback, and nothing else", async () => {
  await using subject = await containerSubject();
  const { containers: { endpoints }, containers, context, services } = subject;
  await services.publish({ name: "api", network: "bridge" });
  const { id } = await containers.create({ name: "web" });
  const network = context.state.networkByName("bridge")!.record.id;
  const published = [{ name: "api", network }, { name: "new", network }];
  await context.locks.container(id, async (held) => {
    await using rollback = new AsyncDisposableStack();
    await endpoints.attachAll(held, { mode: "networks", published }, rollback);
    assert.equal(context.state.servicesBackedBy(id).length, 2);
  });
  const left = [...context.state.services.values()].map(({ record }) => record);
  assert.deepEqual(left.map(({ name }) => name), ["api"]);
});
