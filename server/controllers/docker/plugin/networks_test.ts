import assert from "node:assert/strict";
import { dockerSubject } from "../../../../tests/harness/docker_api.ts";
import { Bindings } from "../../../model/repository/docker.ts";
import { DockerNetworks } from "./networks.ts";

async function subject() {
  const made = await dockerSubject();
  const { context, stores, controllers: { networks } } = made.parts;
  const bindings = new Bindings(stores.local);
  const dockerNetworks = new DockerNetworks({
    ...{ context, networks, bindings, docker: made.docker.engine },
  });
  return {
    ...{ engine: made.engine, networks, bindings, dockerNetworks },
    [Symbol.asyncDispose]: () => made[Symbol.asyncDispose](),
  };
}

Deno.test("a network of Docker's is that of its name, which is made where it is missing, and goes with it", async () => {
  await using all = await subject();
  const { engine, networks, bindings, dockerNetworks } = all;
  engine.networks.d1 = { name: "Prod.net" };
  const made = await dockerNetworks.of("d1");
  assert.equal(made.name, "Prod-net");
  assert.equal((await dockerNetworks.of("d1")).id, made.id);
  assert.equal(dockerNetworks.user(made), undefined, "it goes along");
  await dockerNetworks.forget("d1");
  assert.ok(!networks.list().some(({ name }) => name === "Prod-net"));
  assert.deepEqual(bindings.networks(), []);
  await assert.rejects(dockerNetworks.of("d2"), { code: "not_found" });
});

Deno.test("one that was there before stays, is in use meanwhile, and may be made again", async () => {
  await using all = await subject();
  const { engine, networks, dockerNetworks } = all;
  engine.networks.d1 = { name: "prod" };
  const own = await networks.create({ name: "prod" });
  assert.equal((await dockerNetworks.of("d1")).id, own.id);
  assert.match(dockerNetworks.user(own)!, /^it is the network d1 of this host's Docker/);
  await dockerNetworks.forget("d1");
  assert.ok(networks.list().some(({ name }) => name === "prod"));
  assert.equal(dockerNetworks.user(own), undefined);
});

Deno.test("a network without services is none for Docker's containers", async () => {
  await using all = await subject();
  assert.throws(() => all.dockerNetworks.named("host"), {
    code: "invalid",
    message: /no services/,
  });
});
