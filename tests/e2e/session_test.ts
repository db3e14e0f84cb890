import assert from "node:assert/strict";
import { TestHost } from "../harness/host.ts";

const ID = /^[0-9a-f]{64}$/;

/** Rows of a table, without the header. */
function rows(table: string): string[][] {
  return table.split("\n").slice(1).map((line) => line.split(/\s{2,}/));
}

Deno.test("the session of the manual works as typed", async () => {
  await using host = await TestHost.create();
  const networks = await host.ok("network", "ls");
  assert.match(networks, /^NETWORK ID {10}NAME {16}TYPE {16}SUBNET +INTERNAL +SERVICES\n/);
  assert.deepEqual(rows(networks).map(([, name, type]) => [name, type]), [
    ["none", "null"],
    ["host", "host"],
    ["bridge", "bridge"],
  ]);
  const foo = await host.ok("network", "create", "foo");
  assert.match(foo, ID);
  const service = await host.ok("service", "publish", "my-service.foo");
  assert.match(service, ID);
  assert.match(await host.ok("container", "create", "web"), ID);
  assert.equal(await host.ok("service", "attach", "web", "my-service.foo"), "");
  const services = await host.ok("service", "ls");
  assert.match(services, /^SERVICE ID {10}NAME {16}NETWORK {13}PROVIDER {12}ADDRESS +PORTS\n/);
  assert.deepEqual(rows(services).map((row) => row.slice(0, 4)), [
    [service.slice(0, 12), "my-service", "foo", "web"],
  ]);
  const ping = await host.run(["run", "--rm", "--net", "foo", "--", "ping", "-c1", "my-service"]);
  assert.equal(ping.code, 0, ping.stdout + ping.stderr);
  const db = await host.ok(
    ...["run", "-d", "--name", "db", "--publish-service", "db.foo", "--", "sleep", "1000"],
  );
  assert.match(db, ID);
  assert.deepEqual(
    rows(await host.ok("service", "ls", "--net", "foo")).map((row) => row.slice(1, 4)),
    [["my-service", "foo", "web"], ["db", "foo", "db"]],
  );
  await host.ok("service", "detach", "web", "my-service.foo");
  assert.equal(await host.ok("service", "unpublish", "my-service.foo"), "my-service.foo");
  const info = await host.ok("network", "info", "foo");
  assert.match(info, new RegExp(`^Network Id: ${foo}\nName: foo\nType: bridge\n`));
  assert.match(info, /Name: db\n.*Address: 172\.\d+\.\d+\.\d+\/20\n.*Provider: db/s);
  await host.fails(
    1,
    /^netsvc: Cannot remove network "foo": it has 1 service: db; unpublish it first or use -f$/,
    "network",
    "rm",
    "foo",
  );
  assert.equal(await host.ok("container", "rm", "-f", "db"), "db");
  assert.equal(await host.ok("service", "unpublish", "db.foo"), "db.foo");
  assert.equal(await host.ok("network", "rm", "foo"), "foo");
  assert.equal(await host.ok("container", "rm", "web"), "web");
  assert.equal(await host.ok("service", "ls", "-q"), "");
  assert.equal((await host.links()).length, 1);
});

Deno.test("references: name, full id and unique prefix; ambiguous ones list the candidates", async () => {
  await using host = await TestHost.create();
  const id = await host.ok("network", "create", "foo");
  for (const ref of ["foo", id, id.slice(0, 12), id.slice(0, 6)]) {
    assert.match(await host.ok("network", "info", ref), new RegExp(id));
  }
  // With 17 networks two ids share their first digit.
  const ids = [id];
  for (let i = 0; i < 14; i++) ids.push(await host.ok("network", "create", `n${i}`));
  ids.push(...(await host.ok("network", "ls", "-q", "--no-trunc")).split("\n"));
  const digits = [...new Set(ids)].map(([first]) => first!);
  const shared = digits.find((digit, i) => digits.indexOf(digit) !== i)!;
  await host.fails(
    1,
    new RegExp(`^netsvc: The id prefix "${shared}" fits \\d+ networks: [0-9a-f]{12} \\(`),
    "network",
    "info",
    shared,
  );
  // What begins only one id is none as long as it is so short: a name that isn't there is likelier.
  const beginnings = [...new Set(ids)].map((other) => other.slice(0, 3));
  const short = beginnings.find((one) => beginnings.filter((other) => other === one).length === 1)!;
  await host.fails(
    1,
    new RegExp(`^netsvc: No such network: "${short}"; of an id give at least 4 digits$`),
    ...["network", "rm", "-f", short],
  );
  const service = await host.ok("service", "publish", "db.foo");
  for (const ref of ["db.foo", service, `${service.slice(0, 12)}.foo`, `db.${id.slice(0, 12)}`]) {
    assert.match(await host.ok("service", "info", ref), new RegExp(service));
  }
  await host.ok("service", "publish", "plain");
  assert.match(await host.ok("service", "info", "plain"), /Network: bridge/);
});

Deno.test("listings: -q, --no-trunc, -f, --format, -n, -l", async () => {
  await using host = await TestHost.create();
  const a = await host.ok("network", "create", "--label", "tier=web", "aaa");
  const b = await host.ok("network", "create", "--internal", "bbb");
  assert.equal(await host.ok("network", "ls", "-q", "-f", "name=aaa"), a.slice(0, 12));
  assert.equal(await host.ok("network", "ls", "-q", "--no-trunc", "-f", "label=tier=web"), a);
  assert.equal(await host.ok("network", "ls", "-q", "--no-trunc", "-f", "internal=true"), b);
  assert.equal(await host.ok("network", "ls", "-l", "--format", "{{.Name}}"), "bbb");
  assert.equal(await host.ok("network", "ls", "-n", "2", "--format", "{{.Name}}"), "bbb\naaa");
  assert.equal(
    await host.ok(
      "network",
      "ls",
      "-f",
      "name=aaa",
      "-f",
      "name=bbb",
      "--format",
      "{{upper .Name}}",
    ),
    "AAA\nBBB",
  );
  const json = JSON.parse(await host.ok("network", "ls", "--format", "json"));
  assert.deepEqual(json.map(({ name }: { name: string }) => name), [
    "none",
    "host",
    "bridge",
    "aaa",
    "bbb",
  ]);
  assert.match(
    await host.ok("network", "ls", "--format", "table {{.Name}}\\t{{.ID}}"),
    /^NAME {16}NETWORK ID\n/,
  );
  await host.fails(
    2,
    /Invalid filter "colour=red".*keys: .*name/,
    "network",
    "ls",
    "-f",
    "colour=red",
  );
  await host.fails(2, /Unknown field "\.Nope".*\.Name/, "network", "ls", "--format", "{{.Nope}}");
});
