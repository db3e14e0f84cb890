import assert from "node:assert/strict";
import { makeCertificates } from "../../../../tests/harness/certificates.ts";
import { parseStoreUrl } from "../../../../kv/url/url.ts";
import { clusterPaths } from "../../files/cluster_paths.ts";
import { checkPortable, readPortable, writePortable } from "./portable_url.ts";

Deno.test("a URL means the same on another host, with what its files and the environment had", async () => {
  await using made = await makeCertificates();
  const paths = clusterPaths(await Deno.makeTempDir({ prefix: "netsvc-test-" }));
  await Deno.mkdir(paths.directory);
  try {
    const portable = await readPortable(
      `etcds:h1,[fd00::1]:2380/a/b+c?ca=${made.ca}&cert=${made.cert}&key=${made.key}`,
      { NETSVC_KV_USERNAME: "me & you", NETSVC_KV_PASSWORD: "secret+1" },
    );
    assert.deepEqual(Object.keys(portable.files).sort(), ["ca", "cert", "key", "password"]);
    assert.doesNotMatch(portable.url, /secret/);
    checkPortable(portable);
    const flag = await writePortable(paths, portable);
    const { files, ...rest } = parseStoreUrl(flag);
    assert.deepEqual([rest.prefix, rest.username, rest.tls], ["a/b+c", "me & you", true]);
    assert.deepEqual(rest.endpoints, [{ host: "h1", port: 2379 }, { host: "fd00::1", port: 2380 }]);
    assert.equal(await Deno.readTextFile(files.password!), "secret+1");
    assert.equal(await Deno.readTextFile(files.key!), await Deno.readTextFile(made.key));
    assert.equal((await Deno.stat(files.key!)).mode! & 0o777, 0o600);
    // What a host has kept is what its own tokens are made of.
    assert.deepEqual(await readPortable(flag), portable);
  } finally {
    await Deno.remove(paths.directory.replace(/\/cluster$/, ""), { recursive: true });
  }
});

Deno.test("all stores' URLs stay what they were", async () => {
  for (
    const flag of [
      "etcd:h:2379",
      "consul:h:8500/x",
      "zk:h1,h2/x/y",
      "denokv:http://h:4512",
      "denokv:https://h/connect",
    ]
  ) {
    const { url, files } = await readPortable(flag);
    const { display, tls, endpoints, path } = parseStoreUrl(flag);
    const again = parseStoreUrl(url);
    assert.deepEqual(
      [again.display, again.tls, again.endpoints, again.path, files],
      [display, tls, endpoints, path, {}],
      url,
    );
  }
});

Deno.test("a store of one host alone, and a token that names files of this host, are refused", async () => {
  await assert.rejects(readPortable("local"), { code: "invalid", message: /other hosts reach/ });
  for (
    const bent of [
      { url: "local", files: {} },
      { url: "etcds:h?ca=/etc/ssl/ca.pem", files: {} },
      { url: "etcd:h", files: { "../x": "y" } },
      { url: "etcd:h", files: { ca: 1 } },
      { url: 1, files: {} },
      { url: "etcd:h", files: null },
    ]
  ) {
    assert.throws(() => checkPortable(bent as never), { code: "invalid" }, JSON.stringify(bent));
  }
});
