import assert from "node:assert/strict";
import type { Endpoint } from "../../../../kv/url/url_parts.ts";
import { KnownHosts, MAX_KNOWN } from "./known_hosts.ts";
import { Search, whomToAsk } from "./search.ts";

const at = (host: string): Endpoint => ({ host, port: 2479 });

Deno.test("whoever was a host is asked, but for this one and those that don't answer", () => {
  assert.deepEqual(
    whomToAsk(["10.0.0.1", "10.0.0.2", "fd99::3"], {
      self: "10.0.0.2",
      endpoints: [at("10.0.0.1")],
    }),
    ["fd99::3"],
  );
});

Deno.test("a host whose voters were all replaced asks the other hosts, and goes by the first voter's answer", async () => {
  let away = false;
  const asked: string[] = [];
  const used: string[] = [];
  await using search = new Search({
    store: {
      get: () => away ? Promise.reject(new Error("away")) : Promise.resolve(undefined),
    },
    known: () => Promise.resolve(["10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4"]),
    self: () => "10.0.0.4",
    endpoints: () => [at("10.0.0.1")],
    ask: (address) => {
      asked.push(address);
      return address === "10.0.0.3"
        ? Promise.resolve([at("10.0.0.3"), at("10.0.0.9")])
        : Promise.reject(new Error("no voter"));
    },
    found: (endpoints) => Promise.resolve(void used.push(...endpoints.map(({ host }) => host))),
  });
  await search.round();
  assert.deepEqual(asked, [], "its voters answer");
  away = true;
  await search.round();
  assert.deepEqual(asked, [], "that may be an election");
  await search.round();
  assert.deepEqual(asked, ["10.0.0.2", "10.0.0.3"]);
  assert.deepEqual(used, ["10.0.0.3", "10.0.0.9"]);
});

Deno.test("where hosts are is kept on the disk; what nobody has written is no address", async () => {
  const directory = await Deno.makeTempDir({ prefix: "netsvc-test-" });
  try {
    const hosts = new KnownHosts(`${directory}/hosts.json`);
    assert.deepEqual(await hosts.read(), []);
    await hosts.write(["10.0.0.2", "fd99::1", "10.0.0.1", "10.0.0.2"]);
    assert.deepEqual(await hosts.read(), ["10.0.0.1", "10.0.0.2", "fd99::1"]);
    await Deno.writeTextFile(
      `${directory}/hosts.json`,
      `{"addresses":["127.0.0.1","x",1,"10.0.0.1"]}`,
    );
    assert.deepEqual(await hosts.read(), ["10.0.0.1"]);
    await hosts.write(Array.from({ length: 300 }, (_, i) => `10.0.${i % 3}.${1 + i % 250}`));
    assert.ok((await hosts.read()).length <= MAX_KNOWN);
    await Deno.writeTextFile(`${directory}/hosts.json`, "{");
    assert.deepEqual(await hosts.read(), []);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});
