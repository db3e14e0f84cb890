import assert from "node:assert/strict";
import { NetsvcError } from "../../../../lib/api/errors.ts";
import { readContainerCreate } from "./container_create.ts";
import { LABEL } from "../../../controllers/docker/labels.ts";

const NETWORKS: Record<string, string> = { back: "b1", front: "f1", bridge: "d1" };
const find = (reference: string) => {
  const [name, id] =
    Object.entries(NETWORKS).find(([name, id]) => name === reference || id === reference) ?? [];
  if (name === undefined) throw new NetsvcError("not_found", `network ${reference} not found`);
  return { id: id!, name };
};
const read = (body: Record<string, unknown>) =>
  readContainerCreate(body, { find, defaultNetwork: "bridge" });
const wanted = (body: Record<string, unknown>) => read(body).wanted!;
const on = (NetworkMode: string | undefined, EndpointsConfig: Record<string, unknown>) => ({
  HostConfig: { NetworkMode },
  NetworkingConfig: { EndpointsConfig },
});

Deno.test("readContainerCreate() leaves alone what names no network", () => {
  for (const mode of ["none", "host", "container:abc"]) {
    const body = { HostConfig: { NetworkMode: mode } };
    assert.deepEqual(read(body), { body, wanted: undefined, links: [], warnings: [] }, mode);
    // The command says it twice.
    assert.equal(read(on(mode, { [mode]: {} })).wanted, undefined, mode);
  }
  assert.equal(read({ NetworkDisabled: true }).wanted, undefined);
});

