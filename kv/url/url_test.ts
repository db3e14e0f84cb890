import assert from "node:assert/strict";
import fc from "fast-check";
import { makeCertificates } from "../../tests/harness/certificates.ts";
import type { ParsedStoreUrl } from "./store_url.ts";
import { parseStoreUrl } from "./url.ts";
import { readStoreFiles } from "./url_files.ts";

const ep = (host: string, port: number) => ({ host, port });

const GOOD: [text: string, wanted: Partial<ParsedStoreUrl>, env?: Record<string, string>][] = [
  ["local", { provider: "local", display: "local" }],
  ["local:", { provider: "local" }],
  ["etcd:h1", {
    provider: "etcd",
    endpoints: [ep("h1", 2379)],
    prefix: "netsvc",
    tls: false,
    files: {},
    display: "etcd:h1:2379/netsvc",
  }],
  ["etcd:h1:1,10.0.0.2,[fd00::1]:3,[::1]/a/b", {
    endpoints: [ep("h1", 1), ep("10.0.0.2", 2379), ep("fd00::1", 3), ep("::1", 2379)],
    prefix: "a/b",
    display: "etcd:h1:1,10.0.0.2:2379,[fd00::1]:3,[::1]:2379/a/b",
  }],
  ["etcd://us%40er:p%3A%2F%25@h1:2379,h2/pre%20fix/", {
    username: "us@er",
    password: "p:/%",
    endpoints: [ep("h1", 2379), ep("h2", 2379)],
    prefix: "pre fix",
    display: "etcd:h1:2379,h2:2379/pre fix",
  }],
  ["etcd:user:pass@h1", { username: "user", password: "pass" }],
  ["etcd://user:a:b@h1", { username: "user", password: "a:b" }],
  ["etcd:http://h1:2379", { tls: false, endpoints: [ep("h1", 2379)] }],
  ["etcd:https://h1", { tls: true, endpoints: [ep("h1", 2379)], display: "etcds:h1:2379/netsvc" }],
  ["etcds:h1", { tls: true }],
  ["etcds://h1/p", { tls: true, prefix: "p" }],
  ["etcd:h1?tls=true", { tls: true }],
  ["etcd:h1?tls=false", { tls: false }],
  ["etcd:h1?ca=/a%20b.pem", { tls: true, files: { ca: "/a b.pem" } }],
  ["etcd:h1?cert=/c&key=/k", { tls: true, files: { cert: "/c", key: "/k" } }],
  ["etcd:h1", { tls: true, files: { ca: "/e" } }, { NETSVC_KV_CA: "/e" }],
  ["etcd:h1?ca=/u", { files: { ca: "/u" } }, { NETSVC_KV_CA: "/e" }],
  ["etcd:h1", { username: "u", password: "p" }, {
    NETSVC_KV_USERNAME: "u",
    NETSVC_KV_PASSWORD: "p",
  }],
  ["etcd://u@h1", { username: "u", password: "p" }, { NETSVC_KV_PASSWORD: "p" }],
  ["etcd://u@h1?password-file=/f", { username: "u", files: { password: "/f" } }],
  ["etcd:h1?username=u&password=p%26", { username: "u", password: "p&" }],
  ["etcd:h1", {}, { NETSVC_KV_TOKEN: "not etcd's", NETSVC_KV_CA: "" }],
  ["consul:h1,h2", {
    provider: "consul",
    endpoints: [ep("h1", 8500), ep("h2", 8500)],
    display: "consul:h1:8500,h2:8500/netsvc",
  }],
  ["consul:h1?token=t", { token: "t" }],
  ["consul:h1?token-file=/t", { files: { token: "/t" } }, { CONSUL_HTTP_TOKEN: "env" }],
  ["consul:h1", { token: "env" }, { CONSUL_HTTP_TOKEN: "env" }],
  ["consul:h1", { token: "own" }, { CONSUL_HTTP_TOKEN: "env", NETSVC_KV_TOKEN: "own" }],
  ["zk:h1,h2/netsvc/x", {
    provider: "zookeeper",
    endpoints: [ep("h1", 2181), ep("h2", 2181)],
    prefix: "netsvc/x",
    display: "zookeeper:h1:2181,h2:2181/netsvc/x",
  }],
  ["zookeeper://u:p@h1", { username: "u", password: "p" }],
  ["denokv:127.0.0.1:4512", { endpoints: [ep("127.0.0.1", 4512)], tls: false, path: "" }],
  ["denokv:http://127.0.0.1:4512", { endpoints: [ep("127.0.0.1", 4512)], tls: false }],
  ["denokv:https://kv.example/p", { endpoints: [ep("kv.example", 443)], tls: true, prefix: "p" }],
  ["denokv:https://api.example/databases/1/connect?prefix=p", {
    path: "/databases/1/connect",
    prefix: "p",
    display: "denokvs:api.example:443/databases/1/connect/p",
  }],
  ["denokv:h", { token: "d" }, { DENO_KV_ACCESS_TOKEN: "d" }],
];

