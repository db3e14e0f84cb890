import assert from "node:assert/strict";
import { bridgeOptions } from "./options.ts";

const ID = "0123456789ab".padEnd(64, "0");
const of = (options: Record<string, string> = {}, ipv6 = false) =>
  bridgeOptions({ id: ID, options, ipv6 });

Deno.test("a bridge is open to the host, hides nobody and hears no lies, unless told", () => {
  assert.deepEqual(of(), {
    name: "nsb0123456789ab",
    mtu: 1500,
    isolation: true,
    icc: true,
    masquerade: true,
    hostIp: undefined,
    hostAccess: "allow",
    spoofing: false,
  });
  assert.equal(of({ spoofing: "allow" }).spoofing, true);
  assert.equal(of({ "com.docker.network.bridge.enable_icc": "false" }).icc, false);
});

Deno.test("a bridge's name is one that every tool takes for a name", () => {
  assert.equal(of({ name: "br-x.1" }).name, "br-x.1");
  for (const name of ["", ".", "..", "-a", "a b", "a/b", "a".repeat(16), "a;b", "ä"]) {
    assert.throws(() => of({ name }), /Invalid option name=/, name);
  }
});

Deno.test("a network with IPv6 has an MTU that IPv6 can live with", () => {
  assert.throws(() => of({ mtu: "1000" }, true), /IPv6 needs at least 1280/);
  assert.equal(of({ mtu: "1000" }).mtu, 1000);
});
