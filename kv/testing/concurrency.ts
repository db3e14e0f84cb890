/**
 * Conformance: many writers at once lose no update and never hold one lock together.
 *
 * @module
 */
import assert from "node:assert/strict";
import type { Store } from "../store.ts";
import { type Cases, committed, put } from "./case.ts";

const WORKERS = 8;
const ROUNDS = 25;

/** Cases with concurrent writers, over two clients where there can be two. */
export const concurrency: Cases = {
  "a counter loses no update": async ({ store, peer }) => {
    const stores = [store, await peer()];
    await put(store, "c/counter", "0");
    const increment = async (own: Store) => {
      for (;;) {
        const entry = (await own.get("c/counter"))!;
        const { ok } = await own.commit({
          checks: [{ key: "c/counter", revision: entry.revision }],
          puts: [{ key: "c/counter", value: `${Number(entry.value) + 1}` }],
        });
        if (ok) return;
      }
    };
    await Promise.all(Array.from({ length: WORKERS }, async (_, worker) => {
      for (let i = 0; i < ROUNDS; i++) await increment(stores[worker % 2]!);
    }));
    assert.equal((await store.get("c/counter"))?.value, `${WORKERS * ROUNDS}`);
  },

  "a lock has one holder": async ({ store, peer }) => {
    const stores = [store, await peer()];
    let inside = 0;
    let entered = 0;
    await Promise.all(Array.from({ length: WORKERS }, async (_, worker) => {
      const own = stores[worker % 2]!;
      for (let mine = 0; mine < 10;) {
        const taken = await own.commit({
          checks: [{ key: "c/lock", revision: null }],
          puts: [{ key: "c/lock", value: `${worker}` }],
        });
        if (!taken.ok) continue;
        assert.equal(++inside, 1, "two hold the lock");
        await own.get("c/lock");
        entered++;
        mine++;
        inside--;
        committed(
          await own.commit({
            checks: [{ key: "c/lock", revision: taken.revision }],
            deletes: ["c/lock"],
          }),
        );
      }
    }));
    assert.equal(entered, WORKERS * 10);
  },

  "of many that create one key exactly one succeeds": async ({ store, peer }) => {
    const stores = [store, await peer()];
    for (let round = 0; round < 10; round++) {
      const results = await Promise.all(
        Array.from({ length: WORKERS }, (_, worker) =>
          stores[worker % 2]!.commit({
            checks: [{ key: `c/name/${round}`, revision: null }],
            puts: [
              { key: `c/name/${round}`, value: `${worker}` },
              { key: `c/object/${round}/${worker}`, value: "1" },
            ],
          })),
      );
      const winners = results.flatMap(({ ok }, worker) => ok ? [worker] : []);
      assert.equal(winners.length, 1);
      assert.equal((await store.get(`c/name/${round}`))?.value, `${winners[0]}`);
      const objects = await store.list(`c/object/${round}/`);
      assert.deepEqual(objects.map(({ key }) => key), [`c/object/${round}/${winners[0]}`]);
    }
  },
};
