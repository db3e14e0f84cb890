/** Services with many backends: names, endpoints, and what `service` says and does about them. */
import assert from "node:assert/strict";
import { run, until } from "../harness/command.ts";
import { TestHost } from "../harness/host.ts";
import { pings } from "../harness/inside.ts";

/** What a container's resolver answers, in order. */
async function asked(host: TestHost, container: string, name: string, type = "A") {
  const argv = ["dig", "@127.0.0.11", "+short", name, type];
  const { stdout } = await host.inside(container, argv);
  return stdout.trim().split("\n").filter((line) => line !== "").sort();
}

Deno.test("dnsrr: each backend has its endpoint, the name answers all of them", async () => {
  await using host = await TestHost.create();
  await host.ok("network", "create", "--ipv6", "prod");
  await host.ok("service", "publish", "--mode", "dnsrr", "--port", "http:80", "web.prod");
  for (const name of ["c1", "c2", "asker"]) await host.ok("container", "create", name);
  await host.ok("run", "-d", "--name", "gone", "--", "sleep", "1000");
  await host.ok("service", "publish", "client.prod");
  await host.ok("service", "attach", "asker", "client.prod");
  for (const name of ["c1", "c2", "gone"]) await host.ok("service", "attach", name, "web.prod");
  await host.fails(
    1,
    /"c1" is attached to service "web.prod" already/,
    ...["service", "attach"],
    "c1",
    "web.prod",
  );
  assert.match(await host.ok("service", "ls"), / web +prod +dnsrr +3\/3 +/);
  const lines = (await host.ok("service", "ps", "web.prod")).trim().split("\n");
  assert.deepEqual(lines.slice(1).map((line) => line.split(/ +/)[0]), ["c1", "c2", "gone"]);
  for (const type of ["A", "AAAA"]) {
    assert.equal((await asked(host, "asker", "web", type)).length, 3);
    assert.equal((await asked(host, "asker", "tasks.web.prod", type)).length, 3);
    assert.equal((await asked(host, "asker", "c1.web", type)).length, 1);
  }
  assert.deepEqual(await asked(host, "asker", "_http._tcp.web", "SRV"), [
    ...["0 1 80 c1.web.prod.", "0 1 80 c2.web.prod.", "0 1 80 gone.web.prod."],
  ]);
  for (const name of ["c1.web", "c2.web"]) assert.ok(await pings(host, "asker", name), name);

  const [before] = await asked(host, "asker", "c1.web");
  await host.ok("service", "update", "--weight", "c2=5", "--drain", "c1", "web.prod");
  assert.match(
    await host.ok("service", "ps", "web.prod"),
    /c1 .* draining +1\n.*c2 .* active +5\n/,
  );
  assert.equal((await asked(host, "asker", "web")).includes(before!), false);
  assert.ok(await pings(host, "asker", "c1.web"), "its connections go on");
  // After a restart, whose daemon knows it from the store, and after one ended that was killed meanwhile.
  await host.ok("container", "kill", "gone");
  await until(
    "the container's end",
    async () => (await asked(host, "asker", "tasks.web")).length === 2,
  );
  await host.stop("SIGKILL");
  await host.start();
  await until(
    "names are served",
    async () => (await asked(host, "asker", "tasks.web")).length === 2,
  );
  assert.ok(await pings(host, "asker", "c2.web"));
  await host.ok("service", "detach", "c1", "web.prod");
  await host.ok("service", "attach", "c1", "web.prod");
  assert.deepEqual(await asked(host, "asker", "c1.web"), [before]);
  await host.fails(1, /2 backends: .*detach them first/, ...[
    "service",
    "update",
    "--mode",
    "single",
  ], "web.prod");
  await host.fails(1, /backs it; detach it first/, "service", "unpublish", "web.prod");
  await host.ok("service", "unpublish", "-f", "web.prod");
  assert.deepEqual(await asked(host, "asker", "tasks.web"), []);
  await host.ok("network", "rm", "-f", "prod");
});

