import assert from "node:assert/strict";
import { NetsvcError } from "../../../lib/api/errors.ts";
import { parseJsonFile, parseSpecFile } from "./address.ts";
import { discoverPlugin, type PluginPlaces } from "./discovery.ts";

async function withPlaces(test: (places: PluginPlaces, root: string) => Promise<void>) {
  const root = await Deno.makeTempDir({ prefix: "netsvc-test-" });
  try {
    for (const name of ["run", "etc", "lib"]) await Deno.mkdir(`${root}/${name}`);
    await test({ sockets: [`${root}/run`], specs: [`${root}/etc`, `${root}/lib`] }, root);
  } finally {
    await Deno.remove(root, { recursive: true });
  }
}

async function write(path: string, text: string): Promise<void> {
  await Deno.mkdir(path.replace(/\/[^/]*$/, ""), { recursive: true });
  await Deno.writeTextFile(path, text);
}

Deno.test("discoverPlugin() finds each place, the documented first", async () => {
  await withPlaces(async (places, root) => {
    const port = async () => {
      const { source, endpoint } = await discoverPlugin("p", places);
      return [source.slice(root.length), endpoint.kind === "tcp" ? endpoint.port : endpoint.path];
    };
    // From the last place to the first: each found one hides those before.
    const json = (n: number) => JSON.stringify({ Addr: `tcp://127.0.0.1:${n}` });
    await write(`${root}/lib/p/p.json`, json(1));
    assert.deepEqual(await port(), ["/lib/p/p.json", 1]);
    await write(`${root}/lib/p.json`, json(2));
    assert.deepEqual(await port(), ["/lib/p.json", 2]);
    await write(`${root}/lib/p/p.spec`, "tcp://127.0.0.1:3\n");
    assert.deepEqual(await port(), ["/lib/p/p.spec", 3]);
    await write(`${root}/lib/p.spec`, "tcp://127.0.0.1:4");
    assert.deepEqual(await port(), ["/lib/p.spec", 4]);
    await write(`${root}/etc/p/p.json`, json(5));
    assert.deepEqual(await port(), ["/etc/p/p.json", 5]);
    await write(`${root}/etc/p.spec`, "unix:///x/y.sock\n");
    assert.deepEqual(await port(), ["/etc/p.spec", "/x/y.sock"]);
    await Deno.mkdir(`${root}/run/p`);
    using _nested = Deno.listen({ transport: "unix", path: `${root}/run/p/p.sock` });
    assert.deepEqual(await port(), ["/run/p/p.sock", `${root}/run/p/p.sock`]);
    // What is no socket is none.
    await write(`${root}/run/p.sock`, "");
    assert.equal((await port())[0], "/run/p/p.sock");
    await Deno.remove(`${root}/run/p.sock`);
    using _direct = Deno.listen({ transport: "unix", path: `${root}/run/p.sock` });
    assert.equal((await port())[0], "/run/p.sock");
  });
});

Deno.test("discoverPlugin() names the places it looked at", async () => {
  await withPlaces(async (places, root) => {
    await assert.rejects(discoverPlugin("weave", places), (error: NetsvcError) => {
      assert.equal(error.code, "not_found");
      for (const place of ["run/weave.sock", "etc/weave/weave.spec", "lib/weave.json"]) {
        assert.match(error.message, new RegExp(`${root}/${place}`));
      }
      return true;
    });
  });
});

Deno.test("discoverPlugin() a name can't leave the directories", async () => {
  await withPlaces(async (places, root) => {
    await write(`${root}/secret.spec`, "tcp://127.0.0.1:1");
    for (const name of ["../secret", "", ".", "..", "a/b", "/etc/passwd", "a\0b", "-x", "a b"]) {
      await assert.rejects(discoverPlugin(name, places), { code: "invalid" }, name);
    }
    await write(`${root}/etc/huge.spec`, "x".repeat(70_000));
    await assert.rejects(discoverPlugin("huge", places), /huge.spec/);
    await Deno.mkdir(`${root}/etc/dir.spec`);
    await assert.rejects(discoverPlugin("dir", places), /dir.spec/);
  });
});

Deno.test("parseSpecFile() and parseJsonFile() read what Docker reads", () => {
  const tcp = (host: string, port: number) => ({ kind: "tcp", host, port });
  assert.deepEqual(parseSpecFile("f", " tcp://h:1/path \n"), tcp("h", 1));
  assert.deepEqual(parseSpecFile("f", "tcp://[::1]:2"), tcp("::1", 2));
  assert.deepEqual(parseSpecFile("f", "https://h"), { ...tcp("h", 443), tls: {} });
  assert.deepEqual(parseSpecFile("f", "unix:///a.sock"), { kind: "unix", path: "/a.sock" });
  assert.deepEqual(parseJsonFile("f", `{"addr":"https://h:1","TLSConfig":null,"Name":"x"}`), {
    ...tcp("h", 1),
    tls: {},
  });
  const files = { CAFile: "/ca", CertFile: "/cert", KeyFile: "/key" };
  for (const Addr of ["https://h:1", "tcp://h:1"]) {
    assert.deepEqual(parseJsonFile("f", JSON.stringify({ Addr, TLSConfig: files })), {
      ...tcp("h", 1),
      tls: { ca: "/ca", cert: "/cert", key: "/key" },
    });
  }
});

Deno.test("parseJsonFile() never leaves a certificate unchecked", async (t) => {
  const cases: [name: string, TLSConfig: Record<string, unknown>, said: RegExp, Addr?: string][] = [
    ["no CAFile", {}, /"f".*CAFile/],
    ["an empty CAFile", { CAFile: "" }, /CAFile/],
    ["InsecureSkipVerify", { CAFile: "/ca", InsecureSkipVerify: true }, /InsecureSkipVerify/],
    ["a relative CAFile", { CAFile: "ca" }, /relative path "ca"/],
    ["a certificate without key", { CAFile: "/ca", CertFile: "/c" }, /KeyFile/],
    ["http", { CAFile: "/ca" }, /contradict/, "http://h:1"],
  ];
  for (const [name, TLSConfig, said, Addr = "https://h:1"] of cases) {
    await t.step(name, () => {
      assert.throws(() => parseJsonFile("f", JSON.stringify({ Addr, TLSConfig })), said);
    });
  }
  for (
    const text of ["", "[]", "{}", `{"Addr":1}`, `{"Addr":"tcp://h:99999"}`, `{"Addr":"ftp://h"}`]
  ) {
    await t.step(`refuses ${text}`, () => {
      assert.throws(() => parseJsonFile("f", text), { code: "invalid", message: /"f"/ });
    });
  }
});
