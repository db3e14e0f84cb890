import assert from "node:assert/strict";
import fixture from "../fixtures/form_1.json" with { type: "json" };
import type { Service } from "../../lib/api/types.ts";
import { backToForm1Locally, writeLocal } from "../harness/form_1.ts";
import { run, spawn } from "../harness/command.ts";
import { TestHost } from "../harness/host.ts";

/** What stays of a service when its backend is gone with a reboot. */
function kept({ id, name, addresses, mac, aliases, ports }: Service) {
  return { id, name, addresses, mac, aliases, ports };
}

const services = async (host: TestHost): Promise<Service[]> =>
  JSON.parse(await host.ok("service", "ls", "--format", "json"));

Deno.test("a daemon starts from the store of an older one: names, addresses and MACs are as before", async () => {
  await using host = await TestHost.create({ stopped: true });
  await writeLocal(host.stateDir, fixture.local.entries);
  await host.namespace.ip(
    "link add name u0 type bridge",
    "addr add 10.99.0.1/24 dev u0",
    "link set dev u0 up",
  );
  await host.start();
  // Nothing of it runs on this machine: it is as after a reboot.
  const before = (fixture.local.shown.services as unknown as Service[])
    .filter(({ auto }) => !auto).map(kept);
  assert.deepEqual((await services(host)).filter(({ auto }) => !auto).map(kept), before);
  const networks = JSON.parse(await host.ok("network", "ls", "--format", "json")) as {
    id: string;
    name: string;
  }[];
  const names = (all: { id: string; name: string }[]) =>
    all.map(({ id, name }) => [name, id]).sort();
  assert.deepEqual(names(networks), names(fixture.local.shown.networks));
  // Who comes back under the name of a retired service gets its address; a container's name is its own.
  const gone = fixture.local.entries.find(({ key }) => /^retired\/.*\/gone$/.test(key))!;
  await host.ok("service", "publish", "gone.foo");
  const back = (await services(host)).find(({ name }) => name === "gone")!;
  assert.deepEqual(back.addresses, JSON.parse(gone.value).addresses);
  assert.match(
    (await host.run(["service", "publish", "--ip", "10.1.0.50", "other.foo"])).stderr,
    /10\.1\.0\.50 is already in use/,
  );
  assert.match((await host.run(["container", "create", "box"])).stderr, /"box" already exists/);
  await host.ok("container", "create", "--net", "foo", "new");
  await host.ok("service", "attach", "new", "db.foo");
  await host.ok("run", "--rm", "--net", "foo", "--", "ping", "-c1", "-W2", "database");
  // Once more: nothing is left to migrate.
  await host.stop("SIGKILL");
  await host.start();
  assert.ok((await services(host)).some(({ name, backend }) => name === "db" && backend));
});

Deno.test("a daemon that is upgraded in place cuts nothing of its running containers", async () => {
  await using host = await TestHost.create();
  await host.ok("network", "create", "--ipv6", "foo");
  await host.ok("service", "publish", "--alias", "database", "db.foo");
  await host.ok("container", "create", "--net", "foo", "one");
  await host.ok(..."run -d --name two --net foo -p 8081:80 -- sleep 1000".split(" "));
  await host.ok("service", "attach", "two", "db.foo");
  const shown = await services(host);
  const links = await host.links();
  const { addresses } = shown.find(({ name }) => name === "db")!;
  const sandbox = await host.sandbox("one");
  using stack = new DisposableStack();
  const pings = addresses.map((address) => {
    const words = ["ping", "-i", "0.1", "-q", address.split("/")[0]!];
    const child = spawn(words, { namespace: sandbox, stdout: "piped" });
    stack.defer(() => {
      try {
        child.kill("SIGKILL");
      } catch {
        // It has ended.
      }
    });
    return child;
  });
  await host.stop("SIGKILL");
  assert.ok(await backToForm1Locally(host.stateDir) >= 3);
  await host.start();
  assert.deepEqual(await services(host), shown);
  assert.deepEqual(await host.links(), links);
  const resolved = await run(
    ["dig", "+short", "+time=2", "@127.0.0.11", "database"],
    { namespace: sandbox },
  );
  assert.equal(resolved.stdout.trim(), addresses[0]!.split("/")[0]);
  for (const child of pings) child.kill("SIGINT");
  for (const child of pings) {
    const text = new TextDecoder().decode((await child.output()).stdout);
    assert.match(text, / 0% packet loss/, text);
  }
  await host.ok("service", "detach", "two", "db.foo");
  await host.ok("container", "rm", "-f", "one", "two");
});
