import assert from "node:assert/strict";
import { readIptables } from "./iptables_rules.ts";

Deno.test("no chain FORWARD is no filter", () => {
  assert.equal(readIptables("iptables", ""), undefined);
  assert.equal(readIptables("iptables", "-P INPUT ACCEPT"), undefined);
});

Deno.test("a rule is what it looks at and what it does; what isn't understood is unknown, not harmless", () => {
  const { policy, chains } = readIptables(
    "iptables",
    [
      "-P FORWARD DROP",
      "-N MINE",
      '-A FORWARD ! -i eth0 -s 10.0.0.0/8 -m comment --comment "a \\"b\\" -j DROP" -j ACCEPT',
      "-A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j MINE",
      "-A FORWARD -p tcp -m tcp --dport 80 -g MINE",
      "-A MINE -j NFQUEUE --queue-num 1",
      "-A MINE -o lo -j REJECT --reject-with icmp-port-unreachable",
    ].join("\n"),
  )!;
  assert.equal(policy, "drop");
  const [first, second, third] = chains.get("FORWARD")!;
  assert.deepEqual(first!.conditions[0], { on: "in", names: ["eth0"], not: true });
  assert.equal(first!.conditions[1]!.on, "source");
  assert.deepEqual(first!.action, { do: "accept" });
  assert.deepEqual(second, {
    conditions: [{ on: "state", states: ["related", "established"] }],
    action: { do: "jump", chain: "MINE" },
  });
  assert.ok(third!.conditions.some(({ on }) => on === "unknown"));
  assert.deepEqual(third!.action, { do: "goto", chain: "MINE" });
  assert.deepEqual(chains.get("MINE")!.map(({ action }) => action.do), ["unknown", "drop"]);
});
