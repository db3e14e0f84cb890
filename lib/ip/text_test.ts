import assert from "node:assert/strict";
import {
  addressBytes,
  addressText,
  bareAddress,
  canonicalAddress,
  canonicalSubnet,
  ipv6Bytes,
  linkLocalOf,
  prefixLength,
  subnetHolds,
} from "./text.ts";

Deno.test("an address and its prefix length", () => {
  assert.equal(bareAddress("10.0.0.2/24"), "10.0.0.2");
  assert.equal(bareAddress("fd00::2"), "fd00::2");
  assert.equal(prefixLength("fd00::2/64"), "64");
});

Deno.test("text as the kernel writes it (RFC 5952)", () => {
  assert.equal(canonicalAddress("FD00:0:0:0:0:0:0:2"), "fd00::2");
  assert.equal(canonicalSubnet("10.1.2.3/16"), "10.1.0.0/16");
  assert.equal(canonicalSubnet("fd00:0:0:1:2::/64"), "fd00:0:0:1::/64");
});

Deno.test("a subnet holds addresses of its own family alone", () => {
  assert.equal(subnetHolds("10.0.0.0/24", "10.0.0.255/24"), true);
  assert.equal(subnetHolds("10.0.0.0/24", "10.0.1.0"), false);
  assert.equal(subnetHolds("fd00::/64", "fd00::1:0:0:1"), true);
  assert.equal(subnetHolds("fd00::/64", "10.0.0.1"), false);
  assert.equal(subnetHolds("0.0.0.0/0", "::1"), false);
});

Deno.test("bytes there and back", () => {
  for (const text of ["10.0.0.2", "fd00::2"]) assert.equal(addressText(addressBytes(text)), text);
  assert.equal(ipv6Bytes("::1").at(-1), 1);
});

Deno.test("the link-local address of a MAC flips its universal bit (RFC 4291, A)", () => {
  assert.equal(linkLocalOf("02:00:00:00:00:77"), "fe80::ff:fe00:77");
});
