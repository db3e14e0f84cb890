import assert from "node:assert/strict";
import { checkMtu } from "./mtu.ts";

Deno.test("a small MTU is refused where there is IPv6, which would have no addresses (RFC 8200, 5)", () => {
  assert.throws(() => checkMtu(1279, true), /Invalid option mtu=1279: IPv6 needs at least 1280/);
  checkMtu(1280, true);
  checkMtu(undefined, true);
  checkMtu(576, false);
});
