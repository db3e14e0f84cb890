import assert from "node:assert/strict";
import { isOwnName, linkAlias, linkMac, vethName } from "./names.ts";

const ID = "0123456789abcdef".repeat(4);

Deno.test("names of links fit the kernel (IFNAMSIZ, 15 characters) and are known again", () => {
  assert.equal(vethName(ID), "nsv0123456789ab");
  assert.equal(vethName(ID).length, 15);
  assert.equal(isOwnName(vethName(ID)), true);
  for (const name of ["eth0", "docker0", "ns0", "veth12"]) assert.equal(isOwnName(name), false);
});

Deno.test("the MAC of a link is unicast and locally administered (IEEE 802, bits 0 and 1)", () => {
  const first = parseInt(linkMac(ID).slice(0, 2), 16);
  assert.equal(first & 1, 0);
  assert.equal(first & 2, 2);
  assert.match(linkMac(ID), /^([0-9a-f]{2}:){5}[0-9a-f]{2}$/);
  assert.equal(linkAlias(ID), `netsvc:${ID}`);
});
