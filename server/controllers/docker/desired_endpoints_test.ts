import assert from "node:assert/strict";
import { dockerSubject } from "../../../tests/harness/docker_api.ts";
import { DesiredEndpoints } from "./desired_endpoints.ts";

const A = { id: "a".repeat(64), name: "web.1" };
const B = { id: "b".repeat(64), name: "db" };
const MAC = "02:00:00:00:00:0A";

async function subject() {
  const made = await dockerSubject();
  const { Id } = (await made.ask("POST /networks/create", { Name: "net" })).body;
  const { context, controllers } = made.parts;
  const endpoints = new DesiredEndpoints({ context, ...controllers });
  const on = { network: Id, name: "net", aliases: ["x", "x"], links: [], ips: [], mac: MAC };
  return { ...made, endpoints, on, [Symbol.asyncDispose]: () => made[Symbol.asyncDispose]() };
}

Deno.test("a container's service has a name that DNS has, once, and its MAC address unless that is used", async () => {
  await using all = await subject();
  const { endpoints, docker: { services }, on } = all;
  await endpoints.publish(A, on);
  await endpoints.publish(A, on);
  await endpoints.publish(B, on);
  const [web, db] = await services.list(on.network);
  assert.deepEqual([web!.name, web!.aliases, web!.mac], ["web-1", ["x"], MAC.toLowerCase()]);
  assert.equal(db!.name, "db");
  assert.notEqual(db!.mac, web!.mac);
});

Deno.test("a network that was made again under its name is as good", async () => {
  await using all = await subject();
  const { endpoints, ask, on } = all;
  await ask("DELETE /networks/net");
  await assert.rejects(endpoints.publish(A, on), { message: "network net not found" });
  const { Id } = (await ask("POST /networks/create", { Name: "net" })).body;
  assert.notEqual(Id, on.network);
  await endpoints.publish(A, on);
  assert.equal(endpoints.of({ mode: "net", endpoints: [on] }, Id), on);
  assert.equal(endpoints.backed(A.id, on), undefined, "it is published, and has no backend");
});
