import assert from "node:assert/strict";
import { bootSubject } from "../../../tests/harness/boot.ts";
import { parseDefaultNetwork, planStart } from "./plan.ts";

Deno.test("a default network is DRIVER:NETWORK", () => {
  assert.deepEqual(parseDefaultNetwork("bridge:bridge"), { driver: "bridge", network: "bridge" });
  assert.deepEqual(parseDefaultNetwork("a:b:c"), { driver: "a", network: "b:c" });
  for (const text of ["bridge", ":bridge", "bridge:", ""]) {
    assert.throws(() => parseDefaultNetwork(text), {
      code: "invalid",
      message: /write it DRIVER:/,
    });
  }
});

Deno.test("settings that can't be are refused before anything is made of them", async () => {
  using subject = bootSubject();
  const plan = (settings: Partial<typeof subject.settings>) =>
    planStart({ ...subject.settings, ...settings });
  const invalid = (message: RegExp) => ({ code: "invalid", message });
  await assert.rejects(plan({ hosts: ["nowhere"] }), invalid(/^Invalid host "nowhere"/));
  await assert.rejects(plan({ defaultNetwork: "x" }), invalid(/^Invalid default network "x"/));
  await assert.rejects(plan({ defaultAddressPools: ["x"] }), { code: "invalid" });
  await assert.rejects(plan({ kvStore: "nosuch:host" }), { code: "invalid" });
  const { leaseTtl, hostName, exposure, places } = await plan({ pluginDirs: ["/somewhere"] });
  assert.equal(leaseTtl, subject.settings.leaseTtl * 1000);
  assert.equal(hostName, "one");
  assert.equal(exposure, undefined);
  assert.deepEqual(places, { sockets: ["/somewhere"], specs: ["/somewhere"] });
});
