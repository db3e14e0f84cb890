import assert from "node:assert/strict";
import type { NetworkRecord } from "../../model/records.ts";
import { pickVni } from "./vni.ts";

const networks = [{ name: "front", vni: 77 }, { name: "bridge" }] as NetworkRecord[];

Deno.test("pickVni() gives what was asked for, by either name, unless it is another's", () => {
  assert.equal(pickVni({ vni: "5" }, networks), 5);
  assert.equal(pickVni({ "com.docker.network.driver.overlay.vxlanid_list": "5" }, networks), 5);
  assert.throws(() => pickVni({ vni: "77" }, networks), {
    code: "exists",
    message: /that of network "front"/,
  });
});

Deno.test("pickVni() picks none that users like to choose", () => {
  for (let i = 0; i < 100; i++) {
    const vni = pickVni({}, networks);
    assert.ok(vni >= 4096 && vni < 2 ** 24, `${vni}`);
  }
});