Deno.test("parseStoreUrl() takes every form", async (t) => {
  for (const [text, wanted, env] of GOOD) {
    await t.step(text, () => {
      const parsed = parseStoreUrl(text, env);
      for (const [key, value] of Object.entries(wanted)) {
        assert.deepEqual(parsed[key as keyof ParsedStoreUrl], value, key);
      }
      for (const key of ["username", "password", "token"] as const) {
        if (!(key in wanted)) assert.equal(parsed[key], undefined, key);
      }
    });
  }
});

const BAD: [text: string, message: RegExp, env?: Record<string, string>][] = [
  ["", /^Unknown store ""; known: local, etcd, consul, zookeeper, denokv; write --kv-store=/],
  ["redis:h1", /^Unknown store "redis"/],
  ["constructor:h1", /^Unknown store "constructor"/],
  ["10.0.0.9:2379", /^Unknown store "10.0.0.9"/],
  ["ETCD:h", /^Unknown store "ETCD"/],
  ["local:/var/x", /^The store "local" takes no URL: it lies in the --state-dir/],
  [
    "etcd",
    /^Invalid URL of the store "etcd": it has no endpoint; write --kv-store=etcd:HOST:2379$/,
  ],
  ["etcd:", /no endpoint/],
  ["etcd://", /no endpoint/],
  ["etcd:/prefix", /no endpoint/],
  ["etcd://user:pass@", /no endpoint/],
  ["etcd:h1,,h2", /its list "h1,,h2" has an empty endpoint/],
  ["etcd:h1,", /empty endpoint/],
  ["etcd:h1:", /endpoint "h1:" has no valid port/],
  ["etcd:h1:0", /port from 1 to 65535/],
  ["etcd:h1:65536", /endpoint "h1:65536" has no valid port/],
  ["etcd:h1:http", /no valid port/],
  ["etcd:h1:-1", /no valid port/],
  ["etcd::2379", /endpoint ":2379" has no valid host/],
  ["etcd:fd00::1:2379", /write an IPv6 address in brackets/],
  ["etcd:[fd00::xyz]:2379", /no valid host/],
  ["etcd:[::1", /brackets/],
  ["etcd:[10.0.0.1]:1", /no valid host/],
  ["etcd:999.0.0.1", /no valid host/],
  ["etcd:h 1", /no valid host/],
  ["etcd:-h", /no valid host/],
  ["etcd:h1#x", /no valid host/],
  ["etcd:h1//a", /prefix "\/a" has an empty segment|empty segment/],
  ["etcd:h1/a//b", /empty segment/],
  ["etcd:h1/%00", /is not text/],
  [`etcd:h1/${"x".repeat(300)}`, /longer than 255 bytes/],
  ["etcd:h1/%zz", /its prefix has a "%" without two hexadecimal digits; write "%25" for "%"/],
  ["etcd:h1?x=1", /unknown parameter "x"; known: tls, ca/],
  ["etcd:h1?tls=yes", /tls is neither/],
  ["etcd:h1?tls=", /its "tls" is empty/],
  ["etcd:h1?ca", /its "ca" is empty; write ca=VALUE/],
  ["etcd:h1?ca=/a&ca=/b", /gives "ca" twice/],
  ["etcd:h1?ca=/a&tls=false", /contradicts/],
  ["etcds:h1?tls=false", /contradicts/],
  ["etcd:http://h1?ca=/a", /http:\/\/ contradicts/],
  ["etcd:http://h1?tls=true", /http:\/\/ is not TLS/],
  ["etcd:h1?cert=/a", /cert and key go together/],
  ["etcd:h1", /cert and key go together/, { NETSVC_KV_KEY: "/k" }],
  ["etcd:h1/a?prefix=b", /prefix twice/],
  ["etcd://user@h1", /user name has no password; add password-file=/],
  ["etcd://:pass@h1", /no user name/],
  ["etcd:h1?password=pass", /password without a user name/],
  ["etcd://user:pass@h1?password=pass", /gives "password" twice/],
  ["etcd://user@h1?password=pass&password-file=/f", /give one of them/],
  ["etcd:h1?token=t", /this store has no token; it takes username=/],
  ["consul://user:pass@h1", /this store has no username; it takes token=/],
  ["consul:h1?token=t&token-file=/t", /give one of them/],
  ["denokv:http://h?ca=/a", /this store takes no ca; set DENO_CERT/],
  ["denokv:h1,h2", /several endpoints/],
  ["denokv:http://u:pass@h", /no username/],
  ["denokv:ftp://h", /no valid port|no valid host/],
];

