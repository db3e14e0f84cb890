import assert from "node:assert/strict";
import { bootSubject } from "../../../tests/harness/boot.ts";
import { checkDefaultSetting } from "./default_network.ts";

Deno.test("what is wrong with the default network's driver is said of the setting", async () => {
  using subject = bootSubject();
  for (
    const [defaultNetwork, message] of [
      [
        "bridge:host",
        /^Invalid default network "bridge:host": the network "host" is of the driver/,
      ],
      ["host:mine", /^Invalid default network "host:mine": the driver "host" makes no networks/],
      ["bridg:mine", /^Invalid default network "bridg:mine": unknown driver "bridg"/],
      ["no/driver:mine", /^Invalid default network "no\/driver:mine": unknown driver/],
    ] as const
  ) {
    await using boot = await subject.boot({ defaultNetwork });
    await assert.rejects(checkDefaultSetting(boot), { code: "invalid", message });
  }
  await using boot = await subject.boot({ defaultNetwork: "bridge:mine" });
  await checkDefaultSetting(boot);
});
