import assert from "node:assert/strict";
import { dockerSubject } from "../../../tests/harness/docker_api.ts";
import { networkOf } from "./names.ts";

const endpoint = (network: string) => ({
  ...{ network, name: "net", aliases: ["alias"], links: [], ips: [] },
});

async function subject() {
  const made = await dockerSubject();
  const { Id } = (await made.ask("POST /networks/create", { Name: "net" })).body;
  const network = networkOf(made.parts.stores.state, "net");
  return { ...made, Id, network, [Symbol.asyncDispose]: () => made[Symbol.asyncDispose]() };
}

Deno.test("a container of netsvc's own is a service of its name, until it is disconnected", async () => {
  await using all = await subject();
  const { docker: { connections, services }, parts, Id, network } = all;
  await parts.controllers.containers.create({ name: "web" });
  await connections.connect("/web", endpoint(Id));
  const [service] = await services.list(Id);
  assert.deepEqual([service!.name, service!.aliases], ["web", ["alias"]]);
  assert.equal(service!.backend!.container.name, "web");
  await connections.disconnect(network, "web", false);
  assert.deepEqual(await services.list(Id), []);
  await assert.rejects(connections.disconnect(network, "web", false), {
    code: "forbidden",
    message: "container web is not connected to network net",
  });
});

Deno.test("by force a service is ended whose container nobody knows", async () => {
  await using all = await subject();
  const { docker: { connections, services }, Id, network } = all;
  await services.publish({ name: "left", network: Id });
  await assert.rejects(connections.disconnect(network, "left", false), { code: "not_found" });
  await connections.disconnect(network, "left", true);
});

Deno.test("a link names a container that there is", async () => {
  await using all = await subject();
  const { docker: { connections }, engine, parts } = all;
  await parts.controllers.containers.create({ name: "own" });
  engine.containers.push({ id: "a".repeat(64), name: "theirs" });
  for (const name of ["own", "theirs"]) await connections.checkLink(name);
  await assert.rejects(connections.checkLink("none"), { code: "invalid", message: /for none:/ });
});
