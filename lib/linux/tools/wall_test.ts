import assert from "node:assert/strict";
import fc from "fast-check";
import { libc } from "../libc.ts";
import type { NetOp } from "../net/ops.ts";
import { Runner } from "./runner.ts";
import { lineOf } from "../net/ip_batch.ts";
import { checkArguments, checkLines, checkScript, checkWords } from "./wall.ts";

libc(); // Loaded once for all tests.

const REFUSED = { code: "internal" as const, message: /^Refused to give (ip|bridge|nft) / };
const MAC = "02:00:00:00:00:01";

Deno.test("lines that are more than one command, or another one, are refused", () => {
  for (
    const line of [
      `neigh replace 10.0.0.1 lladdr ${MAC} dev vxlan0 nud permanent\nvrf exec default sh`,
      `neigh replace 10.0.0.1 lladdr ${MAC}\r`,
      "addr add 10.0.0.1/8 dev eth0\0",
      "vrf exec default id",
      "netns exec x id",
      "netns e x id",
      "  netns exec x id",
      "-batch /etc/passwd",
      "link show -batch /etc/passwd",
      "link set dev eth0 xdp obj /tmp/evil.o",
      "link set dev eth0 xdpgeneric object /tmp/evil.o",
      "route add 10.0.0.0/8 encap bpf in obj /tmp/evil.o dev eth0",
      "link set dev eth0 alias a # comment",
      'link set dev "eth0" up',
      "link set dev eth0 \\",
      "link set dev eth0 up; id",
      "tuntap add dev tap0 mode tap",
      "",
    ]
  ) assert.throws(() => checkLines("ip", [`link set dev lo up`, line]), REFUSED, line);
  assert.throws(() => checkLines("bridge", ["link set dev a exec"]), REFUSED);
  assert.throws(() => checkLines("bridge", ["-n x fdb show"]), REFUSED);
  assert.throws(() => checkArguments("ip", ["addr", "show", "dev", "a\nb"]), REFUSED);
});

Deno.test("nothing gets a second line into a batch, whatever is put in a field", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary-ascii" }), (field) => {
      const line = `neigh replace 10.0.0.1 lladdr ${field} dev vxlan0 nud permanent`;
      try {
        checkLines("ip", [line]);
      } catch {
        return;
      }
      assert.doesNotMatch(line, /[\n\r\0#"'\\]/);
    }),
    { numRuns: 1000 },
  );
});

Deno.test("each text of an operation is one word, whatever is put in it", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary-ascii" }), (mac) => {
      const op: NetOp = {
        op: "addLink",
        name: "v",
        kind: { type: "veth", peer: { name: "w", mac, mtu: 1500 } },
      };
      let line: string;
      try {
        line = lineOf(op);
      } catch (error) {
        assert.throws(() => checkWords("ip", op), REFUSED);
        assert.match(String(error), /Refused to give ip a word/);
        return;
      }
      assert.equal(line.split(/\s/).length, 13);
    }),
    { numRuns: 1000 },
  );
  assert.throws(() => checkWords("ip", { op: "deleteGroup", group: NaN }), REFUSED);
});

Deno.test("scripts of nft that read files, have variables or empty all tables are refused", () => {
  for (
    const script of [
      'include "/etc/passwd"\n',
      'table inet netsvc {}\ninclude "/etc/passwd"',
      'add table inet netsvc; include "/etc/passwd"',
      "define x = 1\n",
      "add element inet netsvc a { $x }",
      "flush ruleset",
      "add element inet netsvc a { 1 }\\\n",
      "add element inet netsvc a { 1 }\0",
      "add element inet netsvc a { 1 }\r\nflush  ruleset",
    ]
  ) assert.throws(() => checkScript(script), REFUSED, script);
  checkScript(
    'table inet netsvc {\n\tset a { type ifname; elements = { "include", "define" } }\n}\n',
  );
});

Deno.test("the runner starts nothing for what is refused", async () => {
  const ran: string[] = [];
  await using runner = new Runner({ onRun: (tool) => ran.push(tool) });
  for (const link of ["lo\nvrf exec default id", "lo up", "exec", "-batch", "", "l#"]) {
    const ops: NetOp[] = [{ op: "setLink", link: "lo" }, { op: "setLink", link }];
    await assert.rejects(() => runner.apply(ops), REFUSED, link);
    await assert.rejects(() => runner.prepare("/proc/self/ns/net").apply(ops), REFUSED, link);
  }
  await assert.rejects(() => runner.apply([{ op: "setForward", link: "a\nb", mac: MAC }]), REFUSED);
  await assert.rejects(() => runner.nft("flush ruleset"), REFUSED);
  await assert.rejects(() => runner.json("ip", ["link", "show", "dev", "a\nb"]), REFUSED);
  await assert.rejects(
    () => runner.run({ tool: "ip", args: ["-batch", "-"], script: "vrf exec default id\n" }),
    REFUSED,
  );
  await assert.rejects(
    () => runner.run({ tool: "bridge", args: ["-batch", "-"], script: "fdb show exec\n" }),
    REFUSED,
  );
  // Those that were spawned before were given nothing.
  assert.deepEqual(ran.filter((tool) => tool !== "ip"), []);
});
