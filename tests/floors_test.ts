import assert from "node:assert/strict";

const root = new URL("../", import.meta.url);

/** Production sources: path to text. */
async function sources(): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  const walk = async (dir: string) => {
    for await (const { name, isDirectory } of Deno.readDir(new URL(dir, root))) {
      if (isDirectory) await walk(`${dir}${name}/`);
      else if (/\.ts$/.test(name) && !/(_test|\.d)\.ts$/.test(name)) {
        found.set(`${dir}${name}`, await Deno.readTextFile(new URL(`${dir}${name}`, root)));
      }
    }
  };
  for (const dir of ["cli/", "server/", "drivers/", "kv/"]) await walk(dir);
  for (const file of ["main.ts", "mod.ts"]) {
    found.set(file, await Deno.readTextFile(new URL(file, root)));
  }
  return found;
}

/** Paths that a source imports, from the root; packages as they are named. */
function imports(path: string, text: string): string[] {
  return [...text.matchAll(/(?:from|import)\s*\(?\s*"([^"\s]+)"/g)].map(([, to]) =>
    to!.startsWith(".") ? new URL(to!, new URL(path, "file:///")).pathname.slice(1) : to!
  );
}

const RULES: [name: string, who: RegExp, may: RegExp][] = [
  [
    "cli knows the wire types and nothing else of the server",
    /^cli\//,
    /^(cli|server\/wire)\/|^deno\.json$|^[a-z@]/,
  ],
  [
    "drivers know no store, no HTTP, no controller",
    /^drivers\//,
    /^(drivers|server\/wire)\/|^server\/ipam\/cidr\.ts$|^node:assert|^[a-z@][^/]*$/,
  ],
  [
    "stores know nothing of the server",
    /^kv\//,
    /^(kv|server\/wire)\/|^node:|^(fast-check|long|@logtape\/logtape|@deno\/kv|@grpc\/grpc-js|protobufjs\/light\.js)$|^node-zookeeper-client(\/|$)/,
  ],
  ["the wire types know nothing", /^server\/wire\//, /^server\/wire\//],
  ["the allocator does no I/O", /^server\/ipam\//, /^server\/(ipam|wire)\/|^ipaddr\.js$/],
  [
    "zones and views do no I/O",
    /^server\/dns\/(zone|view)\.ts$/,
    /^server\/(ipam|dns)\/(cidr|zone)\.ts$|^dns-packet$/,
  ],
];

Deno.test("imports go one way only", async (t) => {
  const files = await sources();
  for (const [name, who, may] of RULES) {
    await t.step(name, () => {
      let checked = 0;
      for (const [path, text] of files) {
        if (!who.test(path)) continue;
        checked++;
        for (const to of imports(path, text)) {
          const local = files.has(to) || to.endsWith(".ts") || to.endsWith(".json");
          if (!local && name.startsWith("cli")) continue;
          assert.match(to, may, `${path} imports ${to}`);
        }
      }
      assert.ok(checked > 0);
    });
  }
});

Deno.test("planners, allocator and zones touch nothing", async () => {
  const pure =
    /^(server\/ipam\/|server\/dns\/(zone|view|codec|hosts_file)|drivers\/bridge\/(plan|rules|observe|options)|drivers\/overlay\/(plan|peers|options|explain|probe_packet)|server\/doctor\/(finding|way|clock|probe_records)|drivers\/foreign\/(exceptions|packet_filter|iptables_rules|nft_rules|owners)|drivers\/links\/(plan|names|observe|addresses)|drivers\/nft\/(table|observe|port_table)|cli\/(template|table|ports|key_values))/;
  for (const [path, text] of await sources()) {
    if (pure.test(path)) assert.doesNotMatch(text, /\bDeno\.|\bfetch\(/, path);
  }
});

Deno.test("processes are started in one place", async () => {
  const starters: string[] = [];
  for (const [path, text] of await sources()) {
    if (text.includes("new Deno.Command(")) starters.push(path);
  }
  // With an environment of its own.
  assert.deepEqual(starters, ["lib/linux/processes/child.ts"]);
});

Deno.test("the client loads neither the server nor a store nor a driver", async () => {
  const files = await sources();
  const seen = new Set<string>();
  const visit = (path: string) => {
    if (seen.has(path)) return;
    seen.add(path);
    const text = files.get(path) ?? "";
    // Types and what is imported when it is called don't load.
    const loaded = text.replaceAll(/import type [^;]*;/gs, "").replaceAll(/import\("[^"]*"\)/g, "");
    for (const to of imports(path, loaded)) if (files.has(to)) visit(to);
  };
  visit("main.ts");
  assert.ok(seen.has("cli/client.ts"));
  for (const path of seen) {
    assert.match(path, /^(main\.ts|cli\/|server\/wire\/)/);
  }
});

Deno.test("mod.ts exports what programs may rely on", async () => {
  assert.deepEqual(Object.keys(await import("../mod.ts")).sort(), [
    "Client",
    "ERROR_STATUS",
    "NetsvcError",
  ]);
});