Deno.test("parseStoreUrl() refuses in one line and says how to write it", async (t) => {
  for (const [text, message, env] of BAD) {
    await t.step(text, () => {
      assert.throws(() => parseStoreUrl(text, env), (error: Error & { code?: string }) => {
        assert.equal(error.code, "invalid");
        assert.match(error.message, message);
        assert.doesNotMatch(error.message, /\n|pass\b(?!word)/);
        return true;
      });
    });
  }
});

Deno.test("parseStoreUrl() never shows a secret, however badly it is written", () => {
  const secret = fc.string({ unit: "grapheme-ascii", minLength: 1, maxLength: 12 })
    .map((text) => `Q7x${text}Z9k`);
  const shapes: ((secret: string) => string)[] = [
    (s) => `etcd://user:${s}@h1:2379`,
    (s) => `etcd:user:${s}@h1:port/prefix`,
    (s) => `etcd://user:${s}@`,
    (s) => `etcd:h1?username=u&password=${s}`,
    (s) => `etcd:h1?password=${s}&x=1`,
    (s) => `consul:h1?token=${s}`,
    (s) => `consul://user:${s}@h1,`,
    (s) => `denokv:https://h?token=${s}&prefix=//`,
    (s) => `zk://user:${s}@h1//x`,
  ];
  fc.assert(fc.property(secret, fc.constantFrom(...shapes), (text, shape) => {
    let shown: string;
    try {
      shown = parseStoreUrl(shape(text)).display;
    } catch (error) {
      shown = (error as Error).message;
    }
    assert.doesNotMatch(shown, /Q7x|Z9k/);
  }));
});

Deno.test("readStoreFiles() reads secrets and certificates, and tells what is wrong", async () => {
  const directory = Deno.makeTempDirSync({ prefix: "netsvc-test-" });
  try {
    const write = (name: string, text: string) => {
      Deno.writeTextFileSync(`${directory}/${name}`, text);
      return `${directory}/${name}`;
    };
    const pass = write("pass", "se cret\r\n");
    const empty = write("empty", "\n");
    await using one = await makeCertificates();
    await using two = await makeCertificates();
    const { ca } = one;
    const url = await readStoreFiles(
      parseStoreUrl(`etcd://u@h1?password-file=${pass}&ca=${ca}`, { NETSVC_KV_PASSWORD: "env" }),
    );
    assert.equal(url.password, "se cret");
    assert.match(url.tls!.ca!, /^-----BEGIN/);
    assert.deepEqual((await readStoreFiles(parseStoreUrl("etcds:h1"))).tls, {});
    assert.equal((await readStoreFiles(parseStoreUrl("etcd:h1"))).tls, undefined);
    const fails = (text: string, message: RegExp) =>
      assert.rejects(readStoreFiles(parseStoreUrl(text)), { code: "invalid", message });
    await fails(`consul:h1?token-file=${empty}`, /token file ".*empty" is empty/);
    await fails(`consul:h1?token-file=/no/such`, /Cannot read the store's token file "\/no\/such"/);
    await fails(`consul:h1?ca=${pass}`, /CA file ".*pass" holds no PEM certificate/);
    await fails(`consul:h1?cert=${ca}&key=${ca}`, /key file ".*ca.pem" holds no PEM private key/);
    const torn = write("torn", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    await fails(`consul:h1?ca=${torn}`, /CA file ".*torn" holds no PEM certificate/);
    const pair = await readStoreFiles(parseStoreUrl(`etcd:h1?cert=${one.cert}&key=${one.key}`));
    assert.match(pair.tls!.key!, /^-----BEGIN PRIVATE KEY/);
    // Deno ends the process where it is given such a pair.
    await fails(
      `consul:h1?cert=${one.cert}&key=${two.key}`,
      /key file ".*key.pem" is not that of the certificate in ".*cert.pem"$/,
    );
  } finally {
    Deno.removeSync(directory, { recursive: true });
  }
});
