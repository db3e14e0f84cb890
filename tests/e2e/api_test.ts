import assert from "node:assert/strict";
import { ok, run, until } from "../harness/command.ts";
import { NETSVC, TestHost } from "../harness/host.ts";

const API = "/netsvc/v1";
const JSON_TYPE = ["-H", "content-type: application/json"];

Deno.test("the API: errors, limits, documents", async (t) => {
  await using host = await TestHost.create();
  const problem = async (path: string, ...words: string[]) => {
    const { status, body } = await host.api(path, ...words);
    return { status, ...JSON.parse(body) };
  };
  await t.step("problems are RFC 9457 with a code", async () => {
    const { body } = await host.api(`${API}/networks/nope`, "-i");
    assert.match(body, /content-type: application\/problem\+json/);
    const missing = await problem(`${API}/networks/nope`);
    assert.equal(missing.status, 404);
    assert.equal(missing.code, "not_found");
    assert.equal(missing.type, "about:blank");
    for (const path of [`${API}/nowhere`, "/netsvc", "/netsvc/v2/networks"]) {
      const nowhere = await problem(path);
      assert.equal(nowhere.status, 404);
      assert.match(nowhere.detail, /No such route: GET .*; the API is under \/netsvc\/v1$/);
    }
  });
  await t.step("malformed, oversized, mistyped bodies", async () => {
    const post = (...words: string[]) => problem(`${API}/networks`, "-X", "POST", ...words);
    assert.equal((await post(...JSON_TYPE, "-d", "{nope")).code, "invalid");
    assert.equal((await post(...JSON_TYPE, "-d", '{"name":5}')).status, 400);
    const unknown = await post(...JSON_TYPE, "-d", '{"name":"x","colour":"red"}');
    assert.match(unknown.detail, /colour/);
    assert.equal((await post("-d", '{"name":"x"}')).status, 415);
    assert.equal((await post(...JSON_TYPE, "-d", "")).status, 400);
    const big = `${host.directory}/big`;
    await Deno.writeTextFile(big, `{"name":"${"x".repeat(2 * 1024 * 1024)}"}`);
    assert.equal((await post(...JSON_TYPE, "-d", `@${big}`)).status, 413);
    // What has a length that can't be compared with a number.
    const length = '{"length":{"valueOf":1,"toString":1}}';
    for (const body of [`{"name":${length}}`, `{"name":"x","pools":${length}}`, length]) {
      assert.equal((await post(...JSON_TYPE, "-d", body)).status, 400, body);
    }
    const engine = await host.api(
      "/networks/create",
      ...["-X", "POST", ...JSON_TYPE, "-d", `{"Name":${length}}`],
    );
    assert.equal(engine.status, 400);
    const deep = "[".repeat(100000);
    assert.equal((await post(...JSON_TYPE, "-d", deep.slice(0, 50000))).status, 400);
    assert.deepEqual(JSON.parse((await host.api(`${API}/networks`)).body).length, 3);
  });
  await t.step("a host that makes no address is the client's fault", async () => {
    for (const name of ["localhost, evil", "localhost:99999", "[::1"]) {
      for (const path of [`${API}/networks`, "/v1.41/networks", "/healthz"]) {
        const { status, body } = await host.api(path, "-H", `Host: ${name}`);
        assert.equal(status, 400, name);
        assert.match(JSON.parse(body).message, /no address/);
      }
    }
    assert.doesNotMatch(host.log(), /TypeError/);
  });
  await t.step("browser pages can't drive it", async () => {
    assert.equal(
      (await problem(`${API}/networks`, "-H", "Origin: http://evil.example")).status,
      403,
    );
    assert.equal((await problem(`${API}/networks`, "-H", "Host: evil.example")).status, 403);
    assert.equal(
      (await problem(`${API}/networks`, "-H", "Sec-Fetch-Site: cross-site")).status,
      403,
    );
  });
  await t.step("/openapi.json has every route", async () => {
    const document = JSON.parse((await host.api("/openapi.json")).body);
    assert.equal(document.openapi, "3.1.0");
    for (const path of ["/networks", "/services/{ref}/attach", "/containers/{ref}", "/events"]) {
      assert.ok(document.paths[API + path], path);
    }
    assert.ok(document.components.schemas.Service.properties.addresses);
  });
  await t.step("/metrics, /healthz, /version", async () => {
    const { body } = await host.api("/metrics");
    assert.match(body, /^netsvc_networks 3$/m);
    assert.match(
      body,
      /^netsvc_http_request_duration_seconds_count\{.*route="\/netsvc\/v1\/networks".*\} \d+$/m,
    );
    assert.equal((await host.api("/healthz")).body, "ok\n");
    assert.equal((await host.api(`${API}/healthz`)).body, "ok\n");
    const version = await host.api(`${API}/version`);
    assert.match(JSON.parse(version.body).version, /^\d+\.\d+\.\d+$/);
  });
  await t.step("paths that were netsvc's own are told where they are now", async () => {
    const old = await problem("/networks", "-X", "POST", ...JSON_TYPE, "-d", '{"name":"x"}');
    assert.equal(old.status, 404);
    assert.match(
      old.message,
      /netsvc's own API is under \/netsvc\/v1 now, ask for \/netsvc\/v1\/net/,
    );
    // As the command printed it before.
    assert.equal(old.detail, old.message);
    assert.equal(old.code, "not_found");
    const shared = await problem("/networks", "-A", "Deno/2.7.14");
    assert.match(shared.detail, /^\/networks is Docker's, and netsvc's own API is under/);
  });
  await t.step("the socket is the owner's and the group's", async () => {
    assert.equal((await Deno.stat(host.socket)).mode! & 0o777, 0o660);
  });
});

