import assert from "node:assert/strict";
import { openLocalStore } from "../../../kv/local/local_store.ts";
import type { Store } from "../../../kv/store.ts";
import { Tokens } from "./tokens.ts";

const HOUR = 3_600_000;

async function withTokens(
  test: (tokens: Tokens, store: Store, clock: { now: number }) => Promise<void>,
) {
  const directory = await Deno.makeTempDir({ prefix: "netsvc-test-" });
  const store = await openLocalStore(directory);
  const clock = { now: 1_000_000 };
  try {
    await test(new Tokens(store, () => clock.now), store, clock);
  } finally {
    await store[Symbol.asyncDispose]();
    await Deno.remove(directory, { recursive: true });
  }
}

const UNAUTHORIZED = { code: "unauthorized" as const };

Deno.test("a token is good for its uses, and until it ends", () =>
  withTokens(async (tokens, store, clock) => {
    const { secret, record: { id } } = await tokens.create({ ttl: HOUR, uses: 2 });
    for (let use = 0; use < 2; use++) {
      const { check, put } = await tokens.spend({ id, secret });
      assert.ok((await store.commit({ checks: [check], puts: [put] })).ok);
    }
    await assert.rejects(tokens.spend({ id, secret }), UNAUTHORIZED);
    assert.deepEqual(await tokens.list(), []);
    const next = await tokens.create({ ttl: HOUR, uses: 1 });
    clock.now += HOUR;
    await assert.rejects(tokens.spend({ id: next.record.id, secret: next.secret }), UNAUTHORIZED);
  }));

Deno.test("of two that spend the last use at once one does", () =>
  withTokens(async (tokens, store) => {
    const { secret, record: { id } } = await tokens.create({ ttl: HOUR, uses: 1 });
    const both = await Promise.all([1, 2].map(() => tokens.spend({ id, secret })));
    const done = await Promise.all(
      both.map(({ check, put }) => store.commit({ checks: [check], puts: [put] })),
    );
    assert.equal(done.filter(({ ok }) => ok).length, 1);
  }));

Deno.test("another secret, another id, a removed token: none is good, and all are told alike", () =>
  withTokens(async (tokens, store) => {
    const a = await tokens.create({ ttl: HOUR, uses: 1 });
    const b = await tokens.create({ ttl: HOUR, uses: 1 });
    const said = new Set<string>();
    const refused = async (id: string, secret: string) => {
      await assert.rejects(tokens.spend({ id, secret }), (error: Error & { code: string }) => {
        said.add(`${error.code} ${error.message}`);
        return true;
      });
    };
    await refused(a.record.id, b.secret);
    await refused("0".repeat(16), a.secret);
    await tokens.remove(a.record.id.slice(0, 6));
    await refused(a.record.id, a.secret);
    assert.equal(said.size, 1);
    const text = JSON.stringify(await store.list(""));
    assert.ok(!text.includes(b.secret), "the store has a hash alone");
    await assert.rejects(tokens.remove("nothing"), { code: "not_found" });
    await assert.rejects(tokens.remove(""), { code: "not_found" });
  }));

Deno.test("what has ended goes away with the next one", () =>
  withTokens(async (tokens, store, clock) => {
    for (let i = 0; i < 40; i++) await tokens.create({ ttl: HOUR, uses: 1 });
    clock.now += HOUR;
    await tokens.create({ ttl: HOUR, uses: 1 });
    assert.equal((await store.list("tokens/")).length, 1);
  }));
