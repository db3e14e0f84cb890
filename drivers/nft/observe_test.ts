import assert from "node:assert/strict";
import { readTable } from "./observe.ts";
import type { TableSpec } from "./table.ts";

const SPEC = {
  family: "inet",
  name: "t",
  sets: { links: "type ifname", pairs: "type ifname . ipv4_addr" },
  maps: {},
  quoted: ["links", "pairs"],
  chains: { forward: { header: "", rules: ["accept", "drop"] } },
} as unknown as TableSpec;
const chain = { chain: { name: "forward" } };
const rule = { rule: { chain: "forward" } };
const sets = [{ set: { name: "links", elem: ["eth0"] } }, {
  set: { name: "pairs", elem: [{ concat: ["eth0", "10.0.0.1"] }] },
}];

Deno.test("elements are read in nft's own syntax, names of links in quotes", () => {
  const elements = readTable(SPEC, [...sets, chain, rule, rule])!;
  assert.deepEqual([...elements.links!], [`"eth0"`]);
  assert.deepEqual([...elements.pairs!], [`"eth0" . 10.0.0.1`]);
});

Deno.test("a table that lacks something, or has a foreign set, or rules that aren't ours, is replaced", () => {
  assert.equal(readTable(SPEC, [...sets, chain, rule]), undefined);
  assert.equal(readTable(SPEC, [...sets, chain, rule, rule, rule]), undefined);
  assert.equal(readTable(SPEC, [sets[0]!, chain, rule, rule]), undefined);
  assert.equal(
    readTable(SPEC, [...sets, { set: { name: "foreign" } }, chain, rule, rule]),
    undefined,
  );
});
