import assert from "node:assert/strict";
import { NetsvcError } from "../../../lib/api/errors.ts";
import { type Methods, pluginHandler, REQUESTS } from "./protocol.ts";

const asked: unknown[] = [];
const methods = Object.fromEntries(
  Object.keys(REQUESTS).map((name) => [name, (request: unknown) => {
    asked.push(request);
    return name === "NetworkDriver.DeleteNetwork"
      ? Promise.reject(new NetsvcError("not_found", "No such network"))
      : Promise.resolve({});
  }]),
) as unknown as Methods;
const handle = pluginHandler(methods);

async function post(name: string, body = ""): Promise<[number, Record<string, unknown>]> {
  const response = await handle(new Request(`http://x/${name}`, { method: "POST", body }));
  return [response.status, await response.json()];
}

Deno.test("pluginHandler() answers JSON, never nothing", async () => {
  assert.deepEqual(await post("NetworkDriver.DiscoverNew"), [200, {}]);
  assert.deepEqual(await post("Plugin.Activate"), [200, {}]);
});

Deno.test("pluginHandler() takes a field that is missing, empty or null alike", async () => {
  for (const body of ['{"PoolID":"p"}', '{"PoolID":"p","Address":"","Options":null,"New":1}']) {
    assert.equal((await post("IpamDriver.RequestAddress", body))[0], 200);
    assert.deepEqual(asked.pop(), { PoolID: "p", Address: "", Options: {} });
  }
});

Deno.test("pluginHandler() refuses what Docker repeats without a body, and other nonsense", async () => {
  for (const body of ["", "{", "[]", '{"PoolID":""}', '{"PoolID":1}']) {
    const [status, { Err, Error }] = await post("IpamDriver.RequestAddress", body);
    assert.equal(status, 400);
    assert.match(String(Err), /^The body of IpamDriver\.RequestAddress is /);
    assert.equal(Err, Error);
  }
});

Deno.test("pluginHandler() says what failed in the words of both kinds of drivers", async () => {
  assert.deepEqual(await post("NetworkDriver.DeleteNetwork", '{"NetworkID":"n"}'), [
    500,
    { Err: "No such network", Error: "No such network" },
  ]);
});

Deno.test("pluginHandler() knows no other methods", async () => {
  assert.equal((await post("VolumeDriver.Create", "{}"))[0], 404);
  assert.equal((await post("toString"))[0], 404);
  const get = await handle(new Request("http://x/Plugin.Activate"));
  assert.equal(get.status, 404);
  await get.body?.cancel();
});
