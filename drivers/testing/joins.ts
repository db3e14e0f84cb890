/**
 * Conformance: sandboxes plugged in and out.
 *
 * @module
 */
import assert from "node:assert/strict";
import { addressOf, type Cases, joinedPair, newJoin } from "./case.ts";

/** Cases of drivers with links. */
export const joins: Cases = {
  "joined sandboxes reach each other, and no longer when one left": async (subject) => {
    const { network, a, b } = await joinedPair(subject);
    assert.ok(await subject.reaches(a.sandbox, addressOf(b)));
    assert.ok(await subject.reaches(b.sandbox, addressOf(a)));
    await subject.driver.leave(network, b);
    assert.equal(await subject.reaches(a.sandbox, addressOf(b)), false);
    await subject.driver.join(network, b);
    assert.ok(await subject.reaches(a.sandbox, addressOf(b)));
  },

  "join() and leave() may be called twice": async (subject) => {
    const { network, a, b } = await joinedPair(subject);
    const { driver } = subject;
    const before = await subject.objects();
    const lost = await subject.lossDuring(a.sandbox, addressOf(b), () => driver.join(network, a));
    assert.equal(lost, 0);
    assert.deepEqual(await subject.objects(), before);
    for (const join of [a, a, b, b]) await driver.leave(network, join);
    await driver.deleteNetwork(network);
    assert.deepEqual(await subject.objects(), []);
  },

  "many joins and leaves at once end as they should": async (subject) => {
    const network = subject.network();
    const { driver } = subject;
    await driver.createNetwork(network);
    const joins = await Promise.all(
      Array.from({ length: 8 }, async (_, i) => newJoin(network, await subject.sandbox(), i + 1)),
    );
    await Promise.all(joins.map((join) => driver.join(network, join)));
    await Promise.all(joins.slice(2).map((join) => driver.leave(network, join)));
    assert.ok(await subject.reaches(joins[0]!.sandbox, addressOf(joins[1]!)));
    await Promise.all([
      ...joins.slice(0, 2).map((join) => driver.leave(network, join)),
      ...joins.slice(2, 4).map((join) => driver.join(network, join)),
    ]);
    assert.ok(await subject.reaches(joins[2]!.sandbox, addressOf(joins[3]!)));
    await Promise.all(joins.slice(2, 4).map((join) => driver.leave(network, join)));
    await driver.deleteNetwork(network);
    assert.deepEqual(await subject.objects(), []);
  },

  "leave() is harmless when the sandbox is gone": async (subject) => {
    const { network, a, b } = await joinedPair(subject);
    await subject.removeSandbox(a.sandbox);
    await subject.removeSandbox(b.sandbox);
    for (const join of [a, b]) await subject.driver.leave(network, join);
    await subject.driver.deleteNetwork(network);
    assert.deepEqual(await subject.objects(), []);
  },

  "leave() of an endpoint that never joined is harmless": async (subject) => {
    const { network, a, b } = await joinedPair(subject);
    const other = newJoin(network, await subject.sandbox(), 3);
    await subject.driver.leave(network, other);
    assert.ok(await subject.reaches(a.sandbox, addressOf(b)));
  },

  "a join that fails leaves nothing, and the next one succeeds": async (subject) => {
    const network = subject.network();
    const { driver } = subject;
    await driver.createNetwork(network);
    const before = await subject.objects();
    const sandbox = await subject.sandbox();
    const nowhere = { id: "f".repeat(64), path: "/run/netsvc-nowhere" };
    const join = newJoin(network, sandbox, 1);
    await assert.rejects(driver.join(network, { ...join, sandbox: nowhere }), { code: "kernel" });
    assert.deepEqual(await subject.objects(), before);
    const other = newJoin(network, await subject.sandbox(), 2);
    await driver.join(network, other);
    await assert.rejects(driver.join(network, { ...join, sandbox: nowhere }));
    await driver.join(network, join);
    assert.ok(await subject.reaches(sandbox, addressOf(other)));
  },

  "an endpoint moves to another sandbox": async (subject) => {
    const { network, a, b } = await joinedPair(subject);
    const moved = { ...b, sandbox: await subject.sandbox() };
    await subject.driver.leave(network, b);
    await subject.driver.join(network, moved);
    assert.ok(await subject.reaches(a.sandbox, addressOf(b)));
    // Even when nobody told that it left.
    const again = { ...b, sandbox: await subject.sandbox() };
    await subject.driver.join(network, again);
    assert.ok(await subject.reaches(again.sandbox, addressOf(a)));
    assert.equal(await subject.reaches(moved.sandbox, addressOf(a)), false);
  },

  "all subnets of a network are on the link": async (subject) => {
    const [network, second] = [subject.network(), subject.network()];
    const wide = { ...network, pools: [...network.pools, ...second.pools] };
    await subject.driver.createNetwork(wide);
    const a = newJoin(network, await subject.sandbox(), 1);
    const b = newJoin(second, await subject.sandbox(), 2);
    for (const join of [a, b]) await subject.driver.join(wide, join);
    assert.ok(await subject.reaches(a.sandbox, addressOf(b)));
    assert.ok(await subject.reaches(b.sandbox, addressOf(a)));
  },
};
