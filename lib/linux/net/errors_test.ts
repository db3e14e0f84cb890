import assert from "node:assert/strict";
import { TestNamespace } from "../../../tests/harness/host.ts";
import { Runner } from "../tools/runner.ts";
import { ToolError } from "../tools/tool_error.ts";
import { type Errno, errnoOf } from "./errors.ts";
import type { NetOp } from "./ops.ts";

const bridge: NetOp = { op: "addLink", name: "b", kind: { type: "bridge" } };
const tunnel = (name: string): NetOp => (
  { op: "addLink", name, kind: { type: "vxlan", vni: 7, port: 4789 } }
);

/** What the kernel of this host answers, through the tools that this host has. */
const REFUSALS: [string, NetOp[], Errno][] = [
  ["a link twice", [bridge, bridge], "EEXIST"],
  ["a VNI twice", [tunnel("x"), tunnel("y")], "EEXIST"],
  ["a link that isn't there", [{ op: "setLink", link: "none", up: true }], "ENODEV"],
  ["deleting a link that isn't there", [{ op: "deleteLink", link: "none" }], "ENODEV"],
  ["a master that isn't there", [bridge, { op: "setLink", link: "b", master: "none" }], "ENODEV"],
  ["deleting loopback", [{ op: "deleteLink", link: "lo" }], "EOPNOTSUPP"],
  [
    "an entry that isn't there",
    [tunnel("x"), { op: "deleteForward", link: "x", mac: "02:00:00:00:00:01", vtep: "192.0.2.1" }],
    "ENOENT",
  ],
  [
    "a neighbour that isn't there",
    [bridge, { op: "deleteNeighbour", link: "b", address: "10.0.0.1" }],
    "ENOENT",
  ],
  [
    "the port of another program",
    [tunnel("x"), { op: "setLink", link: "x", up: true }],
    "EADDRINUSE",
  ],
];

Deno.test("a refusal of the kernel is its errno, whichever tool says so in whichever words", async () => {
  for (const [what, ops, errno] of REFUSALS) {
    await using home = await TestNamespace.create("e");
    await using runner = new Runner({ home: home.path, keep: true });
    await runner.apply([{ op: "setLink", link: "lo", up: true }]);
    await using stack = new AsyncDisposableStack();
    if (errno === "EADDRINUSE") {
      const other = runner.within(
        undefined,
        () => Deno.listenDatagram({ transport: "udp", hostname: "0.0.0.0", port: 4789 }),
      );
      stack.defer(() => other.close());
    }
    await assert.rejects(runner.apply(ops), (error: ToolError) => {
      assert.ok(error instanceof ToolError, what);
      assert.equal(error.errno, errno, `${what}: ${error.message}`);
      return true;
    });
  }
});

Deno.test("nft's refusals are known, too", async () => {
  await using home = await TestNamespace.create("e");
  await using runner = new Runner({ home: home.path });
  await assert.rejects(runner.nft("delete table inet none"), { errno: "ENOENT" });
  await runner.nft("add table inet t");
  await assert.rejects(runner.nft("create table inet t"), { errno: "EEXIST" });
});

Deno.test("errnoOf() takes the first of several errors, and knows what it doesn't know", () => {
  assert.equal(errnoOf('RTNETLINK answers: File exists\nCannot find device "x"\n'), "EEXIST");
  assert.equal(errnoOf('Cannot find device "x"\nRTNETLINK answers: File exists\n'), "ENODEV");
  assert.equal(errnoOf('Error: argument "x" is wrong: invalid MTU'), undefined);
  assert.equal(errnoOf(""), undefined);
});