Deno.test("readContainerCreate() reads networks, and lets the rest through", () => {
  const { body, wanted, links } = read({
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
  });
  assert.deepEqual(body, {
    Image: "box",
    HostConfig: { NetworkMode: "none", Links: null, Memory: 7 },
    Labels: { own: "1" },
  });
  assert.deepEqual(wanted, {
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
  assert.deepEqual(links, ["db"]);
});

Deno.test("readContainerCreate() has no label that somebody else wrote", () => {
  const Labels = { [LABEL]: "x", own: "1" };
  for (const NetworkMode of ["back", "none", "host", "container:abc"]) {
    assert.deepEqual(read({ Labels, HostConfig: { NetworkMode } }).body.Labels, { own: "1" });
  }
});

Deno.test("readContainerCreate() goes by EndpointsConfig, where there is any", () => {
  const names = (mode: string | undefined, endpoints: Record<string, unknown>) =>
    wanted(on(mode, endpoints)).endpoints.map(({ name }) => name);
  for (const body of [{}, { HostConfig: null }, { HostConfig: { NetworkMode: "" } }]) {
    assert.deepEqual(wanted(body).endpoints.map(({ name }) => name), ["bridge"]);
  }
  assert.deepEqual(names(undefined, {}), ["bridge"]);
  assert.deepEqual(names(undefined, { back: {} }), ["back"]);
  assert.deepEqual(names("default", { back: {} }), ["back"]);
  assert.deepEqual(names("bridge", { back: null }), ["back"]);
  assert.deepEqual(names("back", { front: {} }), ["front"]);
  assert.deepEqual(names("back", { back: {}, front: {} }), ["back", "front"]);
  assert.deepEqual(names("none", { back: {} }), ["back"]);
  assert.deepEqual(names("default", { default: {}, back: {} }), ["bridge", "back"]);
  // A network that is named twice is one.
  assert.deepEqual(names("back", { back: {}, b1: {} }), ["back"]);
});

Deno.test("readContainerCreate() gives the MAC address to the main network", () => {
  const macs = (mode: string | undefined, endpoints: Record<string, unknown>) =>
    wanted({ MacAddress: "02:00:00:00:00:09", ...on(mode, endpoints) }).endpoints
      .map(({ name, mac }) => [name, mac]);
  assert.deepEqual(macs("back", {}), [["back", "02:00:00:00:00:09"]]);
  assert.deepEqual(macs(undefined, { back: {} }), [["back", "02:00:00:00:00:09"]]);
  assert.deepEqual(macs("front", { back: {}, front: {} }), [
    ["back", undefined],
    ["front", "02:00:00:00:00:09"],
  ]);
  assert.throws(() => macs(undefined, { back: {}, front: {} }), /is for the network of its/);
  assert.throws(() => macs("back", { back: { MacAddress: "02:00:00:00:00:08" } }), /must match/);
});

Deno.test("readContainerCreate() does what an endpoint says, or refuses it", () => {
  const one = (config: Record<string, unknown>) => read(on("back", { back: config }));
  const ifname = "com.docker.network.endpoint.ifname";
  const { wanted, warnings } = one({
    GwPriority: 7,
    DriverOpts: { [ifname]: "lan0", "com.example.x": "1" },
    // What an inspection shows comes back with it.
    NetworkID: "x",
    EndpointID: "y",
    IPAddress: "10.0.0.1",
    DNSNames: ["z"],
  });
  assert.deepEqual(wanted!.endpoints[0], {
    network: "b1",
    name: "back",
    aliases: [],
    links: [],
    ips: [],
    gwPriority: 7,
    interface: "lan0",
    driverOpts: { [ifname]: "lan0", "com.example.x": "1" },
  });
  assert.deepEqual(warnings, [
    'The option "com.example.x" of network "back" means nothing to netsvc',
  ]);
  for (const name of ["", "lo", "-x", "a b", "x".repeat(16), "a/b", ".."]) {
    assert.throws(() => one({ DriverOpts: { [ifname]: name } }), /use 1 to 15 letters/, name);
  }
  assert.throws(
    () => one({ DriverOpts: { "com.docker.network.endpoint.sysctls": "net.x=1" } }),
    /give --sysctl/,
  );
  assert.throws(() => one({ DriverOpts: { "com.docker.network.endpoint.new": "1" } }), /leave it/);
  assert.throws(() => one({ Aliases: ["a b"] }), /Invalid alias/);
  assert.throws(() => one({ IPAMConfig: { LinkLocalIPs: ["169.254.1.1"] } }), { code: "invalid" });
});

Deno.test("readContainerCreate() knows fields in any case, as Go does", () => {
  const { body, wanted } = read({
    image: "box",
    labels: { [LABEL]: "x", own: "1" },
    hostConfig: { networkMode: "front", links: null, memory: 7 },
    HostConfig: null,
    networkingConfig: {
      endpointsConfig: { back: { aliases: ["a"], ipamConfig: { ipv4address: "10.0.0.9" } } },
    },
  });
  assert.deepEqual(body, {
    image: "box",
    Labels: { own: "1" },
    HostConfig: { NetworkMode: "none", Links: null, memory: 7 },
  });
  assert.deepEqual(wanted!.endpoints.map(({ name, aliases, ips }) => [name, aliases, ips]), [
    ["back", ["a"], ["10.0.0.9"]],
  ]);
});

Deno.test("readContainerCreate() refuses what can't be", () => {
  assert.throws(() => read({ HostConfig: { NetworkMode: "nosuch" } }), { code: "not_found" });
  assert.throws(() => read(on("back", { back: 3 })), { code: "invalid" });
  assert.throws(() => read(on("host", { back: {} })), /can't be on network "back" as well/);
  assert.throws(() => read(on("container:x", { back: {} })), /can't be on network "back" as well/);
  const ports = (PortBindings: unknown) =>
    read({ HostConfig: { NetworkMode: "back", PortBindings } });
  assert.throws(() => ports({ "80/sctp": [{ HostPort: "80" }] }), /netsvc publishes tcp and udp/);
  assert.throws(() => ports({ "80/tcp": [{ HostIp: "nope" }] }), /nope/);
  assert.throws(() => ports({ "80/tcp": [{ HostPort: "9-8" }] }), /Invalid host port "9-8"/);
  assert.throws(() => ports({ "80/tcp": 1 }), /Invalid PortBindings/);
});
