/**
 * Conformance: the kernel compared with what should be.
 *
 * @module
 */
import assert from "node:assert/strict";
import { addressOf, type Cases, joinedPair, newJoin } from "./case.ts";

/** Cases of `reconcile()` of drivers with links. */
export const reconcile: Cases = {
  "a new driver adopts what is there without losing a packet": async (subject) => {
    const { a, b, ...desired } = await joinedPair(subject);
    const before = await subject.objects();
    const lost = await subject.lossDuring(a.sandbox, addressOf(b), async () => {
      await subject.restart();
      for (let i = 0; i < 2; i++) {
        const report = await subject.driver.reconcile([desired]);
        assert.deepEqual({ ...report, mended: report.mended.filter((m) => !/nftables/.test(m)) }, {
          mended: [],
          removed: [],
          failed: [],
        });
      }
    });
    assert.equal(lost, 0);
    assert.deepEqual(await subject.objects(), before);
    await subject.driver.leave(desired.network, a);
    await subject.driver.leave(desired.network, b);
    await subject.driver.deleteNetwork(desired.network);
    assert.deepEqual(await subject.objects(), []);
  },

  "reconcile() mends whatever was removed by hand": async (subject) => {
    const { a, b, ...desired } = await joinedPair(subject);
    const before = await subject.objects();
    for (const object of before) {
      await subject.destroy(object);
      const report = await subject.driver.reconcile([desired]);
      assert.deepEqual(report.failed, [], object);
      assert.ok(report.mended.length > 0, object);
      assert.deepEqual(await subject.objects(), before, object);
      assert.ok(await subject.reaches(a.sandbox, addressOf(b)), object);
    }
    assert.deepEqual(await subject.driver.reconcile([desired]), {
      mended: [],
      removed: [],
      failed: [],
    });
  },

  "join() mends what was removed by hand": async (subject) => {
    const { network, a, b } = await joinedPair(subject);
    for (const join of [a, b]) {
      await subject.removeSandbox(join.sandbox);
      const moved = { ...join, sandbox: await subject.sandbox() };
      Object.assign(join, moved);
      await subject.driver.join(network, join);
    }
    assert.ok(await subject.reaches(a.sandbox, addressOf(b)));
  },

  "reconcile() removes what nobody wants any more": async (subject) => {
    const gone = await joinedPair(subject);
    const { a, b, ...kept } = await joinedPair(subject);
    const third = newJoin(kept.network, await subject.sandbox(), 3);
    const before = await subject.objects();
    await subject.driver.join(kept.network, third);
    await subject.restart();
    const report = await subject.driver.reconcile([kept]);
    assert.deepEqual(report.failed, []);
    assert.ok(report.removed.length > 0);
    assert.equal(await subject.reaches(gone.a.sandbox, addressOf(gone.b)), false);
    assert.ok(await subject.reaches(a.sandbox, addressOf(b)));
    assert.equal(await subject.reaches(a.sandbox, addressOf(third)), false);
    const after = await subject.objects();
    assert.ok(after.length < before.length && after.every((object) => before.includes(object)));
    await subject.driver.reconcile([]);
    assert.deepEqual(await subject.objects(), []);
  },

  "reconcile() joins what isn't joined": async (subject) => {
    const network = subject.network();
    const a = newJoin(network, await subject.sandbox(), 1);
    const b = newJoin(network, await subject.sandbox(), 2);
    const report = await subject.driver.reconcile([{ network, joins: [a, b], peers: [] }]);
    assert.deepEqual(report.failed, []);
    assert.ok(await subject.reaches(a.sandbox, addressOf(b)));
  },

  "reconcile() goes on past what can't be mended": async (subject) => {
    const { a, b, ...desired } = await joinedPair(subject);
    await subject.removeSandbox(a.sandbox);
    const third = newJoin(desired.network, await subject.sandbox(), 3);
    const joins = [a, b, third];
    const report = await subject.driver.reconcile([{ ...desired, joins }]);
    assert.equal(report.failed.length, 1);
    assert.ok(await subject.reaches(third.sandbox, addressOf(b)));
  },

  "a daemon that was killed before it could leave is no trouble": async (subject) => {
    const { network, a, b } = await joinedPair(subject);
    await subject.restart();
    await subject.driver.leave(network, a);
    await subject.driver.leave(network, b);
    await subject.driver.deleteNetwork(network);
    assert.deepEqual(await subject.objects(), []);
  },
};
