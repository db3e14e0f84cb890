import assert from "node:assert/strict";
import { dockerSubject } from "../../../tests/harness/docker_api.ts";

const WEB = "a".repeat(64);

async function subject() {
  const made = await dockerSubject();
  const { Id } = (await made.ask("POST /networks/create", { Name: "net" })).body;
  made.engine.containers.push({ id: WEB, name: "web" });
  const endpoint = { network: Id, name: "net", aliases: [], links: [], ips: [] };
  await made.docker.desired.save(WEB, { mode: "net", endpoints: [endpoint] });
  const inspected = (await made.docker.engine.inspect("web"))!;
  return { ...made, Id, inspected, [Symbol.asyncDispose]: () => made[Symbol.asyncDispose]() };
}

Deno.test("services are there before the container is, and end when it didn't start", async () => {
  await using all = await subject();
  const { docker: { starts, services }, inspected, Id } = all;
  const during = await starts.start(inspected, async () => {
    const [service] = await services.list(Id);
    return { ok: false, result: service?.name };
  });
  assert.equal(during, "web");
  assert.deepEqual(await services.list(Id), []);
});

Deno.test("why one couldn't be started is known until it is started again, or gone", async () => {
  await using all = await subject();
  const { docker: { starts }, inspected } = all;
  const fail = () => Promise.reject(new Error("no such device"));
  const start = () => Promise.resolve({ ok: false, result: undefined });
  await assert.rejects(starts.start(inspected, fail), /no such device/);
  assert.equal(starts.failures.get(WEB), "no such device");
  await starts.start(inspected, start);
  assert.equal(starts.failures.get(WEB), undefined);
  await assert.rejects(starts.start(inspected, fail));
  await starts.removed(WEB);
  assert.equal(starts.failures.get(WEB), undefined);
});

Deno.test("one that is removed is to be nowhere, and its ports are nobody's", async () => {
  await using all = await subject();
  const { docker: { starts, desired, services }, inspected, Id } = all;
  await starts.start(inspected, () => Promise.resolve({ ok: false, result: undefined }));
  await starts.removed(WEB);
  assert.deepEqual(desired.ids(), []);
  assert.deepEqual(await services.list(Id), []);
});