const SERVER = `
import http.server, socket, sys
class Server(http.server.ThreadingHTTPServer):
    address_family = socket.AF_INET6
    request_queue_size = 100
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = (sys.argv[1] + " " + self.client_address[0].removeprefix("::ffff:")).encode()
        self.send_response(200); self.send_header("Content-Length", str(len(body)))
        self.end_headers(); self.wfile.write(body)
    def log_message(self, *args): pass
Server(("::", 8080), Handler).serve_forever()
`;

/** Who answers at an address, and whom they see: one connection each time, from a container, a path, or the host. */
async function answers(host: TestHost, container: string | undefined, url: string, times = 1) {
  const script = `
import urllib.request
for _ in range(${times}):
    print(urllib.request.urlopen("${url}", timeout=5).read().decode())`;
  const argv = ["python3", "-c", script];
  const namespace = container === undefined
    ? host.namespace.path
    : container.startsWith("/")
    ? container
    : await host.sandbox(container);
  const { code, stdout, stderr } = await run(argv, { namespace });
  return code === 0 ? stdout.trim().split("\n").map((line) => line.split(" ")) : [[stderr]];
}

Deno.test("vip: connections to the address go to the backends, from where they begin", async () => {
  await using host = await TestHost.create();
  await host.ok(
    ...[
      "network",
      "create",
      "--subnet",
      "10.7.0.0/24",
      "--subnet",
      "fd00:7::/64",
      "--ipv6",
      "prod",
    ],
  );
  await host.ok(
    ...["service", "publish", "--mode", "vip", "--ip", "10.7.0.9", "--ip", "fd00:7::9"],
    ...["--port", "http:80:8080", "web.prod"],
  );
  for (const name of ["c1", "c2"]) {
    await host.ok("run", "-d", "--name", name, "--", "python3", "-c", SERVER, name);
    await host.ok("service", "attach", name, "web.prod");
  }
  await host.ok("container", "create", "--net", "prod", "asker");
  const [own] = await asked(host, "asker", "asker");
  for (const name of ["c1", "c2"]) {
    const [address] = await asked(host, "asker", `${name}.web`);
    await until(
      "it serves",
      async () => (await answers(host, "asker", `http://${address}:8080/`))[0]![0] === name,
    );
  }
  assert.deepEqual(await asked(host, "asker", "web"), ["10.7.0.9"]);
  assert.deepEqual(await asked(host, "asker", "web.prod", "AAAA"), ["fd00:7::9"]);
  for (const url of ["http://10.7.0.9/", "http://[fd00:7::9]/"]) {
    const seen = await answers(host, "asker", url, 60);
    assert.deepEqual([...new Set(seen.map(([name]) => name))].sort(), ["c1", "c2"], url);
    if (!url.includes("[")) assert.deepEqual([...new Set(seen.map(([, client]) => client))], [own]);
  }
  for (const container of ["c1", undefined]) {
    const names = (await answers(host, container, "http://10.7.0.9/", 60)).map(([name]) => name);
    assert.deepEqual([...new Set(names)].sort(), ["c1", "c2"], `from ${container ?? "the host"}`);
  }
  assert.match((await answers(host, "asker", "http://10.7.0.9:81/"))[0]![0]!, /refused/i);
  assert.ok(await pings(host, "asker", "web"));

  // Rules are the kernel's: they hold while no daemon runs.
  const path = await host.sandbox("asker");
  await host.stop("SIGKILL");
  const away = await answers(host, path, "http://10.7.0.9/", 20);
  assert.ok(away.every(([name]) => name === "c1" || name === "c2"), JSON.stringify(away));
  await host.start();
  await host.ok("service", "detach", "c2", "web.prod");
  const left = await answers(host, "asker", "http://10.7.0.9/", 20);
  assert.deepEqual([...new Set(left.map(([name]) => name))], ["c1"]);
  await host.ok("service", "update", "--drain", "c1", "web.prod");
  assert.match((await answers(host, "asker", "http://10.7.0.9/"))[0]![0]!, /refused/i);
  await host.ok("service", "update", "--activate", "c1", "--port", "81:8080", "web.prod");
  assert.equal((await answers(host, "asker", "http://10.7.0.9:81/"))[0]![0], "c1");
  await host.ok("service", "unpublish", "-f", "web.prod");
  const tables = (await host.inside("asker", ["nft", "list", "tables"])).stdout;
  assert.doesNotMatch(tables, /netsvc_services/);
});
