import assert from "node:assert/strict";
import { dockerSubject, type Shown } from "../../../../tests/harness/docker_api.ts";

const WEB = "a".repeat(64);

Deno.test("networks are made, shown, listed and removed, in Docker's terms", async () => {
  await using subject = await dockerSubject();
  const { ask } = subject;
  const made = await ask("POST /v1.41/networks/create", {
    ...{ Name: "My.Net", Labels: { a: "1" }, Options: { "com.example.x": "1" } },
    IPAM: { Config: [{ Subnet: "10.9.0.0/24" }] },
  });
  assert.equal(made.status, 201);
  assert.match(made.body.Warning, /com.example.x/);
  for (const reference of ["My.Net", made.body.Id, made.body.Id.slice(0, 12)]) {
    const { body } = await ask(`GET /networks/${reference}`);
    assert.deepEqual([body.Name, body.Labels, body.IPAM.Config[0]!.Subnet], [
      ...["My.Net", { a: "1" }, "10.9.0.0/24"],
    ]);
  }
  const listed = async (filters: object) =>
    (await ask<Shown[]>(
      `GET /networks?filters=${encodeURIComponent(JSON.stringify(filters))}`,
    )).body.map(({ Name }) => Name).sort();
  assert.deepEqual(await listed({}), ["My.Net", "bridge", "host", "none"]);
  assert.deepEqual(await listed({ label: ["a=1"] }), ["My.Net"]);
  assert.deepEqual(await listed({ dangling: ["true"] }), ["My.Net"]);
  const again = await ask("POST /networks/create", { Name: "My.Net" });
  assert.deepEqual([again.status, again.body.message], [
    409,
    "network with name My.Net already exists",
  ]);
  assert.deepEqual(await ask("POST /networks/prune"), {
    status: 200,
    body: { NetworksDeleted: ["My.Net"] },
  });
  assert.deepEqual(await ask("GET /networks/My.Net"), {
    status: 404,
    body: { message: "network My.Net not found" },
  });
});

Deno.test("a configuration is kept, used, and in the way while it is used", async () => {
  await using subject = await dockerSubject();
  const { ask } = subject;
  await ask("POST /networks/create", { Name: "base", ConfigOnly: true, Labels: { a: "1" } });
  await ask("POST /networks/create", { Name: "net", ConfigFrom: { Network: "base" } });
  assert.deepEqual((await ask("GET /networks/net")).body.Labels, { a: "1" });
  assert.equal((await ask("GET /networks/base")).body.ConfigOnly, true);
  const connected = await ask("POST /networks/base/connect", { Container: "web" });
  assert.equal(connected.status, 403);
  assert.equal((await ask("DELETE /networks/base")).status, 403);
  assert.equal((await ask("DELETE /networks/net")).status, 204);
  assert.equal((await ask("DELETE /networks/base")).status, 204);
});

Deno.test("what a stopped container is to be on is kept, and shown by the list of containers", async () => {
  await using subject = await dockerSubject();
  const { ask, engine, docker } = subject;
  engine.containers.push({ id: WEB, name: "web", host: { NetworkMode: "bridge" } });
  await ask("POST /networks/create", { Name: "net" });
  const connect = (config = {}) =>
    ask("POST /networks/net/connect", { Container: "web", EndpointConfig: config });
  assert.equal((await connect({ Aliases: ["w"], IPAMConfig: { IPv4Address: "" } })).status, 200);
  assert.deepEqual(
    docker.desired.networks(WEB)!.endpoints.map(({ name, aliases }) => [name, aliases]),
    [
      ["net", ["w"]],
    ],
  );
  const twice = await connect();
  assert.deepEqual([twice.status, twice.body.message], [
    403,
    "endpoint with name web already exists in network net",
  ]);
  const { body: [shown] } = await ask<Shown[]>("GET /containers/json?all=1");
  assert.deepEqual(Object.keys(shown!.NetworkSettings.Networks), ["net"]);
  const left = await ask("POST /networks/net/disconnect", { Container: "/web" });
  assert.equal(left.status, 200);
  assert.deepEqual(docker.desired.networks(WEB)!.endpoints, []);
});

Deno.test("a network with containers is removed by nobody, in Docker's words and netsvc's", async () => {
  await using subject = await dockerSubject();
  const { ask, parts, docker } = subject;
  const { Id } = (await ask("POST /networks/create", { Name: "net" })).body;
  await parts.controllers.containers.create({ name: "web" });
  await ask("POST /networks/net/connect", { Container: "web" });
  const [service] = await docker.services.list(Id);
  const refused = await ask("DELETE /networks/net");
  assert.equal(refused.status, 403);
  assert.match(
    refused.body.message,
    new RegExp(
      `^error while removing network: network net has active endpoints ` +
        `\\(name:"web" id:"${service!.id.slice(0, 12)}"\\): Cannot remove .* has 1 service: web`,
    ),
  );
});

Deno.test("what can't be is refused in Docker's words", async () => {
  await using subject = await dockerSubject();
  const { ask, engine } = subject;
  await ask("POST /networks/create", { Name: "net" });
  engine.containers.push(
    { id: WEB, name: "none" },
    { id: "b".repeat(64), name: "host", host: { NetworkMode: "host" } },
  );
  const refused = async (request: string, body: unknown, status: number, message: RegExp) => {
    const answer = await ask(request, body);
    assert.equal(answer.status, status, answer.body?.message);
    assert.match(answer.body.message, message);
  };
  const connect = "POST /networks/net/connect";
  await refused(connect, { Container: "x" }, 404, /^No such container: x$/);
  await refused(connect, { Container: "" }, 400, /value is empty/);
  await refused(connect, { Container: "none" }, 400, /in private \(none\) mode/);
  await refused(connect, { Container: "host" }, 400, /sharing network namespace/);
  await refused("POST /networks/no/connect", { Container: "none" }, 404, /^network no not found$/);
  const disconnect = "POST /networks/net/disconnect";
  await refused(disconnect, { Container: "none" }, 403, /none is not connected to network net$/);
  await refused(disconnect, { Container: "x", Force: true }, 403, /x is not connected/);
  await refused("POST /networks/create", { Name: "n", Scope: "x" }, 400, /Unknown scope/);
  await refused("GET /v1.99/networks", undefined, 400, /client version 1.99 is too new/);
});
