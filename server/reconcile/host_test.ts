import assert from "node:assert/strict";
import { libc } from "../../lib/linux/libc.ts";
import { bootSubject } from "../../tests/harness/boot.ts";
import type { Boot } from "../boot/boot.ts";
import { openHost } from "../boot/open/host.ts";
import { openStores } from "../boot/open/stores.ts";
import { startRounds } from "../boot/rounds.ts";
import { type Parts, wire } from "../boot/wire.ts";
import { keys } from "../model/keys.ts";

libc(); // It stays loaded, whichever test comes first.

/** A daemon after its first round, which serves nothing. */
async function started(boot: Boot): Promise<Parts> {
  const stores = await openStores(boot);
  const parts = await wire(boot, { stores, host: await openHost(boot, stores) });
  await startRounds(boot, parts);
  return parts;
}

Deno.test("a round that finds nothing says nothing", async () => {
  using subject = bootSubject();
  await using boot = await subject.boot();
  const { reconciler, controllers } = await started(boot);
  await controllers.containers.create({ name: "web" });
  const { mended, failed } = await reconciler.run();
  assert.deepEqual({ mended, failed }, { mended: [], failed: [] });
  assert.equal(subject.namespaces.size, 1);
});

Deno.test("a namespace that no container has goes, and one that a container has stays", async () => {
  using subject = bootSubject();
  await using boot = await subject.boot();
  const { reconciler, controllers } = await started(boot);
  const { id } = await controllers.containers.create({ name: "web" });
  const stray = "5".repeat(64);
  subject.namespaces.add(stray);
  const { mended } = await reconciler.run();
  assert.deepEqual(mended, ["Removed the namespace 555555555555, which no container has"]);
  assert.deepEqual([...subject.namespaces], [id]);
});

Deno.test("a container that was only half made goes with the next round, all of it", async () => {
  using subject = bootSubject();
  await using boot = await subject.boot();
  const { reconciler, controllers, context } = await started(boot);
  const { id } = await controllers.containers.create({ name: "web" });
  const stored = context.state.local.get(keys.container(id))!;
  const value = JSON.stringify({ ...JSON.parse(stored.value), creating: true });
  await context.state.local.commit({ puts: [{ key: stored.key, value }] });
  const { mended, failed } = await reconciler.run();
  assert.deepEqual(failed, []);
  assert.match(mended[0]!, /^Removed container [0-9a-f]{12}, which was only half made$/);
  assert.ok(!context.state.containers.has(id));
  assert.equal(subject.namespaces.size, 0);
});

Deno.test("a second caller gets the round under way; a thorough one is a round of its own", async () => {
  using subject = bootSubject();
  await using boot = await subject.boot();
  const { reconciler } = await started(boot);
  const before = subject.calls.length;
  const [one, two] = await Promise.all([reconciler.run(), reconciler.run()]);
  assert.equal(one, two);
  assert.notEqual(await reconciler.runThoroughly(), one);
  assert.deepEqual(subject.calls.slice(before), ["reconcile", "reconcile"]);
});

Deno.test("a driver that fails is told of, and keeps nothing else from being mended", async () => {
  using subject = bootSubject();
  await using boot = await subject.boot();
  const { reconciler } = await started(boot);
  subject.namespaces.add("6".repeat(64));
  subject.on = (call) => {
    if (call === "reconcile") throw new Error("no such tool");
  };
  const { mended, failed } = await reconciler.run();
  assert.equal(mended.length, 1);
  assert.deepEqual(failed, ["Cannot reconcile the driver bridge: no such tool"]);
  subject.on = () => {};
});
