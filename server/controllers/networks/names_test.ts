import assert from "node:assert/strict";
import { namesOnlyDriver } from "../../../drivers/names_only/names_only.ts";
import { hostDriver } from "../../../drivers/names_only/host_driver.ts";
import type { NetworkRecord } from "../../model/records.ts";
import { checkDefaultNetwork, checkReserved } from "./names.ts";

Deno.test("checkReserved() goes by no case, as names are stored", () => {
  for (const name of ["netsvc-gateway", "Netsvc-Gateway", "CONTAINER", "default"]) {
    assert.throws(() => checkReserved(name), { code: "invalid", message: /reserved in any case/ });
  }
  checkReserved("front");
});

Deno.test("checkDefaultNetwork() refuses another driver's network, and one that can't be made", () => {
  const names = namesOnlyDriver("mine");
  const mine = { ...names, capabilities: { ...names.capabilities, createsNetworks: true } };
  const existing = { driver: "bridge" } as NetworkRecord;
  checkDefaultNetwork(mine, "front");
  checkDefaultNetwork(hostDriver, "Host");
  for (
    const [driver, name, found, message] of [
      [mine, "front", existing, /is of the driver "bridge"; use "bridge:front"/],
      [mine, "Bridge", undefined, /is of the driver "bridge"/],
      [hostDriver, "front", undefined, /makes no networks; use "host:host"/],
      [mine, "Default", undefined, /reserved/],
    ] as const
  ) assert.throws(() => checkDefaultNetwork(driver, name, found), { code: "invalid", message });
});
