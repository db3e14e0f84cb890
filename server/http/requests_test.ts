import assert from "node:assert/strict";
import { STORE_AWAY_HEADER } from "../../lib/api/headers.ts";
import { apiOf, noting } from "../../tests/harness/app.ts";
import { MAX_BODY } from "./body.ts";

Deno.test("bodies are JSON, of a limited size", async () => {
  const { calls, controller } = noting({ create: { name: "foo" }, missing: [] });
  const ask = apiOf({ networks: controller });
  const text = await ask("POST", "/networks", "name=foo", { "content-type": "text/plain" });
  assert.deepEqual([text.status, text.body.code], [415, "unsupported_media_type"]);
  const large = await ask("POST", "/networks", `{"name": "${"x".repeat(MAX_BODY)}"}`);
  assert.deepEqual([large.status, large.body.code], [413, "too_large"]);
  const broken = await ask("POST", "/networks", `{"name": `);
  assert.deepEqual([broken.status, broken.body.code], [400, "invalid"]);
  const odd = await ask("POST", "/networks", `{"name": {"length": {"valueOf": 1}}}`);
  assert.deepEqual([odd.status, odd.body.code], [400, "invalid"]);
  assert.deepEqual(calls, []);
  const typed = { "content-type": "Application/JSON; charset=utf-8" };
  assert.equal((await ask("POST", "/networks", { name: "foo" }, typed)).status, 201);
});

Deno.test("answers say for how long the store has been away", async () => {
  const store: { away?: number } = {};
  const ask = apiOf({ storeAway: () => store.away });
  const header = async () => (await ask("GET", "/healthz")).headers.get(STORE_AWAY_HEADER);
  assert.equal(await header(), null);
  store.away = 7;
  assert.equal(await header(), "7");
});
