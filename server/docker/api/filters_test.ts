import assert from "node:assert/strict";
import type { Network } from "../../../lib/api/types.ts";
import { fitsNetwork, fitsPrune, NETWORK_FILTERS, parseFilters, PRUNE_FILTERS } from "./filters.ts";

const NOW = Date.parse("2026-01-01T12:00:00Z");
const network = (changes: Partial<Network> = {}): Network => ({
  id: "ab".repeat(32),
  name: "prod",
  driver: "bridge",
  scope: "local",
  created: "2026-01-01T11:00:00Z",
  internal: false,
  ipv6: false,
  pools: [],
  options: {},
  labels: { team: "blue", empty: "" },
  predefined: false,
  ...changes,
});

/** Whether a network fits filters, given as a client would encode them. */
function fits(filters: Record<string, string[]>, subject = network(), used = false): boolean {
  return fitsNetwork({ ...subject, used }, parseFilters(JSON.stringify(filters), NETWORK_FILTERS));
}

Deno.test("parseFilters() reads both encodings", () => {
  const [current, legacy] = ['{"name":{"a":true,"b":true}}', '{"name":["a","b"]}'].map((text) =>
    parseFilters(text, NETWORK_FILTERS)
  );
  assert.deepEqual(current, new Map([["name", ["a", "b"]]]));
  assert.deepEqual(current, legacy);
  assert.equal(parseFilters(undefined, []).size, 0);
  assert.equal(parseFilters("", []).size, 0);
  assert.equal(parseFilters("{}", []).size, 0);
  for (const wrong of ["x", "[]", "3", "null"]) {
    assert.throws(() => parseFilters(wrong, NETWORK_FILTERS), { code: "invalid" }, wrong);
  }
  assert.throws(() => parseFilters('{"colour":["red"]}', NETWORK_FILTERS), {
    message: "invalid filter 'colour'",
  });
});

Deno.test("fitsNetwork() wants all labels, and one of the other values", () => {
  assert.ok(fits({}));
  assert.ok(fits({ name: ["ro"] }) && fits({ name: ["x", "prod"] }) && !fits({ name: ["x"] }));
  assert.ok(fits({ id: ["abab"] }) && !fits({ id: ["cd"] }));
  assert.ok(fits({ driver: ["bridge"] }) && !fits({ driver: ["brid"] }));
  assert.ok(fits({ scope: ["local"] }) && !fits({ scope: ["global"] }));
  assert.ok(fits({ label: ["team"] }) && fits({ label: ["team=blue", "empty="] }));
  assert.ok(!fits({ label: ["team=blue", "nosuch"] }) && !fits({ label: ["team=red"] }));
  assert.ok(fits({ type: ["custom"] }) && !fits({ type: ["builtin"] }));
  assert.ok(fits({ type: ["builtin"] }, network({ predefined: true })));
  assert.throws(() => fits({ type: ["odd"] }), { message: "invalid filter 'type=odd'" });
});

Deno.test("fitsNetwork() knows dangling networks", () => {
  assert.ok(fits({ dangling: ["true"] }) && !fits({ dangling: ["0"] }));
  assert.ok(!fits({ dangling: ["true"] }, network(), true));
  assert.ok(!fits({ dangling: ["true"] }, network({ predefined: true })));
  assert.throws(() => fits({ dangling: ["perhaps"] }), { code: "invalid" });
});

Deno.test("fitsPrune() goes by age and labels", () => {
  const prune = (filters: Record<string, string[]>) =>
    fitsPrune(network(), parseFilters(JSON.stringify(filters), PRUNE_FILTERS), NOW);
  for (const old of ["30m", "59m59s", "2026-01-01T11:30:00Z", String(NOW / 1000)]) {
    assert.ok(prune({ until: [old] }), old);
  }
  for (const young of ["2h", "1h30m", "2026-01-01T10:00:00Z"]) {
    assert.ok(!prune({ until: [young] }), young);
  }
  for (const wrong of ["", "soon", "5 apples", "1h-"]) {
    assert.throws(() => prune({ until: [wrong] }), { code: "invalid" }, wrong);
  }
  assert.throws(() => prune({ until: ["1h", "2h"] }), { code: "invalid" });
  assert.ok(prune({ label: ["team"] }) && !prune({ label: ["nosuch"] }));
  assert.ok(!prune({ "label!": ["team=blue"] }) && prune({ "label!": ["team=red"] }));
});
