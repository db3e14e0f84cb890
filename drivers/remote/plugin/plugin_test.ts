import assert from "node:assert/strict";
import { until } from "../../../tests/harness/command.ts";
import { makeCertificates } from "../../../tests/harness/certificates.ts";
import { TestPlugin } from "../../../tests/harness/plugin.ts";
import { NetsvcError } from "../../../lib/api/errors.ts";
import { NETWORK_CAPABILITIES } from "../protocol/messages.ts";
import { Plugin, type PluginLimits } from "./plugin.ts";
import { Plugins } from "./plugins.ts";

const CAPABILITIES = {
  type: "NetworkDriver",
  method: "GetCapabilities",
  answer: NETWORK_CAPABILITIES,
} as const;

/** Directories of a test's plugins, and a plugin on a socket there. */
class Bench implements AsyncDisposable {
  private constructor(readonly root: string, readonly plugin: TestPlugin) {}

  static async create(listen = (root: string) => `unix:${root}/p.sock`): Promise<Bench> {
    const root = await Deno.makeTempDir({ prefix: "netsvc-test-" });
    return new Bench(root, await TestPlugin.start({ listen: listen(root) }));
  }

  client(limits: Partial<PluginLimits> = { dial: 0 }, signal?: AbortSignal): Plugin {
    const places = { sockets: [this.root], specs: [this.root] };
    return new Plugin("p", { places, limits, ...signal && { signal } });
  }

  async [Symbol.asyncDispose]() {
    await this.plugin[Symbol.asyncDispose]();
    await Deno.remove(this.root, { recursive: true });
  }
}

Deno.test("Plugin.call() activates once for all, as the protocol says", async () => {
  await using bench = await Bench.create();
  const client = bench.client();
  assert.deepEqual(await bench.plugin.calls(), [], "nothing before it is used");
  const answers = await Promise.all(Array.from({ length: 5 }, () => client.call(CAPABILITIES)));
  assert.deepEqual(answers[0], { Scope: "local", ConnectivityScope: "local" });
  const calls = await bench.plugin.calls();
  assert.deepEqual(calls.map(({ method }) => method), [
    "Plugin.Activate",
    ...Array(5).fill("NetworkDriver.GetCapabilities"),
  ]);
  for (const call of calls) {
    assert.deepEqual(call, {
      method: call.method,
      body: null,
      accept: "application/vnd.docker.plugins.v1.2+json",
      host: "plugin.moby.localhost",
      type: null,
    });
  }
});

Deno.test("Plugin.call() over TCP, found by a .spec", async () => {
  await using bench = await Bench.create(() => "tcp:127.0.0.1:0");
  await Deno.writeTextFile(`${bench.root}/p.spec`, `tcp://${bench.plugin.where}\n`);
  const client = bench.client();
  assert.equal((await client.call(CAPABILITIES)).Scope, "local");
  assert.equal((await bench.plugin.calls())[1]!.host, bench.plugin.where);
});

Deno.test("Plugin.call() refuses what isn't the type, or unknown", async () => {
  await using bench = await Bench.create();
  await bench.plugin.implements("VolumeDriver");
  const client = bench.client();
  await assert.rejects(client.call(CAPABILITIES), {
    code: "unsupported",
    message: 'The plugin "p" is no NetworkDriver; it implements "VolumeDriver"',
  });
  await bench.plugin.implements("NetworkDriver");
  const other = bench.client();
  await bench.plugin.behave({ method: CAPABILITIES.type + ".GetCapabilities", status: 404 });
  await assert.rejects(other.call(CAPABILITIES), {
    code: "unsupported",
    message: 'The plugin "p" doesn\'t implement NetworkDriver.GetCapabilities',
  });
});

