import assert from "node:assert/strict";
import { commandLine } from "../../tests/harness/command_line.ts";

const SERVICE = {
  id: "a".repeat(64),
  name: "web",
  network: "prod",
  addresses: [],
  aliases: [],
  ports: [],
  labels: {},
};

Deno.test("service publish splits the network off its name, and reads ports and aliases", async () => {
  const { asked, stdout, code } = await commandLine(
    ["service", "publish", "--alias", "www", "web.prod"],
    () => SERVICE,
  );
  assert.equal(code, 0);
  assert.equal(stdout, `${SERVICE.id}\n`);
  assert.equal(asked[0]!.what, "POST /services");
  const { name, network, aliases } = asked[0]!.body as Record<string, unknown>;
  assert.deepEqual({ name, network }, { name: "web", network: "prod" });
  assert.ok(JSON.stringify(aliases).includes("www"));
});

Deno.test("service attach names the service in the path and the container in the body", async () => {
  const { asked, code } = await commandLine(
    ["service", "attach", "docker:c1", "web.prod"],
    () => SERVICE,
  );
  assert.equal(code, 0);
  assert.equal(asked[0]!.what, "POST /services/web.prod/attach");
  assert.equal((asked[0]!.body as { container: string }).container, "docker:c1");
});

Deno.test("service detach without a word says what it needs", async () => {
  const { asked, stderr, code } = await commandLine(["service", "detach"], () => SERVICE);
  assert.deepEqual(asked, []);
  assert.equal(code, 2);
  assert.match(stderr, /see 'netsvc service detach --help'/);
});

Deno.test("service unpublish takes several, by force if told", async () => {
  const { asked } = await commandLine(
    ["service", "rm", "-f", "a.x", "b.x"],
    () => ({ name: "x", cut: ["c from a.x"] }),
  );
  assert.deepEqual(asked.map(({ what }) => what), [
    "DELETE /services/a.x?force=true",
    "DELETE /services/b.x?force=true",
  ]);
});
