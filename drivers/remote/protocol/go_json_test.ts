import assert from "node:assert/strict";
import { z } from "zod";
import { goObject } from "./go_json.ts";

const SCHEMA = goObject({ SrcName: z.string(), Gateway: z.string().optional() });

Deno.test("names of fields are read in any case, null is nothing, and others are passed over", () => {
  assert.deepEqual(SCHEMA.parse({ srcname: "a", GATEWAY: null, other: 1 }), { SrcName: "a" });
});

Deno.test("what is no object is none", () => {
  for (const value of [null, [], "x", 1, undefined]) {
    assert.equal(SCHEMA.safeParse(value).success, false);
  }
  assert.equal(SCHEMA.safeParse(JSON.parse(`{"__proto__": {"SrcName": "a"}}`)).success, false);
});