Deno.test("listings know no case, and print nothing but text", async () => {
  await using host = await TestHost.create();
  const label = "colour=\u001b[31mred\nName: forged\u009b";
  await host.ok("network", "create", "--label", label, "Foo");
  await host.ok("service", "publish", "--alias", "Www.Example", "Db.Foo");
  const id = await host.ok("container", "create", "--net", "Foo", "Web");
  const quiet = (...words: string[]) => host.ok(...words, "-q", "--no-trunc");
  const db = await quiet("service", "ls", "-f", "name=DB");
  assert.match(db, /^[0-9a-f]{64}$/);
  assert.equal(await quiet("service", "ls", "-f", "alias=www.example"), db);
  assert.equal(await quiet("container", "ls", "-f", "service=web.foo"), id);
  assert.match(await quiet("network", "ls", "-f", "name=foo"), /^[0-9a-f]{64}$/);
  const { stdout } = await host.run(["network", "info", "Foo"]);
  assert.match(stdout, /^Label: colour= \[31mred Name: forged$/m);
  // deno-lint-ignore no-control-regex -- these are what it is about
  assert.doesNotMatch(stdout, /[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/);
});

Deno.test("/events tells what happens", async () => {
  await using host = await TestHost.create();
  const file = `${host.directory}/events`;
  const child = new Deno.Command("sh", {
    args: [
      "-c",
      'exec "$@" > "$0"',
      file,
      ...NETSVC,
      "-H",
      `unix://${host.socket}`,
      "events",
      "--format",
      "json",
    ],
  }).spawn();
  try {
    await until("the client listens", async () => {
      const { body } = await host.api("/metrics");
      return body.includes('route="/netsvc/v1/events"') ||
        (await run(["ss", "-xH"])).stdout.includes(host.socket);
    });
    await new Promise((resolve) => setTimeout(resolve, 300));
    await host.ok("network", "create", "foo");
    await host.ok("service", "publish", "db.foo");
    await host.ok("container", "create", "web");
    await host.ok("service", "attach", "web", "db.foo");
    await host.ok("service", "detach", "web", "db.foo");
    await host.ok("container", "rm", "web");
    await host.ok("network", "rm", "-f", "foo");
    const wanted = [
      "network create foo",
      "service publish db",
      "container create web",
      "service attach db",
      "service detach db",
      "container remove web",
      "service unpublish db",
      "network remove foo",
    ];
    const seen = await until("all events", () => {
      const events = Deno.readTextFileSync(file).trim().split("\n").filter(Boolean).map((line) =>
        JSON.parse(line)
      );
      return events.length >= wanted.length && events.map((e) => `${e.type} ${e.action} ${e.name}`);
    });
    assert.deepEqual(seen, wanted);
  } finally {
    child.kill("SIGTERM");
    await child.status;
  }
});

Deno.test("TCP: a token always, beyond loopback TLS, too", async () => {
  await using host = await TestHost.create({ stopped: true });
  const dir = host.directory;
  await ok([
    ...["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=t"],
    ...[
      "-addext",
      "subjectAltName=IP:127.0.0.1,IP:10.77.0.1",
      "-addext",
      "basicConstraints=critical,CA:FALSE",
      "-keyout",
      `${dir}/key`,
      "-out",
      `${dir}/cert`,
    ],
  ]);
  await Deno.writeTextFile(`${dir}/token`, "0123456789abcdef0123\n");
  await host.namespace.ip(
    "link add up0 type bridge",
    "addr add 10.77.0.1/24 dev up0",
    "link set up0 up",
  );
  host.flags.push(
    "-H",
    "tcp://10.77.0.1:2380",
    "--tls-cert",
    `${dir}/cert`,
    "--tls-key",
    `${dir}/key`,
    "--token-file",
    `${dir}/token`,
  );
  await host.start();
  const client = (...words: string[]) =>
    host.namespace.run([...NETSVC, "-H", "tcp://10.77.0.1:2380", ...words]);
  const good = await client(
    "--tls-ca",
    `${dir}/cert`,
    "--token-file",
    `${dir}/token`,
    "network",
    "ls",
    "-q",
  );
  assert.equal(good.code, 0, good.stderr);
  const none = await client("--tls-ca", `${dir}/cert`, "network", "ls");
  assert.match(none.stderr, /bearer token is missing or wrong/);
  const blind = await client("network", "ls");
  assert.equal(blind.code, 1);
  assert.match(
    blind.stderr,
    /it speaks TLS; give --tls-ca FILE, or -H tls:\/\/10\.77\.0\.1:2380 where/,
  );
  // The machine's authorities vouch for it.
  const trusting = await host.namespace.run(
    [
      ...NETSVC,
      "-H",
      "tls://10.77.0.1:2380",
      "--token-file",
      `${dir}/token`,
      "network",
      "ls",
      "-q",
    ],
    { env: { SSL_CERT_FILE: `${dir}/cert` } },
  );
  assert.equal(trusting.code, 0, trusting.stderr);
  // The token goes nowhere in the clear, whether anybody listens or not.
  const clear = await client("--token-file", `${dir}/token`, "network", "ls");
  assert.match(
    clear.stderr,
    /^netsvc: The token isn't sent to tcp:\/\/10\.77\.0\.1:2380, where.*\n$/,
  );
  await host.stop();
  host.flags.length = 0;
  host.flags.push("-H", "tcp://127.0.0.1:2381", "--token-file", `${dir}/token`);
  await host.start();
  const plain = await host.namespace.run([
    ...NETSVC,
    "-H",
    "tcp://127.0.0.1:2381",
    "--token-file",
    `${dir}/token`,
    "network",
    "ls",
    "-q",
  ]);
  assert.equal(plain.code, 0, plain.stderr);
  const page = await host.namespace.run([
    "curl",
    "-s",
    "-H",
    "Host: rebound.example",
    "http://127.0.0.1:2381/netsvc/v1/networks",
  ]);
  assert.match(page.stdout, /"forbidden"/);
});

Deno.test("settings come from a file, and the command line wins", async () => {
  await using host = await TestHost.create({ stopped: true });
  const config = `${host.directory}/netsvc.yaml`;
  await Deno.writeTextFile(config, "default-network: bridge:corp\nlog-level: debug\ndns-ttl: 7\n");
  host.flags.push("--config", config, "-l", "info");
  await host.start();
  assert.match(await host.ok("network", "ls"), /corp +bridge/);
  await host.fails(1, /default network of this daemon/, "network", "rm", "corp");
  await host.ok("run", "-d", "--name", "a", "--", "sleep", "100");
  assert.match(await host.ok("service", "ls"), /a +corp +a/);
  await host.stop();
  await Deno.writeTextFile(config, "colour: red\n");
  const bad = await run(host.daemonWords);
  assert.match(bad.stderr, /^netsvc: Unknown setting "colour" in ".*netsvc\.yaml"; known: host/);
  assert.equal(bad.code, 1);
});
