import assert from "node:assert/strict";
import { checkMac, macOf } from "./mac.ts";

Deno.test("checkMac() takes any spelling, and unicast addresses alone", () => {
  assert.equal(checkMac("02-42-AC-11-00-02"), "02:42:ac:11:00:02");
  for (const text of ["", "02:42", "02:42:ac:11:00:02:03", "zz:42:ac:11:00:02"]) {
    assert.throws(() => checkMac(text), { code: "invalid", message: /write it like/ });
  }
  for (const text of ["01:00:5e:00:00:01", "ff:ff:ff:ff:ff:ff", "00:00:00:00:00:00"]) {
    assert.throws(() => checkMac(text), { code: "invalid", message: /unicast/ });
  }
});

Deno.test("macOf() is a locally administered unicast address, the same for the same service", () => {
  const mac = macOf("0123456789abcdef".repeat(4));
  assert.equal(mac, "02:01:23:45:67:89");
  assert.equal(checkMac(mac), mac);
});
