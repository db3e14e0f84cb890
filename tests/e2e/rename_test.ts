import assert from "node:assert/strict";
import { TestHost } from "../harness/host.ts";

Deno.test("container rename: the container, and the service that it is, under another name", async () => {
  await using host = await TestHost.create();
  await host.ok("network", "create", "foo");
  await host.ok("run", "-d", "--name", "old", "--net", "foo", "--", "sleep", "1000");
  await host.ok("service", "publish", "db.foo");
  await host.ok("service", "attach", "old", "db.foo");
  await host.ok("run", "-d", "--name", "asker", "--net", "foo", "--", "sleep", "1000");
  const asks = async (name: string) =>
    (await host.run(["exec", "asker", "--", "getent", "ahostsv4", name])).stdout.split(/\s/)[0];
  const address = await asks("old");
  assert.match(address!, /^172\./);

  assert.equal(await host.ok("container", "rename", "old", "new"), "");
  assert.equal(await asks("new"), address);
  assert.equal(await asks("old"), "");
  assert.equal(
    await host.ok("service", "ls", "--net", "foo", "--format", "{{.Name}} {{.Provider}}"),
    "new new\ndb new\nasker asker",
  );
  assert.match(await host.ok("container", "info", "new"), /^Name: new$/m);
  await host.fails(1, /No such container: "old"/, "container", "info", "old");

  // In another case it is the same name; what is another's is refused, and changes nothing.
  await host.ok("container", "rename", "new", "New");
  assert.match(await host.ok("ps"), / New {2}/);
  await host.ok("service", "publish", "taken.foo");
  const before = await host.ok("service", "ls", "--no-trunc");
  await host.fails(
    1,
    /container "Asker" already exists as "asker"/,
    "container",
    "rename",
    "new",
    "Asker",
  );
  await host.fails(1, /service "taken\.foo" already exists/, "container", "rename", "new", "taken");
  await host.fails(1, /Invalid container name "a b"/, "container", "rename", "new", "a b");
  await host.fails(1, /No such container: "nobody"/, "container", "rename", "nobody", "x");
  assert.equal(await host.ok("service", "ls", "--no-trunc"), before);

  // The old name is free, and a restarted daemon knows the new one.
  await host.ok("container", "create", "old");
  await host.stop("SIGKILL");
  await host.start();
  assert.equal(await asks("new"), address);
  assert.equal(await host.ok("container", "rm", "-f", "new", "old"), "New\nold");
});
