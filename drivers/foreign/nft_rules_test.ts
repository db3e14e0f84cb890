import assert from "node:assert/strict";
import { type NftListed, readNft } from "./nft_rules.ts";

const chain = (
  family: string,
  table: string,
  name: string,
  hook?: string,
  policy?: string,
): NftListed => ({
  chain: { family, table, name, ...hook && { hook }, ...policy && { policy } },
});
const match = (left: object, right: unknown, op = "==") => ({ match: { op, left, right } });

Deno.test("filters are the chains at the forward hook, in tables that see IP, but netsvc's own", () => {
  const found = readNft([
    chain("inet", "netsvc", "forward", "forward", "accept"),
    chain("ip", "filter", "FORWARD", "forward", "drop"),
    chain("bridge", "x", "forward", "forward", "drop"),
    chain("inet", "fw", "input", "input", "drop"),
    chain("ip6", "netsvc", "forward", "forward"),
  ]);
  assert.deepEqual(found.map(({ family, table, policy }) => [family, table, policy]), [
    ["ip", "filter", "drop"],
    ["ip6", "netsvc", "accept"],
  ]);
});

Deno.test("a rule is what it looks at and what it does; what isn't understood is unknown", () => {
  const rule = (expr: Record<string, unknown>[]): NftListed => ({
    rule: { family: "inet", table: "fw", chain: "forward", expr },
  });
  const [filter] = readNft([
    chain("inet", "fw", "forward", "forward"),
    rule([match({ meta: { key: "iifname" } }, { set: ["eth0", "eth1"] }, "!="), { counter: {} }, {
      accept: null,
    }]),
    rule([match({ payload: { field: "saddr" } }, { prefix: { addr: "fd00::", len: 8 } }), {
      drop: null,
    }]),
    rule([match({ meta: { key: "iifname" } }, "@links"), { jump: { target: "other" } }]),
    rule([match({ ct: { key: "state" } }, ["established"]), { queue: {} }]),
  ]);
  const rules = filter!.chains.get("forward")!;
  assert.deepEqual(rules[0], {
    conditions: [{ on: "in", names: ["eth0", "eth1"], not: true }],
    action: { do: "accept" },
  });
  assert.equal(rules[1]!.conditions[0]!.on, "source");
  assert.equal(rules[1]!.action.do, "drop");
  assert.deepEqual(rules[2], {
    conditions: [{ on: "unknown" }],
    action: { do: "jump", chain: "other" },
  });
  assert.deepEqual(rules[3], {
    conditions: [{ on: "state", states: ["established"] }],
    action: { do: "unknown" },
  });
});
