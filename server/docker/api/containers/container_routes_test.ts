import assert from "node:assert/strict";
import {
  type DockerSubject,
  dockerSubject,
  type Shown,
} from "../../../../tests/harness/docker_api.ts";
import { LABEL, labelKey } from "../../../controllers/docker/labels.ts";

const MADE = "f".repeat(64);

/** Makes a container on network "net". */
async function create({ ask }: DockerSubject, EndpointsConfig = {}) {
  await ask("POST /networks/create", { Name: "net" });
  return await ask("POST /v1.41/containers/create?name=made", {
    Image: "box",
    HostConfig: { NetworkMode: "net" },
    NetworkingConfig: { EndpointsConfig },
  });
}

Deno.test("a container is made on no network of the engine's, and is known by its id", async () => {
  await using subject = await dockerSubject();
  const { ask, engine, docker } = subject;
  const made = await create(subject);
  assert.deepEqual([made.status, made.body.Id], [201, MADE]);
  const [{ HostConfig, Labels }] = engine.made as unknown as [Shown];
  assert.equal(HostConfig.NetworkMode, "none");
  assert.ok(labelKey(Labels[LABEL]));
  assert.equal(docker.desired.networks(MADE)!.mode, "net");
  assert.deepEqual(docker.desired.unclaimed(), []);
  const shown = await ask(`GET /v1.41/containers/${MADE}/json`);
  assert.equal(shown.body.HostConfig.NetworkMode, "net");
  assert.deepEqual(Object.keys(shown.body.NetworkSettings.Networks), ["net"]);
});

Deno.test("what the engine refuses to make leaves nothing behind", async () => {
  await using subject = await dockerSubject();
  const { engine, docker } = subject;
  const what = "POST /v1.41/containers/create";
  engine.refuses[what] = { status: 404, message: "No such image: box" };
  const refused = await create(subject);
  assert.deepEqual([refused.status, refused.body.message], [404, "No such image: box"]);
  assert.deepEqual([docker.desired.unclaimed(), docker.desired.ids()], [[], []]);
});

Deno.test("a network that isn't there is no missing image", async () => {
  await using subject = await dockerSubject();
  const body = { Image: "box", HostConfig: { NetworkMode: "nosuch" } };
  assert.deepEqual(await subject.ask("POST /containers/create", body), {
    status: 400,
    body: { message: "network nosuch not found" },
  });
});

Deno.test("what the engine can't start has no service, and says why", async () => {
  await using subject = await dockerSubject();
  const { ask, engine, parts } = subject;
  await create(subject);
  engine.refuses[`POST /containers/${MADE}/start`] = { status: 500, message: "no such command" };
  assert.equal((await ask(`POST /containers/${MADE}/start`)).status, 500);
  assert.equal(parts.stores.state.services.size, 0);
});

Deno.test("to start what runs changes nothing, which isn't an error", async () => {
  await using subject = await dockerSubject();
  const { ask, engine } = subject;
  engine.containers.push({ id: MADE, name: "made", running: true });
  engine.refuses[`POST /containers/${MADE}/start`] = { status: 304, message: "" };
  assert.deepEqual(await ask(`POST /containers/${MADE}/start`), { status: 304, body: undefined });
});

Deno.test("what can't have its networks isn't started", async () => {
  await using subject = await dockerSubject();
  const { ask, engine, parts } = subject;
  await create(subject, { net: { IPAMConfig: { IPv4Address: "192.0.2.7" } } });
  const refused = await ask(`POST /containers/${MADE}/start`);
  assert.equal(refused.status, 400, refused.body.message);
  assert.ok(!engine.asked.includes(`POST /containers/${MADE}/start`));
  assert.equal(parts.stores.state.services.size, 0);
  const { State } = (await ask<{ State: unknown }>(`GET /containers/${MADE}/json`)).body;
  assert.deepEqual([(State as { ExitCode: number }).ExitCode, (State as { Error: string }).Error], [
    128,
    refused.body.message,
  ]);
});

Deno.test("one that is removed is to be on no network any more", async () => {
  await using subject = await dockerSubject();
  const { ask, docker } = subject;
  await create(subject);
  assert.equal((await ask(`DELETE /containers/${MADE}`)).status, 204);
  assert.deepEqual(docker.desired.ids(), []);
  assert.equal((await ask(`DELETE /containers/${MADE}`)).status, 404);
});
