import assert from "node:assert/strict";
import type { Join } from "../../../drivers/driver.ts";
import { controllerSubject } from "../../../tests/harness/controllers.ts";

const A = "a".repeat(64);

Deno.test("the next network leads out when the first is left, and one that ranks higher takes over", async () => {
  await using all = await controllerSubject();
  await all.container(A);
  const joins: [string, boolean][] = [];
  const { join, leave } = all.bridge;
  all.bridge.join = (network, spec: Join) => {
    joins.push([network.name, spec.gateway]);
    return join(network, spec);
  };
  all.bridge.leave = (network, spec) => {
    joins.push([`no ${network.name}`, spec.gateway]);
    return leave(network, spec);
  };
  const ids: string[] = [];
  for (const name of ["one", "two", "three"]) {
    await all.networks.create({ name });
    const { id } = await all.services.publish({ name: "web", network: name });
    ids.push(id);
  }
  const attach = (i: number, gwPriority = 0) =>
    all.context.locks.container(A, (held) => all.attachments.attach(held, ids[i]!, { gwPriority }));
  await attach(0);
  await attach(1);
  assert.deepEqual(joins.splice(0), [["one", true], ["two", false]]);
  await attach(2, 7);
  // It is joined, and then made the way out; the one before no longer publishes the ports.
  assert.deepEqual(joins.splice(0).at(-1), ["three", true]);
  assert.ok(all.bridge.calls.includes("unpublish"));
  await all.context.locks.container(
    A,
    (held) => all.attachments.detach(held, ids[2]!, { force: true }),
  );
  const [left, next] = joins.splice(0);
  assert.deepEqual(left, ["no three", true]);
  assert.equal(next![1], true);
  assert.deepEqual(all.order, []);
});
