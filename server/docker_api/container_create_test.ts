import assert from "node:assert/strict";
import { NetsvcError } from "../wire/errors.ts";
import { rewriteContainerCreate } from "./container_create.ts";
import { LABEL, parseWanted, serviceName } from "./wanted.ts";

const NETWORKS: Record<string, string> = { back: "b1", front: "f1", bridge: "d1" };
const find = (reference: string) => {
  const [name, id] =
    Object.entries(NETWORKS).find(([name, id]) => name === reference || id === reference) ?? [];
  if (name === undefined) throw new NetsvcError("not_found", `network ${reference} not found`);
  return { id: id!, name };
};
const rewrite = (body: Record<string, unknown>) => rewriteContainerCreate(body, find, "bridge");
const wanted = (body: Record<string, unknown>) =>
  parseWanted((rewrite(body)!.Labels as Record<string, string>)[LABEL])!;

Deno.test("rewriteContainerCreate() leaves alone what names no network", () => {
  for (const mode of ["none", "host", "container:abc"]) {
    assert.equal(rewrite({ HostConfig: { NetworkMode: mode } }), undefined, mode);
  }
});

Deno.test("rewriteContainerCreate() puts networks into a label, and the rest through", () => {
  const changed = rewrite({
    Image: "box",
    MacAddress: "02:00:00:00:00:09",
    Labels: { own: "1" },
    HostConfig: { NetworkMode: "back", Links: ["/db:/web/database"], Memory: 7 },
    NetworkingConfig: {
      EndpointsConfig: {
        back: { Aliases: ["a"], IPAMConfig: { IPv4Address: "10.0.0.9", IPv6Address: "" } },
        f1: null,
      },
    },
  })!;
  assert.deepEqual(changed, {
    Image: "box",
    HostConfig: { NetworkMode: "none", Links: null, Memory: 7 },
    Labels: { own: "1", [LABEL]: (changed.Labels as Record<string, string>)[LABEL] },
  });
  assert.deepEqual(parseWanted((changed.Labels as Record<string, string>)[LABEL]), {
    mode: "back",
    endpoints: [
      {
        network: "b1",
        name: "back",
        aliases: ["a"],
        links: [{ service: "db", alias: "database" }],
        ips: ["10.0.0.9"],
        mac: "02:00:00:00:00:09",
      },
      { network: "f1", name: "front", aliases: [], links: [], ips: [] },
    ],
  });
});

Deno.test("rewriteContainerCreate() knows the default network", () => {
  for (const body of [{}, { HostConfig: null }, { HostConfig: { NetworkMode: "default" } }]) {
    assert.deepEqual(wanted(body).endpoints.map(({ name }) => name), ["bridge"]);
  }
  // A network that is named twice is one.
  const twice = wanted({
    HostConfig: { NetworkMode: "default" },
    NetworkingConfig: { EndpointsConfig: { default: { Aliases: ["x"] } } },
  });
  assert.deepEqual(twice.endpoints.map(({ name, aliases }) => [name, aliases]), [
    ["bridge", ["x"]],
  ]);
});

Deno.test("rewriteContainerCreate() refuses what can't be", () => {
  assert.throws(() => rewrite({ HostConfig: { NetworkMode: "nosuch" } }), { code: "not_found" });
  const config = (back: unknown) => ({
    HostConfig: { NetworkMode: "back" },
    NetworkingConfig: { EndpointsConfig: { back } },
  });
  assert.throws(() => rewrite(config(3)), { code: "invalid" });
  assert.throws(() => rewrite(config({ IPAMConfig: { LinkLocalIPs: ["169.254.1.1"] } })), {
    code: "invalid",
  });
});

Deno.test("parseWanted() takes nobody else's label for netsvc's", () => {
  for (const text of [undefined, "", "x", "{}", '{"mode":1,"endpoints":[]}']) {
    assert.equal(parseWanted(text), undefined);
  }
});

Deno.test("serviceName() is a name that DNS has", () => {
  const id = "0123456789abcdef".repeat(4);
  assert.equal(serviceName("web.1", id), "web-1");
  assert.equal(serviceName("_x", id), "_x");
  assert.equal(serviceName("a".repeat(80), id).length, 63);
  assert.equal(serviceName("", id), "0123456789ab");
});