Deno.test("Plugin.call() an answer that is no answer is the plugin's fault, by name", async (t) => {
  await using bench = await Bench.create();
  const client = bench.client();
  await client.call(CAPABILITIES);
  const method = "NetworkDriver.GetCapabilities";
  const cases: [name: string, how: Record<string, unknown>, code: string, said: RegExp][] = [
    ["empty body", { raw: "" }, "unavailable", /misbehaves in NetworkDriver.GetCap.*an empty body/],
    ["no JSON", { raw: "<html>" }, "unavailable", /"<html>", which isn't JSON/],
    ["a JSON array", { raw: "[]" }, "unavailable", /answer is wrong/],
    ["a JSON null", { raw: "null" }, "unavailable", /answer is wrong/],
    ["a wrong type", { json: { Scope: 7 } }, "unavailable", /wrong at Scope/],
    ["a wrong value", { json: { Scope: "swarm" } }, "unavailable", /neither "local" nor "global"/],
    ["nothing that is needed", { json: {} }, "unavailable", /wrong at Scope/],
    ["Err with 200", { json: { Err: "no\nluck" } }, "kernel", /"p" refuses NetworkDr.*: no luck$/],
    ["Error with 200", { json: { Error: "no luck" } }, "kernel", /no luck/],
    ["Err with 500", { status: 500, json: { Err: "no luck" } }, "kernel", /no luck/],
    ["Err with 404", { status: 404, json: { Err: "not here" } }, "kernel", /not here/],
    ["500 without words", { status: 500, raw: "oops" }, "kernel", /HTTP status 500, "oops"/],
    ["a redirect", { status: 302, raw: "" }, "kernel", /HTTP status 302/],
    ["too much", { raw: "x".repeat(2_000_000) }, "unavailable", /more than 1048576 bytes/],
    ["no answer", { drop: true }, "unavailable", /connection broke|can't be talked to/],
  ];
  for (const [name, how, code, said] of cases) {
    await t.step(name, async () => {
      await bench.plugin.behave({ method, ...how });
      const fresh = bench.client();
      await assert.rejects(fresh.call(CAPABILITIES), (error: NetsvcError) => {
        assert.equal(error.code, code, error.message);
        assert.match(error.message, said);
        assert.doesNotMatch(error.message, /\n/);
        return true;
      });
    });
  }
  await bench.plugin.behave();
  assert.equal((await client.call(CAPABILITIES)).Scope, "local", "a lie is forgiven at once");
});

Deno.test("Plugin.call() an Activate that lies is no plugin", async () => {
  await using bench = await Bench.create();
  for (const how of [{ raw: "" }, { json: {} }, { json: { Implements: [1] } }, { status: 404 }]) {
    await bench.plugin.behave({ method: "Plugin.Activate", ...how });
    await assert.rejects(bench.client().call(CAPABILITIES), {
      code: "unavailable",
      message: /"p" misbehaves in Plugin.Activate/,
    });
  }
});

Deno.test("Plugin.call() has a deadline, and a slow plugin isn't waited for again", async () => {
  await using bench = await Bench.create();
  const client = bench.client({ call: 400 });
  await client.call(CAPABILITIES);
  await bench.plugin.behave({ method: "NetworkDriver.GetCapabilities", hang: true });
  await assert.rejects(client.call(CAPABILITIES), {
    code: "timeout",
    message: /"p" is unavailable: it doesn't answer NetworkDriver.GetCapabilities within 0.4 s/,
  });
  const before = (await bench.plugin.calls()).length;
  const start = performance.now();
  for (let i = 0; i < 5; i++) await assert.rejects(client.call(CAPABILITIES), { code: "timeout" });
  assert.ok(performance.now() - start < 1900, "five calls take less than five deadlines");
  assert.equal((await bench.plugin.calls()).length, before, "and aren't sent");
  await bench.plugin.behave();
  await until("it is tried again", () => client.call(CAPABILITIES).then(() => true, () => false));
});

Deno.test("Plugin.call() waits for a plugin that is being restarted, and activates it anew", async () => {
  await using bench = await Bench.create();
  const client = bench.client({});
  await client.call(CAPABILITIES);
  await bench.plugin.kill();
  const calls = [client.call(CAPABILITIES), client.call(CAPABILITIES)];
  await new Promise((resolve) => setTimeout(resolve, 300));
  await bench.plugin.restart();
  assert.equal((await Promise.all(calls))[0]!.Scope, "local");
  assert.equal((await bench.plugin.methods()).filter((m) => m === "Plugin.Activate").length, 1);
});

Deno.test("Plugin.call() follows a plugin that comes back elsewhere", async () => {
  await using bench = await Bench.create(() => "tcp:127.0.0.1:0");
  await Deno.writeTextFile(`${bench.root}/p.spec`, `tcp://${bench.plugin.where}\n`);
  const client = bench.client({});
  await client.call(CAPABILITIES);
  await bench.plugin.kill();
  await using moved = await TestPlugin.start({ listen: `unix:${bench.root}/p.sock` });
  await client.call(CAPABILITIES);
  assert.deepEqual(await moved.methods(), ["Plugin.Activate", "NetworkDriver.GetCapabilities"]);
});

Deno.test("Plugin.call() a dead plugin costs its wait once, and is found when it is back", async () => {
  await using bench = await Bench.create();
  const client = bench.client({ dial: 1500 });
  await client.call(CAPABILITIES);
  await bench.plugin.kill();
  const start = performance.now();
  await assert.rejects(client.call(CAPABILITIES), {
    code: "unavailable",
    message: /The plugin "p" is unavailable: .*ECONNREFUSED.*p\.sock/,
  });
  const first = performance.now() - start;
  assert.ok(first >= 900 && first < 6000, `one wait of a second, not ${first} ms`);
  const again = performance.now();
  for (let i = 0; i < 50; i++) await assert.rejects(client.call(CAPABILITIES));
  assert.ok(performance.now() - again < 10_000, "then nothing waits");
  await bench.plugin.restart();
  await until("it is found", () => client.call(CAPABILITIES).then(() => true, () => false));
});

Deno.test("Plugin.call() a plugin that isn't there fails at once; impatient calls always do", async () => {
  await using bench = await Bench.create();
  const places = { sockets: [bench.root], specs: [] };
  const none = new Plugin("none", { places });
  const start = performance.now();
  await assert.rejects(none.session(), { code: "not_found", message: /none\.sock/ });
  const later = new Plugin("none", { places });
  await assert.rejects(later.call(CAPABILITIES), { code: "unavailable", message: /none\.sock/ });
  const client = bench.client({});
  await client.call(CAPABILITIES);
  await bench.plugin.kill();
  await assert.rejects(client.call(CAPABILITIES, { impatient: true }), { code: "unavailable" });
  assert.ok(performance.now() - start < 5000);
});

Deno.test("Plugins.close() ends what is under way", async () => {
  await using bench = await Bench.create();
  const plugins = new Plugins({ places: { sockets: [bench.root], specs: [] } });
  const client = plugins.get("p");
  assert.equal(plugins.get("p"), client);
  assert.throws(() => plugins.get("../p"), { code: "invalid" });
  await client.call(CAPABILITIES);
  await bench.plugin.behave({ method: "*", hang: true });
  const hanging = client.call(CAPABILITIES);
  await until("it is called", async () => (await bench.plugin.calls()).length === 3);
  plugins.close();
  await assert.rejects(hanging, { code: "unavailable", message: /stopping/ });
  await assert.rejects(client.call(CAPABILITIES), { code: "unavailable", message: /stopping/ });
});

Deno.test("Plugin.call() over TLS trusts whom it is told to trust, and shows who it is", async (t) => {
  const directory = await Deno.makeTempDir({ prefix: "netsvc-test-" });
  try {
    await using known = await makeCertificates();
    await using other = await makeCertificates("DNS:else.where");
    const good = { CAFile: known.ca, CertFile: known.cert, KeyFile: known.key };
    const named = { CAFile: other.ca, CertFile: other.cert, KeyFile: other.key };
    await Deno.writeTextFile(`${directory}/no.pem`, "nothing");
    const cases: [name: string, of: typeof known, tls: Record<string, string> | null, RegExp?][] = [
      ["good", known, good],
      ["another authority", known, { ...good, CAFile: other.ca }, /TLS with it fails.*VERIFY/],
      ["the machine's authorities", known, null, /TLS with it fails/],
      ["no client certificate", known, { CAFile: known.ca }, /TLS with it fails|broke|talked/],
      ["another name", other, named, /TLS with it fails.*altnames/],
      ["no CAFile", known, { ...good, CAFile: "" }, /CAFile/],
      ["a missing CAFile", known, { ...good, CAFile: "/nowhere.pem" }, /"\/nowhere.pem"/],
      ["a CAFile that is none", known, { ...good, CAFile: `${directory}/no.pem` }, /isn't PEM/],
    ];
    for (const [name, { ca, cert, key }, TLSConfig, said] of cases) {
      await t.step(name, async () => {
        await using plugin = await TestPlugin.start({
          listen: `tls:127.0.0.1:0,${cert},${key},${ca}`,
        });
        const Addr = `https://${plugin.where}`;
        const specs = await Deno.makeTempDir({ dir: directory });
        await Deno.writeTextFile(`${specs}/p.json`, JSON.stringify({ Addr, TLSConfig }));
        const tested = new Plugin("p", { places: { sockets: [], specs: [specs] } });
        const start = performance.now();
        if (said) await assert.rejects(tested.call(CAPABILITIES), said);
        else assert.equal((await tested.call(CAPABILITIES)).Scope, "local");
        assert.ok(performance.now() - start < 5000, "nothing is retried");
      });
    }
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});
