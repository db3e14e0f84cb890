import assert from "node:assert/strict";
import { dockerSubject } from "../../../../tests/harness/docker_api.ts";
import { Bindings } from "../../../model/repository/docker.ts";
import { DockerEndpoints } from "./endpoints.ts";

const MAC = "02:00:00:00:00:01";

async function subject() {
  const made = await dockerSubject();
  const { context, stores, controllers } = made.parts;
  const bindings = new Bindings(stores.local);
  const endpoints = new DockerEndpoints({ context, bindings, ...controllers });
  const network = await controllers.networks.create({ name: "net" });
  return {
    ...{ endpoints, bindings, network, services: controllers.services },
    [Symbol.asyncDispose]: () => made[Symbol.asyncDispose](),
  };
}

Deno.test("an endpoint has its address once, however often Docker asks, until that is given back", async () => {
  await using all = await subject();
  const { endpoints, bindings, network, services } = all;
  const first = await endpoints.publish(network, MAC, []);
  const second = await endpoints.publish(network, MAC, []);
  assert.equal(second.id, first.id);
  const [service] = await services.list(network.id);
  const [address] = service!.addresses[0]!.split("/");
  const binding = endpoints.withAddress(network.id, address!)!;
  assert.equal(binding.mac, MAC);
  assert.equal(endpoints.isPlugged(binding), false);
  await endpoints.release(binding);
  assert.deepEqual([await services.list(network.id), bindings.endpoints()], [[], []]);
});

Deno.test("a service is called as its container, or like it where that is another's", async () => {
  await using all = await subject();
  const { endpoints, bindings, network, services } = all;
  await services.publish({ name: "web", network: network.id });
  const { id } = await endpoints.publish(network, MAC, []);
  const binding = bindings.endpoint(network.id, MAC)!;
  const named = async (name: string, words: string[] = []) => {
    await endpoints.name(binding, { id: "c1", name }, words);
    const { name: now, aliases } = (await services.list(network.id)).find((s) => s.id === id)!;
    return [now, aliases];
  };
  assert.deepEqual(await named("web"), ["web-one", []]);
  assert.deepEqual(await named("db_1", ["db_1", "My.Word"]), ["db_1", ["My.Word"]]);
});
