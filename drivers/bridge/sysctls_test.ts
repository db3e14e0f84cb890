import assert from "node:assert/strict";
import { Runner } from "../../lib/linux/tools/runner.ts";
import { TestNamespace } from "../../tests/harness/host.ts";
import { forward } from "./sysctls.ts";

Deno.test("forward() looks at a new bridge alone, but at all links where somebody switched them off", async () => {
  await using namespace = await TestNamespace.create("f");
  await using runner = new Runner({ home: namespace.path });
  await namespace.ok(["ip", "link", "add", "u0", "type", "bridge"]);
  await namespace.ok(["ip", "link", "add", "b0", "type", "bridge"]);
  const setting = (link: string) => `net.ipv4.conf.${link}.forwarding`;
  const of = async (link: string) =>
    (await namespace.ok(["sysctl", "-n", setting(link)])).trim() === "1";
  await namespace.ok(["sysctl", "-qw", "net.ipv4.ip_forward=0"]);
  assert.deepEqual(await Promise.all(["default", "u0", "b0"].map(of)), [false, false, false]);

  assert.match(forward(runner, ["ipv4"], { bridge: "b0" }).join(), /\{default,.*u0.*\}/);
  assert.deepEqual(await Promise.all(["default", "u0", "b0"].map(of)), [true, true, true]);

  // What a create needn't look at, since nothing shows that it changed, a reconcile does.
  await namespace.ok(["sysctl", "-qw", `${setting("u0")}=0`]);
  assert.deepEqual(forward(runner, ["ipv4"], { bridge: "b0" }), []);
  assert.equal(await of("u0"), false);
  assert.deepEqual(forward(runner, ["ipv4"]), ["net.ipv4.conf.{u0}.forwarding"]);
  assert.equal(await of("u0"), true);

  // ip_forward sets all of them, `default` too.
  for (const value of [1, 0]) await namespace.ok(["sysctl", "-qw", `net.ipv4.ip_forward=${value}`]);
  assert.match(forward(runner, ["ipv4"], { bridge: "b0" }).join(), /\{default,.*u0.*\}/);
  assert.deepEqual(await Promise.all(["default", "u0", "b0"].map(of)), [true, true, true]);
});
