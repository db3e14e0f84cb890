import assert from "node:assert/strict";
import { until } from "../../../../tests/harness/command.ts";
import { dockerSubject } from "../../../../tests/harness/docker_api.ts";
import { Bindings } from "../../../model/repository/docker.ts";
import { DockerEndpoints } from "./endpoints.ts";
import { Plugs } from "./plugs.ts";

const MAC = "02:00:00:00:00:01";
const WEB = "a".repeat(64);

async function subject() {
  const made = await dockerSubject();
  const { context, stores, host, controllers } = made.parts;
  const bindings = new Bindings(stores.local);
  const endpoints = new DockerEndpoints({ context, bindings, ...controllers });
  const plugs = new Plugs({
    ...{ context, endpoints, docker: made.docker.engine, sandboxes: host.sandboxes },
    adopted: controllers.adopted,
  });
  const network = await controllers.networks.create({ name: "net" });
  await endpoints.publish(network, MAC, []);
  const binding = {
    ...bindings.endpoint(network.id, MAC)!,
    ...{ dockerNetwork: "d1", endpoint: "e1", sandbox: "/nowhere/netns" },
  };
  return {
    ...{ engine: made.engine, plugs, binding, services: controllers.services, network },
    [Symbol.asyncDispose]: async () => {
      await plugs.close();
      await made[Symbol.asyncDispose]();
    },
  };
}

Deno.test("whose an endpoint is gives the name before its namespace is there; Docker's leave ends the wait", async () => {
  await using all = await subject();
  const { engine, plugs, binding, services, network } = all;
  engine.containers.push({ id: WEB, name: "web" });
  engine.networks.d1 = { name: "net", endpoints: { e1: "web" } };
  engine.root = "/var/lib/docker";
  await plugs.join(binding);
  assert.deepEqual((await services.list(network.id)).map(({ name }) => name), ["web"]);
  assert.ok(plugs.has(binding));
  await plugs.stop(binding);
  assert.ok(!plugs.has(binding));
});

Deno.test("what Docker doesn't say yet is asked again", async () => {
  await using all = await subject();
  const { engine, plugs, binding } = all;
  await plugs.join(binding);
  const asked = () => engine.asked.filter((what) => what === "GET /networks/d1").length;
  await until("it asks again", () => asked() >= 3);
  await plugs.stop(binding);
});
