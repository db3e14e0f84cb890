import assert from "node:assert/strict";
import { CAPTIONS } from "./structure/captions.ts";
import { circles, type Climb, climbs, FLOORS, placeOf } from "./structure/floors.ts";
import { drawFloors } from "./structure/picture.ts";
import { importGraph, imports, sources } from "./structure/sources.ts";

const files = await sources();
const graph = importGraph(files);

/** What is still to be put right; nothing is ever added. */
const CLIMBS: string[] = [];
const CIRCLES: string[] = [];

Deno.test("every file has a room, and every room has files", () => {
  const rooms = new Set([...files.keys()].map((path) => placeOf(path).room));
  assert.deepEqual([...rooms].sort(), FLOORS.flat().sort());
});

Deno.test("every room has a caption, and the picture is as the code is", async () => {
  assert.deepEqual(Object.keys(CAPTIONS).sort(), FLOORS.flat().sort());
  const picture = await Deno.readTextFile(new URL("../docs/floors.svg", import.meta.url));
  assert.equal(picture, drawFloors(graph), "run './task picture'");
});

Deno.test("a file imports its own room or a lower floor", () => {
  const show = ({ from, to }: Climb) => `${from} -> ${to}`;
  assert.deepEqual(climbs(graph).map(show).sort(), CLIMBS.sort());
});

Deno.test("no files import each other in a circle, types included", () => {
  assert.deepEqual(circles(graph).map((circle) => circle.join(" ")).sort(), CIRCLES.sort());
});

/** Packages that the rooms may import, by the beginning of their paths; others may import any. */
const PACKAGES: [name: string, who: RegExp, may: RegExp][] = [
  [
    "the client loads its parser, and yaml for a file of settings alone",
    /^cli\//,
    /^(commander|yaml)$/,
  ],
  [
    "drivers know no HTTP server and no store",
    /^drivers\//,
    /^(node:.*|zod|ipaddr\.js|@logtape\/logtape)$/,
  ],
  [
    "stores know their servers' protocols and nothing else",
    /^kv\//,
    /^(node:.*|long|@logtape\/logtape|@deno\/kv|@grpc\/grpc-js|protobufjs\/light\.js|node-zookeeper-client(\/.*)?)$/,
  ],
  ["the allocator does no I/O", /^server\/ipam\//, /^ipaddr\.js$/],
];

Deno.test("packages are used where they belong", async (t) => {
  for (const [name, who, may] of PACKAGES) {
    await t.step(name, () => {
      const own = [...files].filter(([path]) => who.test(path));
      assert.ok(own.length > 0);
      for (const [path, text] of own) {
        for (const to of imports(path, text)) {
          if (!files.has(to) && !/\.(ts|json)$/.test(to)) {
            assert.match(to, may, `${path} imports ${to}`);
          }
        }
      }
    });
  }
});

Deno.test("what says that it is pure touches nothing", () => {
  let checked = 0;
  for (const [path, text] of files) {
    const header = /^\/\*\*.*?\*\//s.exec(text)?.[0] ?? "";
    if (!/\bPure\b/.test(header)) continue;
    checked++;
    assert.doesNotMatch(text.slice(header.length), /\bDeno\.|\bfetch\(/, path);
  }
  assert.ok(checked > 50, `${checked} pure files`);
});

Deno.test("nobody but server/drivers/ knows whose driver it is, or keeps its notes", () => {
  for (const [path, text] of files) {
    if (!path.startsWith("server/") || path.startsWith("server/drivers/")) continue;
    assert.doesNotMatch(text, /\b(isRemote|isPlain|noted)\(|instanceof RemoteDriver/, path);
    assert.doesNotMatch(text, /\bintents\.(note|keep|drop|undo)\(/, path);
  }
});

Deno.test("keys of the store are the model's: all others go through its repositories", () => {
  const others = [...files].filter(([path, text]) =>
    !path.startsWith("server/model/") && imports(path, text).includes("server/model/keys.ts")
  );
  assert.deepEqual(others.map(([path]) => path), []);
});

Deno.test("processes are started in one place", () => {
  const starters = [...files].filter(([, text]) => text.includes("new Deno.Command("));
  // With an environment of its own.
  assert.deepEqual(starters.map(([path]) => path), ["lib/linux/processes/child.ts"]);
});

Deno.test("the client loads neither the server nor a store nor a driver", () => {
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
  assert.ok(seen.has("cli/client/client.ts"));
  for (const path of seen) assert.match(path, /^(main\.ts|cli\/|lib\/)/);
});

Deno.test("mod.ts exports what programs may rely on", async () => {
  assert.deepEqual(Object.keys(await import("../mod.ts")).sort(), [
    "Client",
    "ERROR_STATUS",
    "NetsvcError",
  ]);
});
