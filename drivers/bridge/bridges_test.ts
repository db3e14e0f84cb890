import assert from "node:assert/strict";
import { isBridgeOf } from "./bridges.ts";

Deno.test("isBridgeOf() knows a bridge by its alias, and one that a crash left by its name", () => {
  const id = "0123456789ab".padEnd(64, "c");
  const bridge = { info_kind: "bridge" };
  const cases: [Parameters<typeof isBridgeOf>[1], boolean][] = [
    [{ ifname: "lan", ifalias: `netsvc:${id}`, linkinfo: bridge }, true],
    [{ ifname: "nsb0123456789ab", linkinfo: bridge }, true],
    [{ ifname: "nsb0123456789ab", ifalias: "netsvc:other", linkinfo: bridge }, false],
    [{ ifname: "nsb0123456789ab", linkinfo: { info_kind: "dummy" } }, false],
    [{ ifname: "lan", linkinfo: bridge }, false],
  ];
  for (const [link, expected] of cases) assert.equal(isBridgeOf({ id }, link), expected);
});
